"""NAME or NAME:ROOT, as the commands name a data set: what can be refused before the data set is opened."""

import os
from pathlib import Path

from interpret.foundation.errors import ImageError
from interpret.foundation.registry import check_name, entry_files
from interpret.foundation.text import printable


def check_data(spec: str) -> None:
    """Refuse a data set that cannot be there.

    Raises:
        UnknownNameError: none of that name.
        ImageError: a path in place of a name, nothing lies at ROOT, or a folder of images is nowhere.
    """
    name, _, root = spec.partition(":")
    if not root and os.sep in name:
        raise ImageError(f"{printable(name)} is no name of a data set; a folder of images is imagefolder:PATH")
    check_name("data set", name, entry_files("interpret.data"))
    if root and not Path(root).expanduser().exists():
        raise ImageError(f"data set {name!r}: {root} does not exist; give the folder or archive that holds it")
    if name == "imagefolder":
        image_folder(Path(root) if root else None)


def image_folder(root: Path | None) -> Path:
    """The folder of images that somebody named.

    Raises:
        ImageError: none is named, or it is no folder.
    """
    if root is None or not root.expanduser().is_dir():
        given = root or "none"
        raise ImageError(f"data set 'imagefolder' needs an existing folder, found {given}; write imagefolder:PATH")
    return root.expanduser()
