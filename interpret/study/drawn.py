"""Which images a study looks at: drawn by a seed, without those that cannot be read."""

import logging
from itertools import islice

import numpy as np

from interpret.data import Dataset
from interpret.foundation.errors import ImageError, UnreadableImageError

logger = logging.getLogger(__name__)


def draw(data: Dataset, seed: int, count: int) -> tuple[list[int], dict[str, str]]:
    """Positions of `count` images that can be read, and of those met before them that cannot, what is wrong.

    They are drawn by `seed` from a labelled set, and are the first ones of another.

    Raises:
        ImageError: none can be read.
    """
    unreadable: dict[str, UnreadableImageError] = {}
    order = np.random.default_rng(seed).permutation(len(data)).tolist() if data.classes else range(len(data))
    positions = list(islice((position for position in order if _can_be_read(data, position, unreadable)), count))
    if not positions:
        first = next(iter(unreadable.values()))
        raise first if len(unreadable) == 1 else ImageError(f"none of {len(unreadable)} images can be read: {first}")
    if unreadable:
        _say(unreadable)
    return positions, {name: error.why for name, error in unreadable.items()}


def _can_be_read(data: Dataset, position: int, unreadable: dict[str, UnreadableImageError]) -> bool:
    try:
        data[position]
    except UnreadableImageError as error:
        unreadable[error.image] = error
        return False
    return True


def _say(unreadable: dict[str, UnreadableImageError]) -> None:
    first, *others = unreadable.values()
    rest = f", and {len(others)} more" if others else ""
    logger.warning("left out: %s%s", first, rest)
