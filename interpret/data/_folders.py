"""The images below a folder on disk, and what lies beside them and is passed over."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from interpret.data._opening import reason
from interpret.foundation.errors import ImageError
from interpret.foundation.text import printable

SUFFIXES = {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}

logger = logging.getLogger(__name__)


def images_below(folder: Path) -> tuple[list[str], str]:
    """All images below a folder, as relative paths in alphabetical order, and a line on what else is there, or "".

    Folders that are links are entered. Hidden files are neither images nor worth a word.

    Raises:
        ImageError: a link leads to a folder that is among them already, so that its images would count twice, or to
            one above.
    """
    closed: list[OSError] = []
    files = sorted(path.relative_to(folder).as_posix() for path in _walk(folder, closed))
    images = [file for file in files if is_image(file) and (folder / file).is_file()]
    known = set(images)
    others = [file for file in files if file not in known and not PurePosixPath(file).name.startswith(".")]
    passed_over = "; ".join(filter(None, [_others(others), _closed(folder, closed)]))
    if passed_over:
        logger.warning("%s: %s", printable(folder.name), passed_over)
    return images, passed_over


def is_image(path: str) -> bool:
    """Whether a file is called like an image that can be opened."""
    name = PurePosixPath(path)
    return name.suffix.lower() in SUFFIXES and not name.name.startswith(".")


def _walk(folder: Path, closed: list[OSError]) -> Iterator[Path]:
    reached = {_identity(above): above for above in folder.resolve().parents}
    for place, _, names in os.walk(folder, onerror=closed.append, followlinks=True):
        try:
            first = reached.setdefault(_identity(Path(place)), Path(place))
        except OSError as error:  # gone since it was listed
            closed.append(error)
            continue
        if first != Path(place):
            raise ImageError(f"{place} is {first} again, by a link; remove the link, or no image would count once")
        yield from (Path(place, name) for name in names)


def _identity(place: Path) -> tuple[int, int]:
    status = place.stat()
    return status.st_dev, status.st_ino


def _others(files: list[str]) -> str:
    if not files:
        return ""
    count = f"{len(files)} file{'s' * (len(files) > 1)} passed over, no image that can be opened"
    return f"{count}: {printable(files[0])}{', ...' if len(files) > 1 else ''}"


def _closed(folder: Path, errors: list[OSError]) -> str:
    if not errors:
        return ""
    names = sorted(Path(error.filename).relative_to(folder).as_posix() for error in errors)
    count = f"{len(names)} folder{'s' * (len(names) > 1)} that cannot be read ({reason(errors[0])})"
    return f"{count}: {printable(names[0])}{', ...' if len(names) > 1 else ''}"
