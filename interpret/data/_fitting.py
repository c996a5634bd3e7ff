"""From an image of any size to what a model sees, and the same cut for its mask."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from interpret.data._examples import Dataset
from interpret.data._opening import CALLED, DEEP, ROUNDED, WHITE
from interpret.foundation.errors import ImageError


def crop_of(picture: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what a model sees of a picture: the largest centred crop of its aspect ratio.

    Args:
        picture: (width, height), pixels.
        size: (height, width) of the model's input.
    """
    (width, height), ratio = picture, size[1] / size[0]
    broad, tall = float(width), float(height)
    if width / height > ratio:
        broad = ratio * height
    elif width / height < ratio:
        tall = width / ratio
    left, top = (width - broad) / 2, (height - tall) / 2
    return left, top, left + broad, top + tall


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image exactly as the model sees it: the largest centred crop of the right aspect ratio, resized (bicubic).

    This is "resize the shorter side, then centre crop" in one step. An image of that size already stays as it is.

    Args:
        size: (height, width) of the model's input, pixels.
    """
    height, width = size
    image = image.convert("F") if image.mode == DEEP else image  # Pillow would round at every step
    return image.resize((width, height), Image.Resampling.BICUBIC, crop_of(image.size, size))


def shares_of(
    image: Image.Image, channels: int = 3, limits: tuple[float, float] | None = None
) -> Float[Tensor, "channel height width"]:
    """How much of white each pixel is, 0 to 1; of a colour picture in one channel its luma (ITU-R 601-2).

    Args:
        channels: 1 or 3; gray is repeated.
        limits: the values that are black and white, where they are not 0 and the largest of so many bits; what lies
            beyond is black or white.

    Raises:
        ImageError: limits in a picture of 8 bits that has none so high, or whose file holds other values.
    """
    deep = image.mode in (DEEP, "F")
    if limits:
        _check_limits(image, limits[1], WHITE if deep else 255)
    values = np.asarray(image if deep else image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
    low, high = limits or (0, WHITE if deep else 255)
    shares = torch.from_numpy((values - low) / (high - low)).clamp(0, 1)
    return shares.expand(channels, -1, -1) if shares.ndim == 2 else shares.permute(2, 0, 1)


def _check_limits(image: Image.Image, high: float, white: int) -> None:
    name = image.info.get(CALLED, "a picture")
    if image.info.get(ROUNDED):
        raise ImageError(
            f"{name} is opened with other values than its file holds (8 of 16 bits in colour or transparency, or "
            "scaled), so a range says nothing of it; save it as gray of 16 bits without transparency, as PNG or TIFF"
        )
    if white == 255 < high:
        raise ImageError(
            f"{name} has 8 bits, and the range ends at {high:g}, so that its white, 255, would be dark; leave it out, "
            "or give a range up to 255"
        )


def as_rgb(image: Image.Image, limits: tuple[float, float] | None = None) -> Image.Image:
    """For the eye: 8 bits of red, green and blue.

    Args:
        limits: as of `shares_of`.
    """
    if image.mode == "RGB" and limits is None:
        return image
    pixels = (shares_of(image, limits=limits).permute(1, 2, 0) * 255).round()
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def fit_mask(mask: Bool[np.ndarray, "height width"], size: tuple[int, int]) -> Bool[np.ndarray, "rows cols"]:
    """The mask after the same crop as `fit`; each pixel takes the value of the nearest one."""
    height, width = size
    picture = Image.fromarray(mask)
    return np.asarray(picture.resize((width, height), Image.Resampling.NEAREST, crop_of(picture.size, size)))


def preprocess(
    image: Image.Image,
    size: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    limits: tuple[float, float] | None = None,
) -> Float[Tensor, "channel height width"]:
    """`fit`, then (share of white - mean) / std: what goes into a model of one channel or three.

    Args:
        size: (height, width) of the model's input, pixels.
        mean, std: of each channel, on the scale where white is 1.
        limits: as of `shares_of`.
    """
    return _standardised(shares_of(fit(image, size), len(mean), limits), mean, std)


def normalise(
    images: UInt8[Tensor, "batch channel height width"], mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "batch channel height width"]:
    """(value / 255 - mean) / std, channel by channel, on the images' device."""
    return _standardised(images / 255, mean, std)


def _standardised(shares: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    centre, spread = (torch.tensor(values, device=shares.device).view(-1, 1, 1) for values in (mean, std))
    return (shares - centre) / spread


def as_tensors(
    dataset: Dataset, size: tuple[int, int]
) -> tuple[UInt8[Tensor, "batch channel height width"], Int[Tensor, "batch"]]:
    """A whole labelled data set in memory, after `fit`; `normalise` makes a batch of it fit for the model.

    Returns:
        Images as bytes (3 height width bytes each) and their labels.

    Raises:
        ImageError: the data set carries no labels.
    """
    if not dataset.classes:
        raise ImageError(f"data set {dataset.name!r} carries no labels; use one with classes, such as 'shapes'")
    pixels = np.empty((len(dataset), 3, *size), dtype=np.uint8)
    labels = np.empty(len(dataset), dtype=np.int64)
    for position, example in enumerate(dataset):
        pixels[position] = np.asarray(as_rgb(fit(example.image, size))).transpose(2, 0, 1)
        labels[position] = example.label
    return torch.from_numpy(pixels), torch.from_numpy(labels)
