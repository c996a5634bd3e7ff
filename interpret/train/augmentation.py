"""Light augmentation of a batch, where the batch lies; timm's policies for one image."""

import random
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from timm.data.auto_augment import auto_augment_transform, rand_augment_transform
from torch import Tensor

from interpret.foundation.errors import InterpretError

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


def policy(name: str, size: tuple[int, int]) -> Callable[[Image.Image], Image.Image]:
    """timm's RandAugment ("rand-m9-mstd0.5") or AutoAugment ("original") for images of this (height, width).

    It draws from the generators of Python and NumPy.

    Raises:
        InterpretError: timm has no policy of that name.
    """
    make = rand_augment_transform if name.startswith("rand") else auto_augment_transform
    try:
        return make(name, {"translate_const": int(0.45 * min(size)), "img_mean": (128, 128, 128)})
    except (AssertionError, ValueError, LookupError) as error:
        raise InterpretError(f"timm has no policy {name!r} for --aa; name one such as rand-m9-mstd0.5") from error


def seed_draws(*numbers: int) -> None:
    """Make what is drawn from now on, for flips, shifts, policies and dropout, a function of these numbers alone."""
    (seed,) = np.random.SeedSequence(numbers).generate_state(1)
    torch.manual_seed(int(seed))
    random.seed(int(seed))
    np.random.seed(seed)  # noqa: NPY002 (timm draws from the old generator)
