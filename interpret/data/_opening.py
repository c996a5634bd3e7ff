"""Images from files that nobody vouches for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interpret.foundation.errors import ImageError, UnreadableImageError

FORMATS = {"AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"}
"""What is decoded. Left out on purpose are formats that Pillow hands to another program, such as EPS."""


def open_image(path: str | Path) -> Image.Image:
    """An image file as RGB, upright, complete.

    EXIF orientation is applied, transparency is laid over white, 16-bit gray is scaled so that 65535 becomes 255, CMYK
    and palettes are converted, of an animation the first frame is taken.

    Raises:
        UnreadableImageError: not an image, truncated or damaged, more than Pillow's 89 million pixels (a decompression
            bomb), or 32-bit pixels, whose white is not defined.
    """
    return decode(Path(path), str(path))


def decode(file: Path | BytesIO, name: str) -> Image.Image:
    """`open_image` for a file that is open already; `name` is how errors call it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return _rgb(image)
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


def _rgb(image: Image.Image) -> Image.Image:
    if image.format not in FORMATS:
        raise ImageError(f"is a {image.format} file; convert it to PNG or JPEG")
    image.load()
    return upright_rgb(image)


def upright_rgb(image: Image.Image) -> Image.Image:
    """An image that is open, whatever its mode, as `open_image` gives it.

    Raises:
        ImageError: 32-bit pixels, whose white is not defined.
    """
    upright = ImageOps.exif_transpose(_eight_bit(image))
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    pixels = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"})
    if image.mode in {"I", "F"} and not sixteen:
        raise ImageError("has 32-bit pixels, whose white is not defined; save it with 8 or 16 bits")
    if not sixteen:
        return image
    scaled = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    scaled.info, scaled.getexif()[_ORIENTATION] = image.info, image.getexif().get(_ORIENTATION, 1)
    return scaled


_ORIENTATION = 0x0112
