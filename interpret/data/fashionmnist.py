"""FashionMNIST, read from its four published files."""

import gzip
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from interpret.data import DATASETS
from interpret.data._examples import Dataset, Example
from interpret.data._opening import reason
from interpret.data._sources import locate
from interpret.data._splits import members
from interpret.foundation.errors import ImageError

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
FILE = "t10k-labels-idx1-ubyte.gz"


@DATASETS.register(label="FashionMNIST", terms="MIT", reference="Xiao et al. 2017, arXiv 1708.07747")
def fashionmnist(root: Path | None, split: str) -> Dataset:
    """Ten kinds of clothing, 28 x 28 gray pixels, repeated in three channels; 54,000 / 6,000 / 10,000 images.

    Args:
        root: a folder in torchvision's layout, or the folder of the .gz files itself. Nothing is written to it.
    """
    candidates = [f"{folder}/{FILE}" for folder in ("FashionMNIST/raw", "fashionmnist/FashionMNIST/raw")]
    file = locate("fashionmnist", root, candidates, _download, here=FILE)
    part = "t10k" if split == "test" else "train"
    images = _read(file.with_name(f"{part}-images-idx3-ubyte.gz"), header=16).reshape(-1, 28, 28)
    labels = _read(file.with_name(f"{part}-labels-idx1-ubyte.gz"), header=8).tolist()

    def read(position: int) -> Example:
        image = Image.fromarray(images[position]).convert("RGB")
        return Example(image, labels[position], None, f"fashionmnist/{part}/{position:05d}")

    return Dataset("fashionmnist", CLASSES, len(labels), read).subset(members(labels, split))


def _read(path: Path, header: int) -> UInt8[np.ndarray, "byte"]:
    try:
        return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)
    except (OSError, EOFError, ValueError) as error:
        raise ImageError(f"{path} cannot be read as a FashionMNIST file ({reason(error)}); fetch it again") from error


def _download(folder: str) -> None:
    from torchvision.datasets import FashionMNIST

    FashionMNIST(folder, download=True)
