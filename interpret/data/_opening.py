"""Images from files that nobody vouches for."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt
from PIL import Image, ImageOps, UnidentifiedImageError

from interpret.foundation.errors import ImageError, UnreadableImageError

DEEP, WHITE = "I;16", 65535
"""The mode of gray pixels of 16 bits, and the largest of them."""
CALLED, ROUNDED = "interpret.called", "interpret.rounded"
"""In the `info` of an opened image: its name, and whether its values are other than those in the file."""
FORMATS = {"AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"}
"""What is decoded. Left out on purpose are formats that Pillow hands to another program, such as EPS."""


def open_image(path: str | Path) -> Image.Image:
    """An image file as RGB, upright, complete; gray of 16 bits keeps them (mode "I;16"), see `as_rgb`.

    EXIF orientation is applied, transparency is laid over white, CMYK and palettes are converted, of an animation the
    first frame is taken.

    Raises:
        UnreadableImageError: not an image, truncated or damaged, more than Pillow's 89 million pixels (a decompression
            bomb), or 32-bit pixels, whose white is not defined.
    """
    if Path(path).is_dir():
        raise UnreadableImageError(str(path), "is a folder; name its files, or hand it to survey, sweep, run_study")
    if re.match(r"\w+://", str(path)):
        raise UnreadableImageError(str(path), "is an address; download it and name the file")
    return decode(Path(path), str(path))


def decode(file: Path | BytesIO, name: str) -> Image.Image:
    """`open_image` for a file that is open already; `name` is how errors call it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return _opened(image, f"image {name}")
    except ImageError as error:
        raise UnreadableImageError(name, str(error)) from None
    except Exception as error:  # damaged bytes make Pillow raise nearly anything
        raise UnreadableImageError(name, f"cannot be read ({reason(error)}); repair it or leave it out") from error


@contextmanager
def called(name: str) -> Iterator[str]:
    """Scope in which an image is opened that tables call `name`; an error that it cannot be knows that name."""
    try:
        yield name
    except UnreadableImageError as error:
        error.image = name
        raise


def reason(error: Exception) -> str:
    """What an error says, in one line and without the path, which the caller names."""
    if isinstance(error, UnidentifiedImageError):
        return "not a complete image of a known format"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _opened(image: Image.Image, name: str) -> Image.Image:
    if image.format not in FORMATS:
        raise ImageError(f"is a {image.format} file; convert it to PNG or JPEG")
    return upright(image, name)


def upright(image: Image.Image, name: str) -> Image.Image:
    """An image that is open, whatever its mode, as `open_image` gives it, under the name by which errors call it.

    Raises:
        ImageError: 32-bit or signed pixels, whose white is not defined.
    """
    stored = " ".join(f"{tile[0]} {tile[3]}" for tile in getattr(image, "tile", ()))  # gone after load
    image.load()
    if re.search(r"I;16\w*S", stored):
        raise ImageError("has signed 16-bit pixels, whose white is not defined; save it with 8 or 16 unsigned bits")
    result = _upright(image)
    rounded = result.mode != DEEP and (";16" in stored or image.mode.startswith(DEEP))
    result.info = {CALLED: name, ROUNDED: rounded or "ppm " in stored} | result.info  # one opened before keeps its own
    return result


def _upright(image: Image.Image) -> Image.Image:
    deep = image.mode.startswith(DEEP) or (image.mode == "I" and image.format in {"PNG", "PPM"})
    if image.mode in {"I", "F"} and not deep:
        raise ImageError("has 32-bit pixels, whose white is not defined; save it with 8 or 16 bits")
    if deep and not image.has_transparency_data:
        return ImageOps.exif_transpose(_again(image, np.asarray(image).clip(0, WHITE).astype(np.uint16)))
    upright = ImageOps.exif_transpose(
        _again(image, (np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8)) if deep else image
    )
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    pixels = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels).convert("RGB")


def _again(image: Image.Image, pixels: UInt[np.ndarray, "height width"]) -> Image.Image:
    """The same with these pixels."""
    same = Image.fromarray(pixels)
    same.info, same.getexif()[_ORIENTATION] = image.info, image.getexif().get(_ORIENTATION, 1)
    return same


_ORIENTATION = 0x0112
