"""What a file says beside its tensors, as plain values: numbers, words and containers of them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from interpret.foundation.text import printable

DEEPEST, MOST = 12, 10_000_000


class NotPlainError(ValueError):
    """Something else, or more of it than anybody writes."""


def plain(value: Any) -> Any:
    """The same value, its words printable, its containers new.

    Raises:
        NotPlainError: an object, infinity, a number of more than 64 bits, too deep, or too much.
    """
    return _plain(value, DEEPEST, [MOST])


def is_number(value: Any) -> bool:
    """Whether it is a finite number of at most 64 bits."""
    return (isinstance(value, int) and abs(value) < 2**63) or (isinstance(value, float) and math.isfinite(value))


def is_count(value: Any) -> bool:
    """Whether it is a whole number above 0."""
    return is_positive(value) and isinstance(value, int)


def is_positive(value: Any) -> bool:
    """Whether it is a finite number above 0, and no flag."""
    return is_number(value) and not isinstance(value, bool) and value > 0


def is_size(value: Any, fits: Callable[[Any], bool] = is_count) -> bool:
    """Whether it is a length, or one for height and one for width.

    Args:
        fits: what a length has to be.
    """
    return fits(value) or is_pair(value, fits)


def is_pair(value: Any, fits: Callable[[Any], bool]) -> bool:
    """Whether it is two of what fits."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(fits, value))


def is_range(values: Any) -> bool:
    """Whether it is two numbers, the lower before the higher."""
    return is_pair(values, is_number) and values[0] < values[1]


def _plain(value: Any, deepest: int, left: list[int]) -> Any:
    left[0] -= 1
    if not deepest or not left[0]:
        raise NotPlainError
    if isinstance(value, str):
        return printable(value)
    if value is None or is_number(value) or (isinstance(value, float) and math.isnan(value)):
        return value
    if isinstance(value, list | tuple):
        return type(value)(_plain(each, deepest - 1, left) for each in value)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {printable(name): _plain(each, deepest - 1, left) for name, each in value.items()}
    raise NotPlainError
