"""What a command may say of a model that its file does not say, or to override it; read without PyTorch."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from interpret.foundation.command_line import above_zero, check_entries, entries, number, positive, threshold
from interpret.foundation.errors import InterpretError
from interpret.models.class_names import named_classes
from interpret.models.plain import is_range
from interpret.models.task import TASKS, check_task


def size_of(numbers: Sequence[int]) -> tuple[int, int]:
    """(height, width) of an input.

    Raises:
        InterpretError: more than two numbers.
    """
    if len(numbers) > 2:
        raise InterpretError(f"an input size is height and width, or one number for both; got {len(numbers)} numbers")
    return numbers[0], numbers[-1]


def range_of(numbers: Sequence[float]) -> tuple[float, float]:
    """(low, high) of pixel values.

    Raises:
        InterpretError: not two numbers, or the lower not first.
    """
    if not is_range(tuple(numbers)):
        shown = " ".join(f"{number:g}" for number in numbers)
        raise InterpretError(f"a range is LOW HIGH, the pixel values that are black and white; got {shown}")
    return numbers[0], numbers[1]


def _checked(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """What a check returns; what it refuses is refused as an argument."""

    def read(text: str) -> Any:
        try:
            return check(text)
        except InterpretError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _mechanism(text: str) -> str:
    check_entries("mechanism", "mechanisms", [text])
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
    "mechanism": Override(_checked(_mechanism), "NAME", ", ".join(entries("mechanisms"))),
    "tau": Override(threshold, "T", "the models' own threshold, in [0, 1); several are a --sweep"),
    "backbone": Override(str, "NAME", "timm's name"),
    "heads": Override(positive, "N"),
    "activation": Override(str, "NAME", "of the MLPs: gelu, quick_gelu, gelu_tanh, relu, silu"),
    "eps": Override(above_zero, "E", "of the LayerNorms"),
    "head_activation": Override(str, "NAME", "between the layers of a head; none for nothing"),
    "key": Override(str, "NAME", "which ViT of a file that holds several"),
    "classes": Override(
        _checked(named_classes), "FILE", "a file, one name a line or JSON, or NAME,NAME..., in the order of the logits"
    ),
    "img_size": Override(positive, "N", "height and width, or one for both", size_of),
    "mean": Override(number, "M", CHANNELS, tuple),
    "std": Override(above_zero, "S", f"{CHANNELS}, each above 0", tuple),
    "range": Override(number, "V", "pixel values LOW HIGH that are black and white, as 0 4095 of 12 bits", range_of),
    "task": Override(_checked(check_task), "NAME", f"what the outputs are: {', '.join(TASKS)}"),
}
"""By the names of the arguments of `load`."""


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say of all files, as `load` takes it.

    Raises:
        InterpretError: an input size of more than two numbers.
    """
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    return {name: OVERRIDES[name].joined(values) for name, values in given.items() if values}


def add_overrides(group: argparse._ArgumentGroup) -> None:
    """An option for each of `OVERRIDES`."""
    for name, each in OVERRIDES.items():
        count = "+" if each.join else 1
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, type=each.read, nargs=count, metavar=each.metavar, help=each.help or None)
