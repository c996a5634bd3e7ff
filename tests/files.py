"""Data sets in their published layouts, with a few drawn images."""

import gzip
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def write_tree(folder: Path, counts: dict[str, int]) -> Path:
    """Class folders of PNG images, as CIFAR is passed on; no two images are alike."""
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for position in range(count):
            Image.new("RGB", (6, 4), (40 * number, position, 0)).save(folder / name / f"{position:02d}.png")
    return folder


def write_fashionmnist(root: Path, counts: dict[str, int]) -> Path:
    """The four files of FashionMNIST, noise of two classes in turn, below a new folder of `root`."""
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count in counts.items():
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 2
        for kind, header, values in (
            ("images-idx3", struct.pack(">4I", 2051, count, 28, 28), images),
            ("labels-idx1", struct.pack(">2I", 2049, count), labels),
        ):
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))
    return root
