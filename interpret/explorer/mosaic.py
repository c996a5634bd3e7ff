"""Panels side by side in one picture, drawn in numpy and PIL: fast enough to follow a slider.

Maps are scaled and coloured by `plots`, as in every figure; a matplotlib figure of the same panels takes forty times
as long.
"""

import io
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from interpret.figures.drawing import plots
from interpret.figures.drawing.style import STAMP

GAP, LINE, BAR = 8, 17, 110
"""Between panels, from one line of text to the next, and the length of a colour bar; pixels."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
INK, BOX = "#222222", "#00e5ff"
"""Of the text, and of the box around a patch: no colour of a map or a grey picture is near it."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture with what lies over it and what is written about it.

    Attributes:
        values: a raw map, the reason why there is none, or None where the picture stands alone.
        above, below: lines of text.
        covered: shares of the picture's height and width under the patches of the map and the box.
        box: (row, col, rows, cols), a patch of a grid to be marked.
    """

    picture: plots.Picture
    values: Float[np.ndarray, "row col"] | str | None = None
    covered: plots.Shares = plots.WHOLE
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """Panels that share one scale, which is drawn under them; `label` says what it measures."""

    panels: tuple[Panel, ...]
    scale: plots.Scale
    label: str


Rectangle = tuple[int, int, int, int]
"""Where the patches of a picture lie: left, top, width, height, pixels."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The whole picture, and where in it the patches of the panels lie, row by row."""

    image: Image.Image
    panels: tuple[Rectangle, ...]


def mosaic(rows: Sequence[Row]) -> Mosaic:
    """The rows one under the other; its size depends on the pictures and the number of lines, never on a value."""
    drawn = [_row(row) for row in rows]
    size = max(row.image.width for row in drawn), sum(row.image.height for row in drawn)
    image = Image.new("RGB", size, "white")
    panels, bottom = [], 0
    for row in drawn:
        image.paste(row.image, (0, bottom))
        panels += [(left, bottom + top, *extent) for left, top, *extent in row.panels]
        bottom += row.image.height
    return Mosaic(image, tuple(panels))


def jpeg(image: Image.Image) -> bytes:
    """The bytes of the picture; colours at full resolution, so that text stays sharp."""
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=88, subsampling=0)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """The bytes of the picture, without loss."""
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _row(row: Row) -> Mosaic:
    pictures = [_panel(panel, row.scale) for panel in row.panels]
    width, height = max(picture.width for picture in pictures) + GAP, max(picture.height for picture in pictures)
    above, below = (max(len(getattr(panel, side)) for panel in row.panels) for side in ("above", "below"))
    strip = Image.new("RGB", (width * len(pictures), (above + below + 2) * LINE + height + 2 * GAP), "white")
    pen, places = ImageDraw.Draw(strip), []
    for index, (panel, picture) in enumerate(zip(row.panels, pictures, strict=True)):
        left = index * width
        strip.paste(picture, (left, above * LINE))
        _write(pen, panel.above, left, 0, width)
        _write(pen, panel.below, left, above * LINE + height + 2, width)
        tall, broad = plots.under_patches((picture.height, picture.width), panel.covered)
        places.append((left, above * LINE, broad, tall))
    _bar(strip, pen, row, (above + below) * LINE + height + GAP)
    return Mosaic(strip, tuple(places))


def _panel(panel: Panel, scale: plots.Scale) -> Image.Image:
    picture = plots.enlarge(panel.picture)
    if isinstance(panel.values, np.ndarray):
        picture = plots.overlay_pixels(picture, plots.quantise(panel.values, scale), scale.cmap, panel.covered)
    elif panel.values is not None:
        picture = np.repeat(plots.grey(picture)[..., None], 3, axis=2)
    image = Image.fromarray(picture)
    if isinstance(panel.values, str):
        _stamp(image, panel.values)
    if panel.box is not None:
        row, col, rows, cols = panel.box
        height, width = plots.under_patches(picture.shape[:2], panel.covered)
        tall, broad = height / rows, width / cols
        edges = (col * broad, row * tall, (col + 1) * broad - 1, (row + 1) * tall - 1)
        ImageDraw.Draw(image).rectangle(edges, outline=BOX, width=2)
    return image


def _stamp(image: Image.Image, reason: str) -> None:
    pen, middle = ImageDraw.Draw(image), image.height // 2
    pen.rectangle((4, middle - LINE - 4, image.width - 5, middle + LINE + 4), fill="white", outline=STAMP)
    for text, y in (("NO EVIDENCE", middle - LINE), (_fitted(reason, image.width - 16), middle + 1)):
        pen.text((image.width / 2, y), text, fill=STAMP, font=_font(), anchor="ma")


def _bar(strip: Image.Image, pen: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    """The label; under it low end, colours, high end and, where a value lies above it, the largest one."""
    scale, low = row.scale, f"{row.scale.low:.3g}"
    left = round(_font().getlength(low)) + 4
    over = f"   largest value {scale.peak:.3g}" if scale.peak > scale.high else ""
    _write(pen, (row.label, low), 0, top, strip.width)
    strip.paste(Image.fromarray(plots.lookup(scale.cmap)[None]).resize((BAR, LINE - 5)), (left, top + LINE + 2))
    _write(pen, (f"{scale.high:.3g}{over}",), left + BAR + 4, top + LINE, strip.width - left - BAR)


def _write(pen: ImageDraw.ImageDraw, lines: Sequence[str], left: int, top: int, width: int) -> None:
    for index, text in enumerate(lines):
        pen.text((left, top + index * LINE), _fitted(text, width - GAP), fill=INK, font=_font())


@lru_cache(maxsize=1024)
def _fitted(text: str, width: int) -> str:
    """One line of the text, its end left out where it would be broader than `width` pixels."""
    line = " ".join(text.split())
    if _font().getlength(line) <= width:
        return line
    fits = bisect(range(len(line)), width, key=lambda end: _font().getlength(f"{line[:end]}{ELLIPSIS}"))
    return f"{line[: fits - 1]}{ELLIPSIS}"


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=12.5)
