"""Colour bars with round ticks."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from interpret.figures.drawing.plots import Scale


def color_bar(axes: Sequence[Axes], scale: Scale, label: str, location: str = "right") -> Colorbar:
    """The colour bar of all `axes`, with three to five round ticks.

    Where values exceed the scale it has a tip, and the largest of them is said.
    """
    shape = {"shrink": 0.9, "aspect": 15} if location == "right" else {"shrink": 0.6, "aspect": 40}
    colors = ScalarMappable(Normalize(scale.low, scale.high), scale.cmap)
    placing = {"location": location, "pad": 0.02, "extend": scale.extend, **shape}
    bar = axes[0].figure.colorbar(colors, ax=list(axes), **placing)
    ticks = round_ticks(scale.low, scale.high)
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.set_label(f"{label}\nlargest {scale.peak:.2g}" if scale.exceeded else label)
    return bar


def round_ticks(low: float, high: float) -> list[float]:
    """Three to five round numbers from `low` to `high`."""
    locator = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3)
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
