"""Light augmentation of a batch, where the batch lies."""

import torch
from jaxtyping import UInt8
from torch import Tensor

Bytes = UInt8[Tensor, "batch channel height width"]


def augment(images: Bytes, reach: int, hflip: float = 0.5, vflip: float = 0.0) -> Bytes:
    """Each image flipped left-right and upside down with these probabilities, then shifted.

    Args:
        reach: images are moved by up to so many pixels.
    """
    images = flip(images, -1, hflip) if hflip else images
    images = flip(images, -2, vflip) if vflip else images
    return shift(images, reach) if reach else images


def flip(images: Bytes, axis: int, probability: float) -> Bytes:
    """Each image mirrored along `axis` with this probability."""
    chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < probability
    return torch.where(chosen, images.flip(axis), images)


def shift(images: Bytes, reach: int) -> Bytes:
    """Each image moved by its own -reach to reach pixels along height and width, its outermost pixels repeated."""
    batch, channels, height, width = images.shape
    rows = _moved(batch, height, reach, images.device)[:, None, :, None]
    cols = _moved(batch, width, reach, images.device)[:, None, None, :]
    index = torch.arange(batch, device=images.device)[:, None, None, None]
    channel = torch.arange(channels, device=images.device)[None, :, None, None]
    return images[index, channel, rows, cols]


def _moved(batch: int, length: int, reach: int, device: torch.device) -> Tensor:
    offset = torch.randint(-reach, reach + 1, (batch, 1), device=device)
    return (torch.arange(length, device=device) + offset).clamp(0, length - 1)
