"""Numbers along an axis: lines, bands and dots, in the colour and under the marker of their model."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from interpret.figures.drawing.plots import Color, axes_of
from interpret.figures.drawing.style import marker_of, sizes_of


def line(x: ArrayLike, y: ArrayLike, index: int, color: Color, ax: Axes | None = None, **options: Any) -> Axes:
    """A line with the hollow marker of model `index`, smaller and thinner than those of the models before it."""
    size, width = sizes_of(index)
    marker = {"marker": marker_of(index), "markersize": size, "markerfacecolor": "white", "markeredgecolor": color}
    ax = axes_of(ax)
    ax.plot(x, y, **({"color": color, "linewidth": width, "clip_on": _nothing(y)} | marker | options))
    return ax


def band(x: ArrayLike, low: ArrayLike, high: ArrayLike, color: Color, ax: Axes | None = None) -> Axes:
    """A faint band from `low` to `high`."""
    ax = axes_of(ax)
    ax.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    return ax


def spread(table: pd.DataFrame, index: int, color: Color, shift: float = 0.0, ax: Axes | None = None) -> Axes:
    """Heads as faint dots over their layer, the mean of the heads as a line.

    Args:
        table: columns layer, head, value; one row for each layer and head.
        shift: sideways displacement of the dots, in layers, so that models do not hide one another.
    """
    ax = axes_of(ax)
    ax.scatter(
        table["layer"] + shift,
        table["value"],
        s=7,
        color=color,
        alpha=0.45,
        linewidths=0,
        clip_on=_nothing(table["value"]),
    )
    mean = table.groupby("layer", as_index=False).agg({"value": "mean"})
    line(mean["layer"], mean["value"], index, color, ax=ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("layer")
    return ax


def _nothing(values: ArrayLike) -> bool:
    """Whether nothing can be drawn: marks at the ends of an axis are whole, but a layout needs their places."""
    return not np.isfinite(np.asarray(values, dtype=float)).any()


def calm(ax: Axes, share: float = 0.1) -> Axes:
    """Widen the y axis to at least `share` of its largest value: rounding errors are not drawn as findings.

    Where no value is negative it does not reach below 0.
    """
    low, high = ax.get_ylim()
    missing = share * max(abs(low), abs(high)) - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    ax.set_ylim(max(low, 0) if ax.dataLim.ymin >= 0 else low, high)
    return ax


def heads() -> list[Line2D]:
    """The legend's entries for what `spread` draws."""
    dot = Line2D([], [], color="0.4", marker="o", markersize=2.5, linestyle="", label="one head")
    return [dot, Line2D([], [], color="0.4", label="mean of the heads")]


def mark(x: float, color: Color, ax: Axes) -> Axes:
    """A dashed vertical line, for the value a model was trained with."""
    ax.axvline(x, color=color, linestyle=(0, (4, 2)), linewidth=1.0, zorder=1)
    return ax
