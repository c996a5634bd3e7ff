"""What is wrong with a command that can be told before anything heavy is imported, in a fraction of a second."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from interpret.foundation.command_line import check_entries
from interpret.foundation.data_spec import check_data
from interpret.foundation.errors import ImageError, InterpretError
from interpret.foundation.files import check_exists, not_written
from interpret.foundation.options import STRENGTHS
from interpret.foundation.text import printable
from interpret.models.overrides import overrides
from interpret.models.weights import weight_file
from interpret.report.manifest import MANIFEST, Manifest
from interpret.study.store import Store


def check(arguments: argparse.Namespace) -> None:
    """Paths, names and places of the command `python -m interpret.report`.

    Raises:
        InterpretError: the first thing that is wrong.
    """
    for path in arguments.compare or ():
        Manifest.read(path)
    for path in arguments.checkpoints:
        weight_file(path)
    given_once(arguments.checkpoints)
    for path in arguments.images or ():
        check_exists(path, ImageError, "an image or a folder of images")
    if arguments.data:
        check_data(arguments.data)
    check_entries("attribution", "attributions", arguments.attributions or ())
    check_entries("indicator", "indicators", arguments.indicators)
    _check_swept(arguments.sweep or ())
    overrides(arguments)
    if arguments.checkpoints:
        check_free(place(arguments), arguments.overwrite, "replace it (--overwrite)")
    if arguments.checkpoints and arguments.store:
        Store(arguments.store)


def _check_swept(sweeps: Sequence[tuple[str, tuple[float, ...] | None]]) -> None:
    names = [name for name, _ in sweeps]
    check_entries("intervention", "interventions", names)
    for name, count in Counter(names).items():
        if count > 1:
            raise InterpretError(f"--sweep names {name} twice; give its strengths at once: {name}=S,S")
    for name, values in sweeps:
        for value in values or ():
            STRENGTHS.get(name, float)(value)


def place(arguments: argparse.Namespace) -> Path:
    """The folder of the pack: named, or after the checkpoints."""
    return arguments.out or Path("figures", "_".join(printable(path.stem) for path in arguments.checkpoints))


def check_free(out: Path, overwrite: bool, advice: str) -> None:
    """Refuse a folder that must not be written to, before any work is done for it; what killed runs left is removed.

    Args:
        advice: how the caller says that it may be replaced.

    Raises:
        InterpretError: it exists and may not be replaced, holds something other than a pack, or cannot be made.
    """
    from interpret.foundation.folders import clear_left

    try:
        clear_left(out)
        above = next(path for path in out.absolute().parents if path.exists())
        there = out if out.exists() else above
    except OSError as error:
        raise not_written(out, error) from error
    if not there.is_dir():
        raise InterpretError(f"{out}: {there} is a file, so there is no folder to write to; choose another place")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InterpretError(f"{out}: nothing may be written in {above}; choose another place")
    if there != out or not any(out.iterdir()):
        return
    try:
        Manifest.read(out / MANIFEST)
    except InterpretError as error:
        raise InterpretError(
            f"{out} is not a figure pack and is never replaced ({error}); choose another folder"
        ) from error
    if not overwrite:
        raise InterpretError(f"{out} already exists; choose another folder, or {advice}")


def given_once(paths: Sequence[Path]) -> None:
    """Refuse a checkpoint that is named twice."""
    twice = [str(path) for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise InterpretError(f"{twice[0]} is given twice; name it once, and copy it for another override")
