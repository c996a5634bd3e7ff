"""Axes-level drawing: data in, `ax` in, `ax` out. No function here opens, shows or closes a figure.

Compared panels share one scale. A map over its picture is drawn by `overlay`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from interpret.figures.drawing.style import CUT, NONNEGATIVE, PAPER, SIGNED, STAMP

Picture = UInt8[np.ndarray, "height width 3"]
Map = Float[np.ndarray, "row col"]
Shares = Sequence[float]
"""Of a picture's height and width, what lies under the patches of a map, from the top and from the left."""
WHOLE = (1.0, 1.0)
LayerHead = Float[np.ndarray, "layer head"]
Color = tuple[float, float, float]

QUANTILE = 0.995


@dataclass(frozen=True)
class Scale:
    """One colour scale for all panels that are compared.

    Attributes:
        low, high: the values at both ends of `cmap`, in the unit of the maps.
        peak: the largest value in the maps, which can lie above `high`.
    """

    low: float
    high: float
    cmap: str
    peak: float

    @property
    def exceeded(self) -> bool:
        """Whether a value lies beyond the ends."""
        return self.peak > self.high

    @property
    def extend(self) -> str:
        """At which ends its bar has a tip, as matplotlib calls them."""
        return "neither" if not self.exceeded else "both" if self.low < 0 else "max"


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for a column of a paper, for as long as the block lasts."""
    with mpl.rc_context(PAPER):
        yield


def colors(count: int) -> list[Color]:
    """A colour for each of `count` models, told apart by colour-blind readers up to ten."""
    return [(red, green, blue) for red, green, blue in sns.color_palette("colorblind", count)]


def shared_scale(maps: Iterable[np.ndarray]) -> Scale:
    """From 0 for maps without a negative value, symmetric about 0 for signed ones; NaN is left out.

    The scale ends at the `QUANTILE` of the magnitudes, so that a few large values do not darken all others.
    """
    values = np.concatenate([np.zeros(1), *(array[np.isfinite(array)] for array in map(np.asarray, maps))])
    peak = float(np.abs(values).max()) or 1.0
    high = float(np.quantile(np.abs(values), QUANTILE)) or peak
    return Scale(-high, high, SIGNED, peak) if values.min() < 0 else Scale(0.0, high, NONNEGATIVE, peak)


def grey(image: Picture) -> UInt8[np.ndarray, "height width"]:
    """Luminance of a picture."""
    return np.asarray(Image.fromarray(image).convert("L"))


def under_patches(size: tuple[int, ...], covered: Shares) -> tuple[int, int]:
    """(height, width) of what patches cover of a picture of that `size`: the pixels whose centres lie under them."""
    height, width = (math.floor(share * side + 0.5) for share, side in zip(covered, size, strict=True))
    return height, width


def enlarge(image: Picture, side: int = 192) -> UInt8[np.ndarray, "tall broad 3"]:
    """The picture with every pixel repeated until its shorter side has at least `side`; the pixels stay visible."""
    factor = math.ceil(side / min(image.shape[:2]))
    return np.ascontiguousarray(image.repeat(factor, axis=0).repeat(factor, axis=1))


def axes_of(ax: Axes | None) -> Axes:
    """The axes to draw into; those of a new figure where none are given."""
    return Figure(layout="constrained").subplots() if ax is None else ax


def picture(image: np.ndarray, cmap: str | None = None, ax: Axes | None = None) -> Axes:
    """An image without ticks and frame."""
    ax = axes_of(ax)
    ax.imshow(image, cmap=cmap, vmin=0, vmax=255)
    return plain(ax)


def plain(ax: Axes) -> Axes:
    """Axes without grid, ticks and frame."""
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def no_evidence(image: Picture, reason: str, ax: Axes | None = None) -> Axes:
    """The grey image under a red stamp: a map that shows nothing is not drawn as if it did."""
    ax = picture(grey(image), cmap="gray", ax=ax)
    ax.text(
        0.5,
        0.5,
        f"NO EVIDENCE\n{reason}",
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=STAMP,
        weight="bold",
        size=7,
        bbox={"facecolor": "white", "edgecolor": STAMP, "boxstyle": "round"},
    )
    return ax


def patch_heatmap(patch_map: Map, scale: Scale, ax: Axes | None = None) -> Axes:
    """A patch map cell by cell; cells that are exactly zero are drawn in `CUT`."""
    ax = axes_of(ax)
    cmap = mpl.colormaps[scale.cmap].with_extremes(bad=CUT)
    ax.imshow(np.ma.masked_equal(patch_map, 0), cmap=cmap, vmin=scale.low, vmax=scale.high)
    return plain(ax)


def head_grid(values: LayerHead, scale: Scale, form: str = ".3g", ax: Axes | None = None) -> Axes:
    """One number for each layer and head, written in its cell; layers and heads are counted from 0."""
    ax = axes_of(ax)
    sns.heatmap(
        pd.DataFrame(values),
        ax=ax,
        vmin=scale.low,
        vmax=scale.high,
        cmap=scale.cmap,
        annot=True,
        fmt=form,
        annot_kws={"size": 6.5},
        cbar=False,
        linewidths=0.5,
        linecolor="white",
    )
    ax.grid(False)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.set(xlabel="head", ylabel="layer")
    return ax


def outline(mask: np.ndarray, ax: Axes) -> Axes:
    """The border of an object mask (row, col), over a picture of the mask's shape enlarged to fill `ax`."""
    left, right, bottom, top = ax.get_images()[0].get_extent()
    ax.contour(mask, levels=[0.5], colors=["white"], linewidths=0.8, origin="upper", extent=(left, right, bottom, top))
    return ax


def save(figure: Figure, stem: Path) -> list[Path]:
    """`stem`.png (150 dots per inch) and `stem`.pdf, without a date: the same figure gives the same bytes."""
    paths = [stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")]
    figure.savefig(paths[0], dpi=150)
    figure.set_layout_engine("none")  # the PDF stands as the PNG does; the layout takes half the time
    figure.savefig(paths[1], dpi=150, metadata={"CreationDate": None})
    return paths
