"""What is wrong with a command that can be told before anything heavy is imported, in a fraction of a second."""

import argparse
import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from interpret.foundation.command_line import entries
from interpret.foundation.errors import CheckpointError, ImageError, InterpretError, UnknownNameError

MANIFEST = "manifest.json"
SQLITE = b"SQLite format 3\x00"


def check(arguments: argparse.Namespace) -> None:
    """Paths, names and places of the command `python -m interpret.report`.

    Raises:
        InterpretError: the first thing that is wrong.
    """
    for path in arguments.compare or ():
        _there(path, InterpretError, "expected the manifest.json of a pack")
    for path in arguments.checkpoints:
        _there(path, CheckpointError, "expected a checkpoint (.pt, .pth, .ckpt, .bin, .safetensors)")
    given_once(arguments.checkpoints)
    for path in arguments.images or ():
        _there(path, ImageError, "expected an image or a folder of images")
    if arguments.data:
        _data(arguments.data)
    if arguments.store and arguments.store.is_file():
        _store(arguments.store)
    if arguments.checkpoints:
        check_free(place(arguments), arguments.overwrite, "replace it (--overwrite)")


def place(arguments: argparse.Namespace) -> Path:
    """The folder of the pack: named, or after the checkpoints."""
    return arguments.out or Path("figures", "_".join(path.stem for path in arguments.checkpoints))


def check_free(out: Path, overwrite: bool, advice: str) -> None:
    """Refuse a folder that must not be written to, before any work is done for it.

    Args:
        advice: how the caller says that it may be replaced.

    Raises:
        InterpretError: it exists and may not be replaced, or holds something other than a pack.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise InterpretError(f"{out} already exists; choose another folder, or {advice}")
    if not (out / MANIFEST).is_file():
        raise InterpretError(
            f"{out} is not a figure pack (it has no {MANIFEST}) and is not overwritten; choose another folder"
        )


def given_once(paths: Sequence[Path]) -> None:
    """Refuse a checkpoint that is named twice."""
    twice = [str(path) for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise InterpretError(f"{twice[0]} is given twice; name every checkpoint once")


def _there(path: Path, error: type[InterpretError], expected: str) -> None:
    if path.exists():
        return
    beside = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
    nearest = difflib.get_close_matches(path.name, beside, n=1)
    hint = f"; did you mean {path.parent / nearest[0]}?" if nearest else f"; {expected}"
    raise error(f"{path}: no such file{hint}")


def _data(text: str) -> None:
    name, _, root = text.partition(":")
    known = entries("data")
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        raise UnknownNameError(f"unknown data set {name!r}; {hint}available: {', '.join(known)}")
    if root and not Path(root).expanduser().exists():
        raise ImageError(f"data set {name!r}: {root} does not exist; give the folder or archive that holds it")


def _store(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(SQLITE))
    if head and head != SQLITE:
        raise InterpretError(
            f"{path}: cannot be used as a store of results (it is something else); name a new file, or one made as such"
        )
