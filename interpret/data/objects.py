"""Photographs of one kind of object each, with exactly the pixels that it covers."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from interpret.data import DATASETS
from interpret.data._examples import Dataset, Example
from interpret.data._opening import open_image
from interpret.foundation.errors import ImageError

FOLDER = Path(__file__).parent / "_objects"
"""Photographs, masks, and `credits.csv`: the licence and the source of each."""


@DATASETS.register(
    label="photographs of objects, with masks",
    terms="photographs CC BY 2.0 or CC BY-SA 2.0, made smaller, each credited in credits.csv; masks CC BY 4.0",
    reference="Lin et al. 2014, arXiv 1405.0312 (COCO)",
)
def objects(root: Path | None, split: str) -> Dataset:
    """Twelve photographs of COCO at 320 pixels or less: banana to vase, all objects of the class in one mask.

    A pixel is of the mask where the annotated outline covers at least half of it.

    Args:
        root: must be None; nothing else is read.
        split: only `test` has images.
    """
    if root is not None:
        raise ImageError(f"data set 'objects' comes with this toolkit, not from {root}; write 'objects' alone")
    if split != "test":
        raise ImageError(f"data set 'objects' has no {split} images: twelve are too few to train on, use 'shapes'")
    with (FOLDER / "credits.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def read(position: int) -> Example:
        name = rows[position]["file"]
        mask = np.asarray(Image.open(FOLDER / f"{name}.png"))
        return Example(open_image(FOLDER / f"{name}.jpg"), position, mask, f"objects/{name}")

    return Dataset("objects", tuple(row["class"] for row in rows), len(rows), read)
