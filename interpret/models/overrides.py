"""What a command may say of a model that its file does not say, or to override it; read without PyTorch."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from interpret.foundation.command_line import check_entries, entries, positive, threshold
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import printable


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


def _number(text: str) -> float:
    return _numbers(text)[0]


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
    "activation": str,
    "eps": _number,
    "head_activation": str,
    "key": str,
    "classes": names_of,
    "img_size": lambda text: size_of([positive(part) for part in text.split(",")]),
    "mean": _numbers,
    "std": _numbers,
}
"""What `load` takes, under the names of the options, and how a value of it is read."""


def add_overrides(group: argparse._ArgumentGroup) -> None:
    """An option for each of `OVERRIDES`."""
    group.add_argument("--mechanism", metavar="NAME", help=", ".join(entries("mechanisms")))
    group.add_argument(
        "--tau", type=threshold, metavar="T", help="the models' own threshold, in [0, 1); several are a --sweep"
    )
    group.add_argument("--backbone", metavar="NAME", help="timm's name")
    group.add_argument("--heads", type=positive, metavar="N")
    group.add_argument("--activation", metavar="NAME", help="of the MLPs: gelu, quick_gelu, gelu_tanh, relu, silu")
    group.add_argument("--eps", type=float, metavar="E", help="of the LayerNorms")
    group.add_argument("--head-activation", metavar="NAME", help="between the layers of a head; none for nothing")
    group.add_argument("--key", metavar="NAME", help="which ViT of a file that holds several")
    group.add_argument("--classes", type=names_of, metavar="NAME,NAME...", help="in the order of the logits")
    group.add_argument("--img-size", type=positive, nargs="+", metavar="N", help="height and width, or one for both")
    group.add_argument("--mean", type=float, nargs="+", metavar="M", help="one for each channel of the input")
    group.add_argument("--std", type=float, nargs="+", metavar="S", help="one for each channel of the input")


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `load` is to be told."""
    known = {name: getattr(arguments, name) for name in OVERRIDES}
    return known | {"img_size": arguments.img_size and size_of(arguments.img_size)}
