"""The scale of overlays: times the uniform share, in octaves. It makes weak and strong maps visible side by side."""

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, UInt8

from interpret.figures.drawing.style import NONNEGATIVE, SIGNED
from interpret.foundation.errors import InterpretError

Shares = Float[np.ndarray, "*map row col"]
Levels = UInt8[np.ndarray, "*map row col"]
Colours = UInt8[np.ndarray, "256 4"]
SHARED = ("image", "model", "all")
"""Which panels share one scale: those of one image (a row), of one model (a column), all."""

QUANTILE = 0.995
LEAST = 2.0
"""A scale reaches at least so far: a map that is nearly uniform is not blown up."""
START, POWER, OPACITY = 0.3, 0.6, 0.9
"""Where in the colour map the painting starts (the darkest colours would only shade the photograph), how opacity grows
with the level, and how far."""
TICKS = 5
NUMBERS = (int, float, np.floating)


def uniform_share(maps: Float[np.ndarray, "*map row col"]) -> Shares:
    """Values as multiples of what each patch would have if all counted alike: value x patches / sum of |values|.

    1 is the uniform share; the sign is the map's. A map that is all zero or undefined has none: NaN.
    """
    maps = np.asarray(maps, dtype=np.float64)
    total = np.abs(maps).sum(axis=(-2, -1), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return maps * (maps.shape[-2] * maps.shape[-1]) / total


@dataclass(frozen=True)
class Octaves:
    """Colours and opacity follow log2 of the share, from `low`, below which nothing is painted, to `high`.

    Attributes:
        low, high: times the uniform share.
        peak: the largest share, which can lie above `high`.
        signed: whether negative shares have colours of their own.
        cmap: a name that matplotlib knows.
        opacity: of what lies at `high`, in [0, 1].
    """

    low: float
    high: float
    peak: float
    signed: bool
    cmap: str
    opacity: float = OPACITY

    @property
    def exceeded(self) -> bool:
        """Whether a share lies beyond the ends."""
        return self.peak > self.high

    def place(self, shares: Shares) -> Float[np.ndarray, "*map row col"]:
        """Where on the scale shares lie: 0 to 1; of a signed one, 0.5 is not painted."""
        with np.errstate(divide="ignore"):
            octaves = np.log2(np.abs(shares) / self.low) / np.log2(self.high / self.low)
        strength = np.clip(octaves, 0, 1)
        return (1 + np.sign(shares) * strength) / 2 if self.signed else np.where(shares > 0, strength, 0)

    def levels(self, shares: Shares) -> Levels:
        """Steps 0 to 255 of the scale; an undefined share is not painted."""
        neutral = np.where(np.isnan(shares), 0.0, shares)
        return np.rint(self.place(neutral) * 255).astype(np.uint8)

    @property
    def colours(self) -> Colours:
        """Red, green, blue and opacity of each level."""
        return _colours(self.cmap, self.signed, self.opacity)

    @property
    def ticks(self) -> dict[str, float]:
        """What is written at the bar, "2x" and the like, and where on the scale: a few powers of two."""
        powers = 2.0 ** np.arange(np.ceil(np.log2(self.low)), np.log2(self.high) + 1e-9)
        kept = powers[:: -(-len(powers) // TICKS)] if len(powers) else np.array([self.low, self.high])
        places = self.place(kept[None])[0].tolist()
        ticks = {f"{share:g}x": place for share, place in zip(kept, places, strict=True)}
        below = {f"-{name}": 1 - place for name, place in reversed(ticks.items()) if place > 0.5}
        return below | ticks if self.signed else ticks


def octaves(
    shares: Iterable[np.ndarray], signed: bool = False, cmap: str | None = None, opacity: float = OPACITY
) -> Octaves:
    """One scale for these maps, from the uniform share to the `QUANTILE` of their magnitudes."""
    values = np.abs(np.concatenate([np.zeros(1), *(each[np.isfinite(each)] for each in map(np.asarray, shares))]))
    high = max(LEAST, float(np.quantile(values, QUANTILE)))
    return Octaves(1.0, high, float(values.max()), signed, cmap or (SIGNED if signed else NONNEGATIVE), opacity)


def scales(
    rows: Sequence[Sequence[np.ndarray]],
    signed: Sequence[bool],
    shared: Any = "image",
    cmap: Any = None,
    opacity: Any = OPACITY,
) -> list[list[Octaves]]:
    """The scale of each panel of a table of maps: a row holds those of one image.

    Args:
        signed: of each column, whether its maps have negative values; those that do have colours of their own.
        shared: whether the panels of a row ("image"), of a column ("model") or "all" end at the same share; or the two
            ends themselves.

    Raises:
        InterpretError: no such sharing, ends that are no growing pair above 0, no such colour map or opacity.
    """
    _check(shared, cmap, opacity)

    def ending(panels: Iterable[np.ndarray]) -> list[Octaves]:
        common = octaves(list(panels), opacity=opacity)
        if not isinstance(shared, str):
            common = replace(common, low=float(shared[0]), high=float(shared[1]))
        colours = [cmap or (SIGNED if each else NONNEGATIVE) for each in signed]
        return [replace(common, signed=each, cmap=name) for each, name in zip(signed, colours, strict=True)]

    if shared == "image":
        return [ending(row) for row in rows]
    columns = list(zip(*rows, strict=True))
    if shared == "model":
        return [[ending(panels)[index] for index, panels in enumerate(columns)]] * len(rows)
    return [ending(panel for row in rows for panel in row)] * len(rows)


def _check(shared: Any, cmap: Any, opacity: Any) -> None:
    if not (isinstance(shared, str) and shared in SHARED) and not _is_growing(shared):
        raise InterpretError(
            f"scale={shared!r} is none of {', '.join(map(repr, SHARED))} and no (low, high) with 0 < low < high, "
            "times the uniform share"
        )
    if cmap is not None and not (isinstance(cmap, str) and cmap in mpl.colormaps):
        nearest = difflib.get_close_matches(str(cmap), list(mpl.colormaps), n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ", whose names stand in matplotlib.colormaps"
        raise InterpretError(f"cmap={cmap!r} is no colour map of matplotlib{hint}")
    if not (isinstance(opacity, NUMBERS) and 0 <= opacity <= 1):
        raise InterpretError(f"alpha={opacity!r} is no opacity in [0, 1]")


def _is_growing(ends: Any) -> bool:
    """Whether these are two finite numbers above 0, the larger one last."""
    if not (isinstance(ends, tuple | list) and len(ends) == 2 and all(isinstance(end, NUMBERS) for end in ends)):
        return False
    return 0 < ends[0] < ends[1] < math.inf


@lru_cache
def _colours(cmap: str, signed: bool, opacity: float) -> Colours:
    level = np.arange(256) / 255
    strength = np.abs(2 * level - 1) if signed else level
    painted = START + (1 - START) * strength
    colours = mpl.colormaps[cmap]((1 + np.where(level < 0.5, -painted, painted)) / 2 if signed else painted)
    above = (255 * strength - signed) / (255 - signed)  # no level of 0 to 255 lies at the very middle
    colours[:, 3] = opacity * np.clip(above, 0, 1) ** POWER
    return np.rint(colours * 255).astype(np.uint8)
