"""The ten outlines of `shapes`: closed polygons around the origin whose farthest point has distance 1."""

import numpy as np
from jaxtyping import Float

Outline = Float[np.ndarray, "point xy"]


def _arc(start: float, stop: float, radius: float = 1.0, centre: float = 0.0, points: int = 48) -> Outline:
    """Points of a circle around (centre, 0), from angle `start` to `stop`, both in turns."""
    angles = 2 * np.pi * np.linspace(start, stop, points)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) + [centre, 0]


def _regular(corners: int) -> Outline:
    return _arc(0.0, 1.0, points=corners + 1)[:-1]


def _star(points: int, inner: float) -> Outline:
    radii = np.where(np.arange(2 * points) % 2, inner, 1)
    return _regular(2 * points) * radii[:, None]


def _ring(inner: float) -> Outline:
    """The outer circle, then the inner one backwards: the seam between them has no area."""
    return np.concatenate([_arc(0.0, 1.0), _arc(1.0, 0.0, inner)])


def _crescent(cut: float, centre: float) -> Outline:
    """The unit circle without the circle of radius `cut` around (centre, 0)."""
    x = (1 + centre**2 - cut**2) / (2 * centre)
    outer = np.arctan2(np.sqrt(1 - x**2), x) / (2 * np.pi)
    inner = np.arctan2(np.sqrt(1 - x**2), x - centre) / (2 * np.pi)
    return np.concatenate([_arc(outer, 1 - outer), _arc(1 - inner, inner, cut, centre)])


def _heart() -> Outline:
    """Two half-circles on two sides of a square that stands on a corner."""
    half = 0.7
    lobe = half / np.sqrt(2)
    right = np.add(_arc(-0.125, 0.375, lobe), [half / 2, half / 2])
    left = np.add(_arc(0.125, 0.625, lobe), [-half / 2, half / 2])
    return np.concatenate([right, left, [[0, -half]]])


def _centred(outline: Outline) -> Outline:
    """Moved and scaled so that its bounding box is around the origin and its farthest point has distance 1."""
    moved = outline - (outline.min(axis=0) + outline.max(axis=0)) / 2
    return moved / np.linalg.norm(moved, axis=1).max()


def _four_times(quarter: Float[np.ndarray, "corner xy"]) -> Outline:
    """A polygon of four-fold symmetry from its first quarter."""
    turn = np.array([[0, 1], [-1, 0]])
    return np.concatenate([quarter @ np.linalg.matrix_power(turn, times) for times in range(4)])


OUTLINES: dict[str, Outline] = {
    name: _centred(outline)
    for name, outline in {
        "arrow": np.array([(-1, 0.22), (0.05, 0.22), (0.05, 0.7), (1, 0), (0.05, -0.7), (0.05, -0.22), (-1, -0.22)]),
        "circle": _regular(96),
        "crescent": _crescent(cut=0.8, centre=0.55),
        "cross": _four_times(np.array([(1, -0.32), (1, 0.32), (0.32, 0.32)])),
        "heart": _heart(),
        "hourglass": np.array([(-0.72, 1), (0.72, 1), (0.14, 0), (0.72, -1), (-0.72, -1), (-0.14, 0)]),
        "ring": _ring(inner=0.55),
        "square": _regular(4),
        "star": _star(points=5, inner=0.45),
        "triangle": _regular(3),
    }.items()
}
"""Class name -> outline, in the order of the labels. No two of them agree under any turn."""


def area(outline: Outline) -> float:
    """Area that the outline encloses (shoelace formula), in units of its radius squared."""
    x, y = outline.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
