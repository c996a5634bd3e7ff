"""CIFAR-100."""

from pathlib import Path

from interpret.data import DATASETS
from interpret.data._cifar import open_cifar
from interpret.data._examples import Dataset


@DATASETS.register(
    label="CIFAR-100", terms="no licence stated", reference="Krizhevsky 2009, Learning Multiple Layers of Features"
)
def cifar100(root: Path | None, split: str) -> Dataset:
    """A hundred kinds of things, 32 x 32 RGB; 45,000 / 5,000 / 10,000 images.

    Args:
        root: the folder or archive that holds it.
    """
    return open_cifar("cifar100", "cifar-100-python", root, split)
