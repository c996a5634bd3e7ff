"""Files on disk: found, called by a name that can be printed, written whole or not at all, told apart by their hash."""

import difflib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from interpret.foundation.errors import InterpretError, first_line


def check_exists(path: Path, error: type[InterpretError], expected: str) -> None:
    """Refuse a path that is not there, with the name beside it that is nearest.

    Args:
        error: what is raised.
        expected: what should be there, for the case that nothing is near.
    """
    if path.exists():
        return
    if path.is_symlink():
        raise error(f"{path}: a link that leads nowhere; it points to {os.readlink(path)}")
    beside = sorted(other.name for other in path.parent.iterdir()) if path.parent.is_dir() else []
    nearest = difflib.get_close_matches(path.name, beside, n=1)
    hint = f"did you mean {path.parent / nearest[0]}?" if nearest else f"expected {expected}"
    raise error(f"{path}: no such file; {hint}")


def place_name(path: str) -> str:
    """The name of whatever lies at `path`, "." too."""
    return os.path.basename(os.path.abspath(path))


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
        raise not_written(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def not_written(path: Path, error: Exception) -> InterpretError:
    """What a full disk, or a place that is closed, is told as."""
    reason = getattr(error, "strerror", None) or first_line(error)
    return InterpretError(
        f"{path} cannot be written ({reason}); free some space or choose another place; nothing there was changed"
    )


def sha256(*paths: Path) -> str:
    """Hex digest of a file, or of several, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
