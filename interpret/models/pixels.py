"""From images of any kind to what a model takes, and back."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from interpret.data import as_pictures, preprocess
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.models.model_spec import ModelSpec

OF_PICTURES = (1, 3)
"""Channels of an input that is made of pictures."""
FAR = 20.0
"""Times the largest value that a picture can have: floats that are larger were never normalised."""


def model_input(images: Any, name: str, channels: int, size: tuple[int, int], spec: ModelSpec) -> Images:
    """Pictures are fitted and normalised; floats stay as they are, once their shape is that of the model's input.

    Args:
        name: of the model, for messages.
        channels, size: of its input, (height, width).
        spec: how it is fed.

    Raises:
        InterpretError: no image, or floats of another shape.
        ImageError: something that is no picture.
    """
    if isinstance(images, Sequence) and images and all(isinstance(image, Tensor) for image in images):
        images = _stacked(images)
    if isinstance(images, Tensor):
        checked = _checked(images[None] if images.ndim == 3 else images, name, channels, size)
        _warn_far(checked, name, spec)
        return checked
    pictures = as_pictures(images)
    if not pictures:
        raise InterpretError("there is no image to look at; pass at least one")
    if channels not in OF_PICTURES:
        raise InterpretError(
            f"{name} takes {channels} channels and a picture gives 3, or 1 where it is gray, so there is no report or "
            f"study of it; pass (batch, {channels}, height, width) floats to trace, attribute or explore"
        )
    return torch.stack([preprocess(picture, size, spec.mean, spec.std, spec.range) for picture in pictures])


def as_picture(image: Float[Tensor, "channel height width"], spec: ModelSpec) -> UInt8[np.ndarray, "height width 3"]:
    """The picture that a model's input was made of; of other than three channels the bands that are to be drawn, or the
    mean of all, from the least to the largest value.
    """
    if spec.bands or len(image) != 3:
        drawn = image[list(spec.bands)] if spec.bands else image.mean(dim=0, keepdim=True)
        values = (drawn - drawn.min()) / (drawn.max() - drawn.min()).clamp(min=1e-12)
    else:
        centre, spread = (torch.tensor(each)[:, None, None] for each in (spec.mean, spec.std))
        values = image.cpu() * spread + centre
    shares = values.cpu().clamp(0, 1).expand(3, -1, -1)
    return np.rint(shares.permute(1, 2, 0).double().numpy() * 255).astype(np.uint8)


def _stacked(images: Sequence[Tensor]) -> Tensor:
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise InterpretError(
            f"images of different shapes, such as {sorted(shapes)[:2]}, are no batch; resize them alike"
        )
    return torch.stack(list(images))


def _checked(images: Tensor, name: str, channels: int, size: tuple[int, int]) -> Images:
    if not len(images):
        raise InterpretError("there is no image to look at; pass at least one")
    if images.ndim != 4 or not images.is_floating_point():
        raise InterpretError(
            f"images are (batch, channel, height, width) floats as {name} wants them, got "
            f"{tuple(images.shape)} {images.dtype}; pass PIL images, or uint8 arrays (height, width, 3)"
        )
    if images.shape[1] != channels:
        raise InterpretError(
            f"{name} takes images of {channels} channels, got {images.shape[1]}: {tuple(images.shape)}; repeat or "
            "convert them, or pass PIL images"
        )
    if tuple(images.shape[-2:]) != size:
        raise InterpretError(
            f"{name} takes images of {size} (height, width), got {tuple(images.shape[-2:])}; "
            "resize them, or pass PIL images"
        )
    bad = (~images.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        raise InterpretError(f"image {bad[0]} holds NaN or infinity; mend it, or leave it out")
    return images


def _warn_far(images: Images, name: str, spec: ModelSpec) -> None:
    """Floats go as they are; of what was never normalised that is said."""
    if images.shape[1] not in OF_PICTURES:
        return
    ends = [(end - mean) / std for mean, std in zip(spec.mean, spec.std, strict=False) for end in (0, 1)]
    largest = images.abs().max().item()
    if largest > FAR * max(map(abs, ends)):
        warnings.warn(
            f"floats go to {name} as they are, and these reach {largest:.3g}, where pictures lie in {min(ends):.2g} to "
            f"{max(ends):.2g}; normalise them by its mean and std, or pass uint8 arrays (height, width, 3)",
            UserWarning,
            stacklevel=2,
        )
