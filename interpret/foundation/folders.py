"""A folder that is written whole or not at all, also where its writer is killed or another writes it meanwhile."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from interpret.foundation.errors import InterpretError
from interpret.foundation.files import not_written

NEW, OLD, LOCK = "new", "old", "lock"
"""In the folder beside: what is being written, what it replaces, and the sign that its writer is alive."""


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Scope with a new folder to fill: it takes the place of `out` at the end; after a failure all is as it was.

    Raises:
        InterpretError: it cannot be written, or another run wrote it meanwhile.
    """
    try:
        before = _identity(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with _beside(out) as holder:
            folder = holder / NEW
            folder.mkdir()
            yield folder
            if _identity(out) != before:
                raise InterpretError(f"{out} was written by another run meanwhile and is kept; choose another folder")
            _replace(out, holder)
    except OSError as error:
        raise not_written(out, error) from error


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Scope with a folder beside `out` that is known to be in use."""
    holder = Path(tempfile.mkdtemp(dir=out.parent, prefix=_prefix(out)))
    lock = FileLock(holder / LOCK)
    try:
        lock.acquire()
        yield holder
    finally:
        lock.release()
        shutil.rmtree(holder, ignore_errors=True)  # another run may clear it as soon as the lock is released


def clear_left(out: Path) -> None:
    """Remove what writers of `out` that were killed have left; a pack that one was about to replace comes back.

    The system lets go of a lock when a process ends, however it ends; who is alive holds it.
    """
    beside = list(out.parent.iterdir()) if out.parent.is_dir() else []
    for holder in (path for path in beside if path.name.startswith(_prefix(out))):
        with suppress(Timeout, OSError):  # alive, or cleared by another process of this job
            with FileLock(holder / LOCK, timeout=0):
                if (holder / OLD).exists() and not out.exists():
                    (holder / OLD).rename(out)
            shutil.rmtree(holder, ignore_errors=True)


def _prefix(out: Path) -> str:
    return f".{out.name}.unfinished-"


def _identity(out: Path) -> tuple[int, int] | None:
    if not out.exists():
        return None
    status = out.stat()
    return status.st_dev, status.st_ino


def _replace(out: Path, holder: Path) -> None:
    """Put what is new in the place of `out`; what was there comes back if that fails."""
    try:
        if out.exists():
            out.rename(holder / OLD)
        (holder / NEW).rename(out)
    except BaseException:
        if (holder / OLD).exists() and not out.exists():
            (holder / OLD).rename(out)
        raise
