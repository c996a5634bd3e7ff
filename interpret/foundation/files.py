"""Files on disk: written whole or not at all, told apart by their hash."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from interpret.foundation.errors import InterpretError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """`write` to a sibling file, then rename: an interruption leaves the old file intact.

    Raises:
        InterpretError: the disk is full, or the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        raise InterpretError(
            f"{path} cannot be written ({reason}); free some space or choose another place; nothing there was changed"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
