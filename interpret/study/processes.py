"""The processes of one job, as `torchrun` starts them: which items are whose, results put together, all alive."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed as dist

from interpret.foundation.errors import InterpretError

PULSE, SILENCE, GRACE = 5.0, 40.0, 2.0
"""Seconds between signs of life; without one, until a process counts as gone; to end by an error of its own."""
GONE = "another process of this job has ended or stands still, so this one ends too; see what that one said"


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


@contextmanager
def alive_together(program: str) -> Iterator[None]:
    """Scope at whose end all processes of the job have come; where one is killed or stopped, the others end, code 2.

    A slow one is waited for: a thread of each shows that it lives, whatever its work is.

    Args:
        program: what says the line of a process that ends because another has.

    Raises:
        InterpretError: another process has ended.
    """
    if not dist.is_initialized():
        yield
        return
    pulse = _Pulse(program)
    pulse.start()
    try:
        yield
    except BaseException as error:
        pulse.ending.set()
        if isinstance(error, RuntimeError) and pulse.lost.wait(2 * PULSE):
            raise InterpretError(GONE) from error
        raise
    pulse.done.set()
    pulse.join()


class _Pulse(threading.Thread):
    """Signs of life among the processes, until all are done."""

    def __init__(self, program: str) -> None:
        super().__init__(daemon=True)
        self.program = program
        self.group: Any = dist.new_group(backend="gloo", timeout=timedelta(seconds=SILENCE))
        self.done, self.ending, self.lost = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        finished = torch.zeros(1)
        while finished < dist.get_world_size():
            finished = torch.tensor([float(self.done.is_set())])
            try:
                dist.all_reduce(finished, group=self.group)
            except RuntimeError:
                self.lost.set()
                return self._end()
            self.done.wait(PULSE)
        return None

    def _end(self) -> None:
        """The main thread, unless it ends of itself, may hang in a call that nothing else ends."""
        if not self.ending.wait(GRACE):
            sys.stderr.write(f"{self.program}: error: {GONE}\n")
            sys.stderr.flush()
            os._exit(2)
