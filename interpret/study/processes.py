"""The processes of one job, as `accelerate launch` starts them: which items are whose, and results put together."""

from typing import Any

from torch import distributed as dist

from interpret.foundation.errors import InterpretError


def my_share(count: int) -> range:
    """Positions of the items that this process looks at: every n-th of `count`, all where it is alone.

    Raises:
        InterpretError: fewer items than processes, for one without an item would wait for the others for ever.
    """
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    if count < processes:
        raise InterpretError(f"{count} images for {processes} processes; each needs at least one")
    return range(count)[rank::processes]


def put_together(mine: list[Any]) -> list[Any]:
    """The results of all processes in the order of the items, each process giving one for each item of its share."""
    if not dist.is_initialized():
        return mine
    parts: list[list[Any]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, mine)
    count = sum(map(len, parts))
    return [parts[position % len(parts)][position // len(parts)] for position in range(count)]
