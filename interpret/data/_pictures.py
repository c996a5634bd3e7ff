"""Pictures as people hand them over: opened, as arrays, as paths, one of them or several."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from interpret.data._examples import Example
from interpret.data._opening import open_image, reason, upright
from interpret.foundation.errors import ImageError

KINDS = "a PIL image, a path, a (height, width, 3) uint8 or (height, width) uint8 or uint16 array, or a list of these"


def as_pictures(images: Any) -> list[Image.Image]:
    """Pictures as `open_image` gives them, from whatever holds them; a single one becomes a list of one.

    Raises:
        ImageError: something else, or a file that cannot be opened; it says which of them.
    """
    if isinstance(images, np.ndarray) and images.ndim == 4:
        images = list(images)
    listed = images if isinstance(images, Sequence) and not isinstance(images, str) else [images]
    return [_picture(image, f"image {number}") for number, image in enumerate(listed)]


def _picture(image: Any, name: str) -> Image.Image:
    if isinstance(image, str | os.PathLike):
        return open_image(os.fspath(image))
    if isinstance(image, np.ndarray):
        image = _from_array(image, name)
    if isinstance(image, Example):
        raise ImageError(f"{name} is an Example of a data set; pass its picture, example.image")
    if not isinstance(image, Image.Image):
        raise ImageError(f"{name} is a {type(image).__name__}; expected {KINDS}")
    try:
        return upright(image, name)
    except ImageError as error:
        raise ImageError(f"{name} {error}") from None
    except Exception as error:  # a file that is read only now, or closed by now
        raise ImageError(f"{name} cannot be read ({reason(error)}); open it again") from error


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    gray, colour = array.ndim == 2, array.ndim == 3 and array.shape[-1] in (1, 3, 4)
    known = {np.dtype(np.uint8): gray or colour, np.dtype(np.uint16): gray}
    if array.dtype.kind == "f" and not (gray or colour):
        raise ImageError(
            f"{name} is an array of floats {array.shape}; floats as a model wants them, (channel, height, width), are "
            "a tensor: torch.from_numpy(array)"
        )
    if not known.get(array.dtype, False):
        raise ImageError(
            f"{name} is an array of shape {array.shape} and type {array.dtype}; expected (height, width, 3) uint8, "
            "(height, width) uint8 or uint16, or a float tensor as the model wants it"
        )
    return Image.fromarray(array[..., 0] if colour and array.shape[-1] == 1 else array)
