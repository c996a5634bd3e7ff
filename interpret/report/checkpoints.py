"""A checkpoint as the command names it: FILE, or FILE:KEY=VALUE,... with what it says wrongly or not at all."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from interpret.foundation.command_line import check_entries, positive, threshold
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import printable
from interpret.foundation.registry import check_name

WITH_OVERRIDES = re.compile(r"(.+?):([A-Za-z_-]+=.*)", re.DOTALL)


def names_of(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(printable(name.strip()) for name in text.split(","))


def size_of(numbers: Sequence[int]) -> tuple[int, int]:
    """(height, width) of an input.

    Raises:
        InterpretError: more than two numbers.
    """
    if len(numbers) > 2:
        raise InterpretError(f"an input size is height and width, or one number for both; got {len(numbers)} numbers")
    return numbers[0], numbers[-1]


def _mechanism(text: str) -> str:
    check_entries("mechanism", "mechanisms", [text])
    return text


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InterpretError(f"{text!r} is not a list of numbers such as 0.5,0.5,0.5") from error


OVERRIDES: dict[str, Callable[[str], Any]] = {
    "mechanism": _mechanism,
    "tau": threshold,
    "backbone": str,
    "heads": positive,
    "classes": names_of,
    "img_size": lambda text: size_of([positive(part) for part in text.split(",")]),
    "mean": _numbers,
    "std": _numbers,
}
"""What `load` takes, under the names of the options, and how a value of it is read."""


def separate(text: str) -> tuple[Path, dict[str, Any]]:
    """The file, and what `load` is to be told of it alone. A file whose own name looks like that is a file.

    Raises:
        InterpretError: a key that is none, or a value that cannot be.
    """
    match = None if Path(text).exists() else WITH_OVERRIDES.fullmatch(text)
    if match is None:
        return Path(text), {}
    pairs = [_override(pair) for pair in re.split(r",(?=[A-Za-z_-]+=)", match[2])]
    if len(dict(pairs)) < len(pairs):
        raise InterpretError(f"{text} says something twice; say each override once")
    return Path(match[1]), dict(pairs)


def _override(pair: str) -> tuple[str, Any]:
    key, _, value = pair.partition("=")
    name = check_name("override", key.replace("-", "_"), list(OVERRIDES))
    try:
        return name, OVERRIDES[name](value)
    except (argparse.ArgumentTypeError, InterpretError) as error:
        raise InterpretError(f"{pair}: {error}") from error
