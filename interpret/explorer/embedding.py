"""Pictures and numbers inside the page, as text that a browser reads without asking anyone."""

import base64
import io
import zlib

import numpy as np
from jaxtyping import UInt8
from PIL import Image

COLORS = 256
"""Colours of a drawn figure in the page, chosen to cover all that occur: a colour bar is a small part of a figure."""
SMALL = 20_000


def photograph(image: Image.Image, quality: int = 75) -> str:
    """A picture as WebP with losses."""
    return _webp(image, quality=quality)


def picture(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """What lies under a map, as WebP: without losses where that takes at most `SMALL` bytes."""
    image = Image.fromarray(pixels)
    exact = _webp(image, lossless=True)
    return exact if len(exact) <= SMALL else photograph(image, quality=80)


def chart(image: Image.Image) -> str:
    """A drawn figure as WebP in `COLORS` colours, its text as sharp as in the file."""
    reduced = image.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB")
    return _webp(reduced, lossless=True)


def deflated(array: np.ndarray) -> str:
    """The bytes of an array in C order, compressed."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def _webp(image: Image.Image, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "webp", **options)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
