"""The tensors of a file against the bytes it has, and against the checksum it carries."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from interpret.foundation.errors import CheckpointError

SPARE = 64 * 2**20
"""Bytes that tensors may take beyond those of their file, as where two names share one tensor."""


def check_stored(tensors: Mapping[str, Tensor], size: int, source: str) -> None:
    """Refuse tensors that take more bytes than their file has: views of a few numbers, which a model would hold whole.

    Args:
        size: of the file, in bytes.

    Raises:
        CheckpointError: they do; says how much, and the largest.
    """
    taken = {key: tensor.numel() * tensor.element_size() for key, tensor in tensors.items()}
    whole = sum(taken.values())
    if whole > size + SPARE:
        largest = max(taken, key=taken.__getitem__)
        raise CheckpointError(
            f"{source}: its tensors take {whole / 1e6:,.0f} MB and the file has {size / 1e6:,.1f} MB; {largest} is "
            f"{' x '.join(map(str, tensors[largest].shape))}; save them with clone()"
        )


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and numbers of tensors."""
    digest = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode(errors="surrogatepass"))
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy(force=True).data)
    return digest.hexdigest()
