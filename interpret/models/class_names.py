"""Names of classes as a command is told them: in a row, or in a file."""

import json
import os
from pathlib import Path
from typing import Any

from interpret.foundation.errors import InterpretError, read_as
from interpret.foundation.files import check_exists
from interpret.foundation.text import printable

SUFFIXES = (".json", ".txt")


def named_classes(text: str) -> tuple[str, ...]:
    """Names separated by commas, or those that a file holds.

    A file has one name a line, or is JSON: a list, numbers -> names ("0": "tench", or "0": ["n01440764", "tench"]), or
    names -> numbers.

    Raises:
        InterpretError: a file that is not there, or holds something else.
    """
    path = Path(text)
    if not os.path.isfile(text) and ("," in text or not (path.suffix in SUFFIXES or os.sep in text)):
        return tuple(printable(name.strip()) for name in text.split(","))
    check_exists(path, InterpretError, "a file of class names, one a line, or JSON")
    if not path.is_file():
        raise InterpretError(f"{path} is no file; expected one of class names, one a line, or JSON")
    with read_as(str(path), "names of classes, one a line, or a JSON list or dict"):
        content = path.read_text(encoding="utf-8-sig")
        listed = _listed(json.loads(content)) if path.suffix == ".json" else content.split("\n")
        names = tuple(printable(name.strip()) for name in listed if name.strip())
    if not names:
        raise InterpretError(f"{path}: no names in it; expected one class a line, or a JSON list or dict")
    return names


def _listed(value: Any) -> list[str]:
    """The names in the order of their numbers.

    Raises:
        ValueError: the numbers are not 0, 1, 2 ... or something is no name.
    """
    if isinstance(value, dict):
        turned = all(isinstance(number, int) for number in value.values())
        pairs = [(number, name) for name, number in value.items()] if turned else value.items()
        numbered = {int(number): name for number, name in pairs}
        if set(numbered) != set(range(len(numbered))):
            raise ValueError(f"the numbers are {sorted(numbered)[:8]}, not 0 to {len(numbered) - 1}")
        value = [numbered[number] for number in range(len(numbered))]
    if not isinstance(value, list):
        raise ValueError(f"a {type(value).__name__} is neither a list nor a dict")
    names = [name[-1] if isinstance(name, list) else name for name in value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("something is no name")
    return names
