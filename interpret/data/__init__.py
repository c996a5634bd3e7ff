"""WHAT is looked at. A data set is one file: where its images come from, and what is known about them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from interpret.data._examples import Dataset, Example
from interpret.data._fitting import as_rgb, as_tensors, crop_of, fit, fit_mask, normalise, preprocess, shares_of
from interpret.data._handed import from_hugging_face, from_pictures, from_torch
from interpret.data._opening import open_image
from interpret.data._pictures import as_pictures
from interpret.data._splits import SPLITS, check_split
from interpret.data._trees import open_images
from interpret.foundation.errors import ImageError, UnknownNameError
from interpret.foundation.registry import Registry

__all__ = [
    "DATASETS",
    "SPLITS",
    "Dataset",
    "DatasetEntry",
    "Example",
    "as_dataset",
    "as_pictures",
    "as_rgb",
    "as_tensors",
    "crop_of",
    "fit",
    "fit_mask",
    "load_data",
    "normalise",
    "open_image",
    "open_images",
    "preprocess",
    "shares_of",
]


@dataclass(frozen=True)
class DatasetEntry:
    """A registered data set: how it is opened, how figures call it, what its owners ask for."""

    name: str
    function: Callable[[Path | None, str], Dataset]
    label: str
    terms: str
    reference: str


DATASETS: Registry[DatasetEntry] = Registry("data set", __name__, DatasetEntry)


def load_data(spec: Any, split: str = "test") -> Dataset:
    """Open a registered data set.

    Args:
        spec: "NAME", or "NAME:ROOT" with the folder or archive that holds it. Without a root, the folder named by the
            environment variable INTERPRET_DATA is searched, then ~/.cache/interpret, which is filled over the network.
        split: "train", "validation" or "test". Validation is held out of the training part, never of the test part.

    Raises:
        UnknownNameError: no data set of that name.
        InterpretError: no split of that name.
        ImageError: the data set is not at ROOT, or cannot be downloaded.

    Example:
        >>> import interpret
        >>> data = interpret.load_data("shapes", "validation")
        >>> data[0].image.size, data.classes[data[0].label], data[0].mask.shape
        ((64, 64), 'arrow', (64, 64))
    """
    if not isinstance(spec, str):
        raise ImageError(
            f"load_data opens a registered name, got a {type(spec).__name__}; what else holds images goes as it is to "
            "whatever asks for data"
        )
    name, _, root = spec.partition(":")
    if name not in DATASETS and Path(spec).expanduser().is_dir():
        raise UnknownNameError(f"load_data: {spec!r} is a folder; write 'imagefolder:{spec}'")
    return DATASETS[name].function(Path(root) if root else None, check_split(split))


def as_dataset(data: Any) -> Dataset:
    """Whatever holds images, as a data set.

    Args:
        data: a data set of this package; a registered name, "NAME" or "NAME:ROOT"; a folder; one picture or a list of
            them, as `as_pictures` takes them; a torch `Dataset` or `DataLoader` of (picture, label); a Hugging Face
            data set.

    Raises:
        ImageError: something else, or nothing at that place.
        UnknownNameError: a name that is neither registered nor a folder.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return _named(os.fspath(data))
    if hasattr(data, "features") and hasattr(data, "column_names"):
        return from_hugging_face(data)
    if hasattr(data, "dataset") and hasattr(data, "batch_size"):
        return as_dataset(data.dataset)
    if isinstance(data, Image.Image | np.ndarray):
        return from_pictures(as_pictures(data))
    if isinstance(data, Sequence):
        return from_pictures(data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return from_torch(data)
    raise ImageError(
        f"a {type(data).__name__} is no data set; expected a registered name ({', '.join(DATASETS)}), a folder, a list "
        "of pictures, or a data set of torch or Hugging Face"
    )


def _named(text: str) -> Dataset:
    if text.partition(":")[0] in DATASETS:
        return load_data(text)
    if Path(text).expanduser().is_dir():
        return load_data(f"imagefolder:{text}")
    return open_images([text]) if Path(text).is_file() else load_data(text)
