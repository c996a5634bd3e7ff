"""A folder of images of one's own."""

from pathlib import Path

from interpret.data import DATASETS
from interpret.data._examples import Dataset
from interpret.data._folders import images_below
from interpret.data._opening import open_image
from interpret.data._trees import read_tree
from interpret.foundation.data_spec import image_folder


@DATASETS.register(label="image folder", terms="those of the images", reference="the user's own images")
def imagefolder(root: Path | None, split: str) -> Dataset:
    """SPLIT/CLASS/IMAGE, or CLASS/IMAGE (all of it `test`), or a flat folder of images without labels.

    Args:
        root: the folder.
    """
    folder = image_folder(root)
    images, passed_over = images_below(folder)
    return read_tree(folder.name, images, split, lambda path: open_image(folder / path), passed_over)
