"""Where the files of a data set lie."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from interpret.data._opening import reason
from interpret.foundation.errors import ImageError

ENVIRONMENT = "INTERPRET_DATA"
CACHE = Path("~/.cache/interpret")


def locate(
    name: str, root: Path | None, candidates: Sequence[str], download: Callable[[str], object], here: str
) -> Path:
    """The first of `candidates` below `root`; without a root below $INTERPRET_DATA, then in the cache, else downloaded.

    Args:
        candidates: relative paths, any of which holds the data set.
        download: fills the folder it is given.
        here: one more, for a root that the user named.

    Raises:
        ImageError: nothing is there, or the download failed.
    """
    if root is not None:
        return _first(root.expanduser(), [*candidates, here]) or _refuse(name, root, candidates)
    cache = CACHE.expanduser()
    folders = [Path(os.environ[ENVIRONMENT]).expanduser(), cache] if os.environ.get(ENVIRONMENT) else [cache]
    for folder in folders:
        if existing := _first(folder, candidates):
            return existing
    _fetch(name, cache, download)
    return _first(cache, candidates) or _refuse(name, cache, candidates)


def _first(folder: Path, candidates: Sequence[str]) -> Path | None:
    return next((folder / candidate for candidate in candidates if (folder / candidate).exists()), None)


def _refuse(name: str, root: Path, candidates: Sequence[str]) -> Path:
    raise ImageError(f"data set {name!r}: nothing found in {root}; expected one of {', '.join(candidates)}")


def _fetch(name: str, folder: Path, download: Callable[[str], object]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        download(str(folder))
    except (OSError, RuntimeError) as error:
        raise ImageError(
            f"data set {name!r} could not be downloaded ({reason(error)}); pass {name}:ROOT or set {ENVIRONMENT}"
        ) from error
