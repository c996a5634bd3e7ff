"""One rule for the validation split, and the check of a split's name."""

from collections.abc import Sequence

import numpy as np

from interpret.foundation.errors import InterpretError

SPLITS = ("train", "validation", "test")
HELD_OUT = 0.1
"""Share of each class of the published training split that is `validation`."""


def check_split(split: str) -> str:
    """Return `split`, one of train, validation, test."""
    if split not in SPLITS:
        raise InterpretError(f"unknown split {split!r}; available: {', '.join(SPLITS)}")
    return split


def members(labels: Sequence[int], split: str) -> list[int]:
    """Positions of `split` among all published examples of its part, in their order.

    `test` is the published test part, whole. `train` and `validation` divide the published training part: a tenth of
    each class, drawn with a fixed seed, is held out.
    """
    if check_split(split) == "test":
        return list(range(len(labels)))
    held_out = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(0)
    for label in np.unique(labels):
        positions = rng.permutation(np.flatnonzero(np.asarray(labels) == label))
        held_out[positions[: round(HELD_OUT * len(positions))]] = True
    return np.flatnonzero(held_out == (split == "validation")).tolist()
