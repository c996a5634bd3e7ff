"""A folder of images of one's own."""

from pathlib import Path

from interpret.data import DATASETS
from interpret.data._examples import Dataset
from interpret.data._opening import open_image
from interpret.data._trees import files_below, read_tree
from interpret.foundation.errors import ImageError


@DATASETS.register(label="image folder", terms="those of the images", reference="the user's own images")
def imagefolder(root: Path | None, split: str) -> Dataset:
    """SPLIT/CLASS/IMAGE, or CLASS/IMAGE (all of it `test`), or a flat folder of images without labels.

    Args:
        root: the folder.
    """
    if root is None or not root.expanduser().is_dir():
        raise ImageError(f"data set 'imagefolder' needs an existing folder, found {root}; write imagefolder:PATH")
    folder = root.expanduser()
    return read_tree(folder.name, files_below(folder), split, lambda path: open_image(folder / path))
