"""The splits as batches of bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from interpret.data import Dataset, as_tensors
from interpret.train.augmentation import policy

IN_MEMORY_BYTES = 4e9
"""A split that would take more is decoded anew in every epoch, by worker processes."""


def make_loader(data: Dataset, size: tuple[int, int], batch_size: int, *, shuffle: bool, aa: str | None) -> DataLoader:
    """Batches of (images as bytes, labels) of a split, after `fit` to `size` and timm's policy `aa`."""
    fits = 3 * size[0] * size[1] * len(data) <= IN_MEMORY_BYTES
    images = TensorDataset(*as_tensors(data, size)) if fits else Decoded(data, size)
    images = Augmented(images, policy(aa, size)) if aa else images
    workers = 0 if fits else torch.multiprocessing.cpu_count()
    return DataLoader(images, batch_size, shuffle=shuffle, num_workers=workers)


@dataclass
class Decoded(TorchDataset):
    """Images decoded when they are asked for, as a `TensorDataset` of the whole would give them."""

    data: Dataset
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, labels = as_tensors(self.data[index : index + 1], self.size)
        return images[0], labels[0]


@dataclass
class Augmented(TorchDataset):
    """Images of `source` after a policy, drawn anew whenever one is asked for."""

    source: Any
    policy: Callable[[Image.Image], Image.Image]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.source[index]
        moved = np.array(self.policy(Image.fromarray(image.permute(1, 2, 0).numpy())))
        return torch.from_numpy(moved).permute(2, 0, 1), label
