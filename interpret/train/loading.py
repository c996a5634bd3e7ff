"""The splits as batches of bytes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from interpret.data import Dataset, as_tensors

IN_MEMORY_BYTES = 4e9
"""A split that would take more is decoded anew in every epoch, by worker processes."""


def make_loader(data: Dataset, size: tuple[int, int], batch_size: int, *, shuffle: bool) -> DataLoader:
    """Batches of (images as bytes, labels) of a split, after `fit` to `size`."""
    if 3 * size[0] * size[1] * len(data) <= IN_MEMORY_BYTES:
        return DataLoader(TensorDataset(*as_tensors(data, size)), batch_size, shuffle=shuffle)
    return DataLoader(Decoded(data, size), batch_size, shuffle=shuffle, num_workers=torch.multiprocessing.cpu_count())


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
