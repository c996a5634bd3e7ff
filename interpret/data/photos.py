"""Photographs that are already on the machine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from interpret.data import DATASETS
from interpret.data._examples import Dataset, Example
from interpret.foundation.errors import ImageError

PHOTOS: dict[str, Callable[[], np.ndarray]] = {
    "cat": data.chelsea,
    "coffee": data.coffee,
    "motorcycle": lambda: data.stereo_motorcycle()[0],
    "rocket": data.rocket,
    "astronaut": data.astronaut,
    "photographer": data.camera,
    "galaxies": data.hubble_deep_field,
    "retina": data.retina,
}


@DATASETS.register(
    label="photographs of scikit-image",
    terms="CC0 or public domain; the motorcycle is of the Middlebury 2014 stereo benchmark (Scharstein et al.)",
    reference="van der Walt et al. 2014, doi 10.7717/peerj.453",
)
def photos(root: Path | None, split: str) -> Dataset:
    """Eight photographs that come with scikit-image, at their own sizes, without labels; no download.

    Args:
        root: must be None; nothing else is read.
        split: only `test` has images.
    """
    if root is not None:
        raise ImageError(
            f"data set 'photos' comes with scikit-image, not from {root}; write 'photos', or imagefolder:{root}"
        )
    if split != "test":
        raise ImageError(f"data set 'photos' has no {split} images; it carries no labels to train on, use 'shapes'")
    names = tuple(PHOTOS)

    def read(position: int) -> Example:
        image = Image.fromarray(PHOTOS[names[position]]()).convert("RGB")
        return Example(image, None, None, f"photos/{names[position]}")

    return Dataset("photos", (), len(names), read)
