"""Backgrounds of `shapes`: a texture is a field of values in [0, 1] that mixes two colours."""

import functools

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from scipy.spatial import distance_matrix
from skimage.color import rgb2lab

Field = Float[np.ndarray, "row col"]
Rng = np.random.Generator


def noise(rng: Rng, size: int) -> Field:
    """Smooth noise: a coarse random grid, enlarged."""
    return _smooth(rng, size, cells=int(rng.integers(6, 15)))


def blobs(rng: Rng, size: int) -> Field:
    """Smooth noise cut at its middle, with a soft edge."""
    return np.clip((_smooth(rng, size, cells=int(rng.integers(4, 9))) - 0.5) * 8 + 0.5, 0, 1)


def stripes(rng: Rng, size: int) -> Field:
    """Waves along a random direction."""
    along, _ = _turned_axes(rng, size)
    return _wave(along, rng)


def checks(rng: Rng, size: int) -> Field:
    """Squares of a random period, turned by a random angle."""
    along, across = _turned_axes(rng, size)
    period = rng.uniform(8, 20)
    product = np.sin(2 * np.pi * along / period) * np.sin(2 * np.pi * across / period)
    return np.clip(4 * product + 0.5, 0, 1)


def gradient(rng: Rng, size: int) -> Field:
    """One colour turns into the other along a random direction."""
    along, _ = _turned_axes(rng, size)
    return np.clip((along - along.min()) / (along.max() - along.min()), 0, 1)


TEXTURES = (noise, blobs, stripes, checks, gradient)


@functools.cache
def palette() -> Float[np.ndarray, "colour channel"]:
    """Evenly spaced sRGB colours, channels in [0, 1]. A colour is written as its row in this table."""
    steps = np.linspace(0.04, 0.96, 12)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)


@functools.cache
def muted() -> Int[np.ndarray, "colour"]:
    """The colours of backgrounds: channels that differ by less than 0.4, and a lightness L* below 45."""
    return np.flatnonzero((np.ptp(palette(), axis=1) < 0.4) & (_lab()[:, 0] < 45))


def colour_near(rng: Rng, references: list[int], nearest: float, farthest: float) -> int:
    """A colour whose distance from the closest of `references` is in [nearest, farthest], in CIELAB (CIE 1976).

    It is at most 8 L* lighter than the lightest of them.
    """
    distance = _distances()[references].min(axis=0)
    dim = _lab()[:, 0] <= _lab()[references, 0].max() + 8
    return int(rng.choice(np.flatnonzero(dim & (distance >= nearest) & (distance <= farthest))))


def colour_lighter(rng: Rng, references: list[int], lightness: float) -> int:
    """A colour at least `lightness` L* lighter than each of `references`; the lightest where none is."""
    least = min(_lab()[references, 0].max() + lightness, _lab()[:, 0].max())
    return int(rng.choice(np.flatnonzero(_lab()[:, 0] >= least)))


@functools.cache
def _lab() -> Float[np.ndarray, "colour channel"]:
    return rgb2lab(palette()).astype(np.float32)


@functools.cache
def _distances() -> Float[np.ndarray, "colour colour"]:
    return distance_matrix(_lab(), _lab())


def _smooth(rng: Rng, size: int, cells: int) -> Field:
    grid = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
    field = np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    return np.clip(field, 0, 1).astype(float)


def _turned_axes(rng: Rng, size: int) -> tuple[Field, Field]:
    angle = rng.uniform(0, 2 * np.pi)
    row, col = np.mgrid[:size, :size] - size / 2
    return np.cos(angle) * col + np.sin(angle) * row, np.cos(angle) * row - np.sin(angle) * col


def _wave(along: Field, rng: Rng) -> Field:
    sharpness, phase = rng.uniform(0.5, 3), rng.uniform(0, 2 * np.pi)
    return np.clip(sharpness * np.sin(2 * np.pi * along / rng.uniform(5, 18) + phase) + 0.5, 0, 1)
