"""A checkpoint as the command names it: FILE, or FILE:KEY=VALUE,... with what it says wrongly or not at all."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from interpret.foundation.errors import InterpretError
from interpret.foundation.files import place_name
from interpret.foundation.registry import check_name
from interpret.models.overrides import OVERRIDES

WITH_OVERRIDES = re.compile(r"(.+?):([A-Za-z_-]+=.*)", re.DOTALL)


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


def named(text: str) -> str:
    """The same with the names of files alone."""
    match = None if Path(text).exists() else WITH_OVERRIDES.fullmatch(text)
    if match is None:
        return place_name(text)
    pairs = (pair.partition("=") for pair in match[2].split(","))
    said = ",".join(f"{key}{sign}{place_name(value) if os.path.isfile(value) else value}" for key, sign, value in pairs)
    return f"{place_name(match[1])}:{said}"


def _override(pair: str) -> tuple[str, Any]:
    key, _, value = pair.partition("=")
    name = check_name("override", key.replace("-", "_"), list(OVERRIDES))
    override = OVERRIDES[name]
    parts = value.split(",") if override.join else [value]
    try:
        return name, override.joined(list(map(override.read, parts)))
    except (argparse.ArgumentTypeError, InterpretError) as error:
        raise InterpretError(f"{pair}: {error}") from error
