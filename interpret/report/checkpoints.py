"""A checkpoint as the command names it: FILE, or FILE:KEY=VALUE,... with what it says wrongly or not at all."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpret.foundation.command_line import above_zero, check_entries, entries, number, positive, threshold
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
    try:
        check_entries("mechanism", "mechanisms", [text])
    except InterpretError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


@dataclass(frozen=True)
class Override:
    """What `load` takes, as the command takes it: for all files as an option, for one as FILE:KEY=VALUE.

    Attributes:
        read: makes a value, or one of several, of its text.
        metavar, help: of the option.
        join: makes one value of several, which spaces part after an option, and commas in FILE:KEY=VALUE.
    """

    read: Callable[[str], Any]
    metavar: str
    help: str = ""
    join: Callable[[list[Any]], Any] | None = None

    def joined(self, values: list[Any]) -> Any:
        """The one value."""
        return self.join(values) if self.join else values[0]


CHANNELS = "one for each channel of the input"
OVERRIDES = {
    "mechanism": Override(_mechanism, "NAME", ", ".join(entries("mechanisms"))),
    "tau": Override(threshold, "T", "the models' own threshold, in [0, 1); several are a --sweep"),
    "backbone": Override(str, "NAME", "timm's name"),
    "heads": Override(positive, "N"),
    "classes": Override(names_of, "NAME,NAME...", "in the order of the logits"),
    "img_size": Override(positive, "N", "height and width, or one for both", size_of),
    "mean": Override(number, "M", CHANNELS, tuple),
    "std": Override(above_zero, "S", f"{CHANNELS}, each above 0", tuple),
}
"""By the names of the arguments of `load`."""


def of_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say of all files.

    Raises:
        InterpretError: an input size of more than two numbers.
    """
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    return {name: OVERRIDES[name].joined(values) for name, values in given.items() if values}


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
    override = OVERRIDES[name]
    parts = value.split(",") if override.join else [value]
    try:
        return name, override.joined(list(map(override.read, parts)))
    except (argparse.ArgumentTypeError, InterpretError) as error:
        raise InterpretError(f"{pair}: {error}") from error
