"""CIFAR-10."""

from pathlib import Path

from interpret.data import DATASETS
from interpret.data._cifar import open_cifar
from interpret.data._examples import Dataset


@DATASETS.register(
    label="CIFAR-10", terms="no licence stated", reference="Krizhevsky 2009, Learning Multiple Layers of Features"
)
def cifar10(root: Path | None, split: str) -> Dataset:
    """Ten kinds of animals and vehicles, 32 x 32 RGB; 45,000 / 5,000 / 10,000 images.

    From JPEG files in class folders, instead of torchvision's own, accuracies are not strictly those of the papers.

    Args:
        root: the folder or archive that holds it.
    """
    return open_cifar("cifar10", "cifar-10-batches-py", root, split)
