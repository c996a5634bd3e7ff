"""Data sets that somebody hands over: lists of pictures, those of torch, those of Hugging Face."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from interpret.data._examples import Dataset, Example
from interpret.data._opening import called
from interpret.data._pictures import as_pictures
from interpret.foundation.errors import ImageError

logger = logging.getLogger(__name__)


def from_pictures(images: Sequence[Any]) -> Dataset:
    """Pictures of any kind, without labels, in their order."""

    def read(position: int) -> Example:
        with called(f"images/{position:05d}") as name:
            return Example(as_pictures([images[position]])[0], None, None, name)

    return Dataset("images", (), len(images), read)


def from_torch(data: Any) -> Dataset:
    """What gives (picture, label) by position, or pictures alone; `classes` are its own, where it says them."""
    name, classes = type(data).__name__.lower(), tuple(map(str, getattr(data, "classes", None) or ()))

    def read(position: int) -> Example:
        item = data[position]
        image, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
        if label is not None and not classes:
            _say_unused(name)
        return Example(_picture(image, name), _label(label), None, f"{name}/{position:05d}")

    return Dataset(name, classes, len(data), read)


def from_hugging_face(data: Any) -> Dataset:
    """A data set with `features`: the first image column, and the first column of class labels where there is one."""
    kinds = {column: type(feature).__name__ for column, feature in data.features.items()}
    images = [column for column, kind in kinds.items() if kind == "Image"]
    labels = [column for column, kind in kinds.items() if kind == "ClassLabel"]
    if not images:
        raise ImageError(f"a data set of columns {', '.join(kinds)} has no image column; expected one of kind Image")
    classes = tuple(data.features[labels[0]].names) if labels else ()
    name = getattr(getattr(data, "info", None), "dataset_name", None) or "dataset"

    def read(position: int) -> Example:
        row = data[position]
        label = _label(row[labels[0]]) if labels else None
        return Example(as_pictures(row[images[0]])[0], label, None, f"{name}/{position:05d}")

    return Dataset(name, classes, len(data), read)


def _picture(image: Any, name: str) -> Image.Image:
    if hasattr(image, "detach"):
        raise ImageError(
            f"data set {name!r} gives tensors, which are no pictures; give it without its transform, so that each "
            "model fits and normalises the pictures itself; tensors go to trace, attribute and show alone"
        )
    return as_pictures(image)[0]


@cache
def _say_unused(name: str) -> None:
    logger.warning("%s names no classes, so its labels are not used; give it `.classes`, in their order", name)


def _label(label: Any) -> int | None:
    if label is None:
        return None
    number = np.asarray(label)
    if number.size != 1 or number.dtype.kind not in "iub":
        raise ImageError(f"a label is a number of `classes`, got {label!r}; give the class of an image as its number")
    return int(number.item())
