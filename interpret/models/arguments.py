"""What `load` is given beside its source: each argument is read and checked once, before anything is opened."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from interpret.foundation.errors import InterpretError
from interpret.foundation.options import check_tau
from interpret.foundation.registry import as_names
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models.patches import Asked
from interpret.models.plain import is_count, is_number, is_pair, is_positive, is_range
from interpret.models.settings import Settings, activation_of
from interpret.models.task import check_task


@dataclass(frozen=True)
class Argument:
    """One of them.

    Attributes:
        read: its value as it is used from there on; None where it is not what it should be.
        expected: what it should be, in words.
        of: "file" or "module", where it is of no meaning for the other.
    """

    read: Callable[[Any], Any]
    expected: str = ""
    of: str = ""


def _count(value: Any) -> int | None:
    return value if is_count(value) else None


def _count_or_none_at_all(value: Any) -> int | None:
    return 0 if value == 0 and not isinstance(value, bool) else _count(value)


def _pair(value: Any) -> tuple[int, int] | None:
    return (value[0], value[1]) if is_pair(value, is_count) else None


def _size(value: Any) -> tuple[int, int] | None:
    return (value, value) if is_count(value) else _pair(value)


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) and not isinstance(value, bool) else None


def _above_zero(value: Any) -> float | None:
    return float(value) if is_positive(value) else None


def _numbers(read: Callable[[Any], float | None]) -> Callable[[Any], tuple[float, ...] | None]:
    def each(values: Any) -> tuple[float, ...] | None:
        listed = [values] if not isinstance(values, Iterable) else [] if isinstance(values, str) else list(values)
        numbers = [number for value in listed if (number := read(value)) is not None]
        return tuple(numbers) if numbers and len(numbers) == len(listed) else None

    return each


def _range(value: Any) -> tuple[float, float] | None:
    numbers = _numbers(_number)(value)
    return (numbers[0], numbers[1]) if numbers and is_range(numbers) else None


def _bands(value: Any) -> tuple[int, ...] | None:
    listed = tuple(value) if isinstance(value, tuple | list) else (value,)
    known = len(listed) in (1, 3) and all(_count_or_none_at_all(each) is not None for each in listed)
    return listed if known else None


def _name(value: Any) -> str | None:
    return printable(value) if isinstance(value, str) and value else None


def _activation(value: Any) -> str:
    return activation_of(value, "load")


ARGUMENTS = {
    "mechanism": Argument(lambda name: MECHANISMS[name].name),
    "tau": Argument(check_tau),
    "backbone": Argument(_name, "timm's name of an architecture", "file"),
    "heads": Argument(_count, "a whole number above 0", "file"),
    "activation": Argument(_activation, of="file"),
    "eps": Argument(_above_zero, "a number above 0", "file"),
    "head_activation": Argument(_activation, of="file"),
    "key": Argument(_name, "the name of a ViT of the file", "file"),
    "grid": Argument(_pair, "two whole numbers above 0, height before width", "module"),
    "prefix": Argument(_count_or_none_at_all, "a whole number", "module"),
    "layers": Argument(_count, "how many layers it has, a whole number above 0", "module"),
    "img_size": Argument(_size, "two whole numbers above 0, height before width"),
    "classes": Argument(lambda names: tuple(map(printable, as_names(names)))),
    "mean": Argument(_numbers(_number), "a number for each channel of the input"),
    "std": Argument(_numbers(_above_zero), "a number for each channel of the input, each above 0"),
    "range": Argument(_range, "two numbers, the lower before the higher"),
    "bands": Argument(_bands, "one channel or three, counted from 0"),
    "task": Argument(check_task),
    "name": Argument(_name, "a name"),
}
"""By their names in `load`."""

OF_INPUT = ("classes", "mean", "std", "range", "bands", "task")
"""Those that are fields of `ModelSpec` too."""
ADVICE = {
    "file": "is for files, a live {kind} has its own; build the module with it",
    "module": "is for live modules, whose tokens do not say it; a file has its own",
}


def checked(arguments: Mapping[str, Any], kind: str, *, live: bool) -> dict[str, Any]:
    """Those that are given, as they are used from there on.

    Args:
        kind: what the source is, for messages.
        live: whether it is a live module.

    Raises:
        InterpretError: one that is not what it should be, or that means nothing for such a source.
    """
    given = {name: _listed(value) for name, value in arguments.items() if value is not None}
    for name in given:
        of = ARGUMENTS[name].of
        if of == ("file" if live else "module"):
            raise InterpretError(f"load: {name}= {ADVICE[of].format(kind=kind)}; leave it out")
    values = {name: _read(name, value) for name, value in given.items()}
    return {name: value for name, value in values.items() if value != ()}


def _listed(value: Any) -> Any:
    """Of an array of NumPy or PyTorch its numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def _read(name: str, value: Any) -> Any:
    read = ARGUMENTS[name].read(value)
    if read is None:
        raise InterpretError(f"load: {name}={value!r:.80}; expected {ARGUMENTS[name].expected}")
    return read


def of_file(values: Mapping[str, Any]) -> Settings:
    """What they say of how a file is built."""
    return Settings(**{name: values[name] for name in values if ARGUMENTS[name].of == "file" or name == "img_size"})


def of_module(values: Mapping[str, Any]) -> Asked:
    """What they say of the tokens of a live module."""
    return Asked(**{name: values[name] for name in values if ARGUMENTS[name].of == "module" or name == "img_size"})


def of_input(values: Mapping[str, Any]) -> dict[str, Any]:
    """What they say of the input and the output of any model: fields of `ModelSpec`."""
    return {name: values[name] for name in OF_INPUT if name in values}
