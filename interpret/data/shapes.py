"""Drawn objects whose exact place is known."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from interpret.data import DATASETS
from interpret.data._examples import Dataset, Example
from interpret.data._outlines import OUTLINES, Outline, area
from interpret.data._splits import SPLITS
from interpret.data._textures import TEXTURES, colour_lighter, colour_near, muted, palette
from interpret.foundation.errors import ImageError

SIZE = 64
"""Height and width of an image, pixels."""
LENGTHS = {"train": 20_000, "validation": 1_000, "test": 2_000}
AREA = (0.07, 0.24)
"""Range of the object's share of the image, log-uniform."""
CONTRAST = 30.0
"""The object is at least so much lighter (CIELAB L*, 0 to 100) than both colours of the background and the clutter."""
GRAIN = 0.02
"""Standard deviation of the noise on every pixel, as a share of white."""
FINE = 4
"""Outlines are filled on a grid this many times finer than the pixels."""

Canvas = Float[np.ndarray, "row col channel"]
Coverage = Float[np.ndarray, "row col"]


@DATASETS.register(label="shapes", terms="drawn by this toolkit", reference="this toolkit")
def shapes(root: Path | None, split: str, seed: int = 0) -> Dataset:
    """Ten classes of objects over textures, 64 x 64, with the exact mask; 20,000 / 1,000 / 2,000 images.

    Place, size, turn and colour of the object are random; so are the texture (noise, blobs, stripes, checks, gradient)
    and the clutter of strokes and specks behind the object. Example i is a function of (split, seed, i) alone, and its
    label is i modulo 10.

    Args:
        root: must be None; nothing is read.
    """
    if root is not None:
        raise ImageError(f"data set 'shapes' is drawn, not read from {root}; write 'shapes' alone")
    return Dataset("shapes", tuple(OUTLINES), LENGTHS[split], functools.partial(draw, split, seed))


def draw(split: str, seed: int, index: int) -> Example:
    """Example `index` of a split.

    Its mask holds the pixels of which the object covers at least half. The object lies within the image, is in front
    of everything else, lighter than all of it, and covers 6 to 30 % of the pixels.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    label = index % len(OUTLINES)
    ground = int(rng.choice(muted()))
    background = [ground, colour_near(rng, [ground], 8.0, 35.0)]
    canvas = _mix(TEXTURES[rng.integers(len(TEXTURES))](rng, SIZE), *palette()[background])
    for clutter in (_strokes, _specks):
        background.append(colour_near(rng, background, 12.0, 60.0))
        canvas = _mix(clutter(rng), canvas, palette()[background[-1]])
    coverage = _object(rng, list(OUTLINES.values())[label])
    canvas = _mix(coverage, canvas, palette()[colour_lighter(rng, background, CONTRAST)])
    canvas = canvas + rng.normal(0, GRAIN, (SIZE, SIZE, 1))
    image = Image.fromarray((255 * np.clip(canvas, 0, 1)).round().astype(np.uint8))
    return Example(image, label, coverage >= 0.5, f"shapes/{split}/{index:05d}")


def _mix(share: Coverage, under: np.ndarray, over: np.ndarray) -> Canvas:
    return under + share[..., None] * (over - under)


def _object(rng: np.random.Generator, outline: Outline) -> Coverage:
    """The outline at a random size, turn and place, wholly inside the image."""
    radius = SIZE * np.sqrt(np.exp(rng.uniform(*np.log(AREA))) / area(outline))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = radius * outline @ turn
    place = rng.uniform(1 - points.min(axis=0), SIZE - 1 - points.max(axis=0))
    return _fill([points + place])


def _strokes(rng: np.random.Generator) -> Coverage:
    """Two to five thin straight lines."""
    canvas, pen = _fine_canvas()
    for _ in range(rng.integers(2, 6)):
        start, stop = rng.uniform(0, SIZE * FINE, (2, 2))
        pen.line([*start, *stop], fill=255, width=int(rng.integers(3, 8)))
    return _coverage(canvas)


def _specks(rng: np.random.Generator) -> Coverage:
    """Eight to twenty dots and small irregular blobs, at most 6 pixels across."""
    angles = 2 * np.pi * np.arange(9) / 9
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    number = rng.integers(8, 21)
    radii = rng.uniform(0.6, 3, (number, 1, 1)) * rng.uniform(0.5, 1, (number, 9, 1))
    return _fill(list(radii * unit + rng.uniform(0, SIZE, (number, 1, 2))))


def _fill(polygons: list[Outline]) -> Coverage:
    canvas, pen = _fine_canvas()
    for polygon in polygons:
        pen.polygon((polygon * FINE - 0.5).ravel().tolist(), fill=255)
    return _coverage(canvas)


def _fine_canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("L", (SIZE * FINE, SIZE * FINE))
    return canvas, ImageDraw.Draw(canvas)


def _coverage(canvas: Image.Image) -> Coverage:
    return np.asarray(canvas.reduce(FINE)) / 255
