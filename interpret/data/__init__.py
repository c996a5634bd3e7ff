"""WHAT is looked at. A data set is one file: where its images come from, and what is known about them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interpret.data._examples import Dataset, Example
from interpret.data._fitting import as_tensors, fit, fit_mask, normalise, preprocess
from interpret.data._opening import open_image
from interpret.data._pictures import as_pictures
from interpret.data._splits import check_split
from interpret.data._trees import open_images
from interpret.foundation.registry import Registry

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetEntry",
    "Example",
    "as_pictures",
    "as_tensors",
    "fit",
    "fit_mask",
    "load_data",
    "normalise",
    "open_image",
    "open_images",
    "preprocess",
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


def load_data(spec: str, split: str = "test") -> Dataset:
    """Open a registered data set.

    Args:
        spec: "NAME", or "NAME:ROOT" with the folder or archive that holds it. Without a root, the folder named by the
            environment variable INTERPRET_DATA is searched, then ~/.cache/interpret, which is filled over the network.
        split: "train", "validation" or "test". Validation is held out of the training part, never of the test part.

    Raises:
        UnknownNameError: no data set of that name.
        InterpretError: no split of that name.
        ImageError: the data set is not at ROOT, or cannot be downloaded.
    """
    name, _, root = spec.partition(":")
    return DATASETS[name].function(Path(root) if root else None, check_split(split))
