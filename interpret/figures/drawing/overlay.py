"""A map over the picture that it is of: the picture keeps its colours, and the map is the more opaque the stronger."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, Normalize
from PIL import Image

from interpret.figures.drawing import plots
from interpret.figures.drawing.octaves import Colours, Levels, Octaves, Shares

UNIT = "times the uniform share"
SHRINK, THICKNESS = 0.85, 0.09
"""Length of a bar as a share of its panels, and how thick it is, inches."""


def overlay(
    image: plots.Picture,
    shares: Shares,
    scale: Octaves,
    covered: plots.Shares = plots.WHOLE,
    *,
    smooth: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A map over its picture, whose pixels stay visible; patches as squares where it is not to be smooth."""
    return plots.picture(
        overlay_pixels(plots.enlarge(image), scale.levels(shares), scale.colours, covered, smooth=smooth), ax=ax
    )


def overlay_pixels(
    image: plots.Picture,
    levels: Levels,
    colours: Colours,
    covered: plots.Shares = plots.WHOLE,
    *,
    smooth: bool = True,
) -> plots.Picture:
    """Levels enlarged as numbers (bicubic, or as squares), coloured afterwards; what no patch covers stays as it is."""
    tall, broad = plots.under_patches(image.shape[:2], covered)
    kernel = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    enlarged = np.asarray(Image.fromarray(levels).resize((broad, tall), kernel))
    pixels = image.copy()
    pixels[:tall, :broad] = painted(image[:tall, :broad], enlarged, colours)
    return pixels


def painted(image: plots.Picture, levels: UInt8[np.ndarray, "height width"], colours: Colours) -> plots.Picture:
    """Every pixel of a picture under the colour of its level, as opaque as that is."""
    over = colours[levels].astype(np.float64)
    return np.rint(image + (over[..., :3] - image) * over[..., 3:] / 255).astype(np.uint8)


def on_photograph(
    image: plots.Picture, levels: Float[np.ndarray, "height width"], scale: Octaves, ax: Axes | None = None
) -> Axes:
    """The same on a photograph at its own size: a level for each pixel, NaN where the model sees nothing."""
    steps = np.rint(np.clip(np.nan_to_num(levels), 0, 255)).astype(np.uint8)
    seen = ~np.isnan(levels)
    pixels = image.copy()
    pixels[seen] = painted(image[seen][None], steps[seen][None], scale.colours)[0]
    return plots.picture(pixels, ax=ax)


def bare(shares: Shares, scale: Octaves, *, smooth: bool = True, ax: Axes | None = None) -> Axes:
    """The map alone, on the same scale: the darkest colour is the uniform share and less."""
    ax = plots.axes_of(ax)
    ax.imshow(scale.place(shares), cmap=scale.cmap, vmin=0, vmax=1, interpolation="bicubic" if smooth else "nearest")
    return plots.plain(ax)


def bar(axes: Sequence[Axes], scale: Octaves, location: Literal["right", "bottom"] = "right") -> Colorbar:
    """The colours of a scale beside its panels, as they look on white paper; with a tip where shares exceed it."""
    opaque = scale.colours / 255
    on_white = ListedColormap(1 - (1 - opaque[:, :3]) * opaque[:, 3:])
    extend = "neither" if not scale.exceeded else "both" if scale.signed else "max"
    colors = ScalarMappable(Normalize(0, 1), on_white)
    aspect = SHRINK * _length(axes, location) / THICKNESS
    placing: dict[str, Any] = {"location": location, "extend": extend, "shrink": SHRINK, "aspect": aspect, "pad": 0.02}
    drawn = axes[0].figure.colorbar(colors, ax=list(axes), **placing)
    drawn.set_ticks(list(scale.ticks.values()), labels=list(scale.ticks))
    return drawn


def bars(panels: np.ndarray, scales: Sequence[Sequence[Octaves]], shared: object) -> None:
    """The bars of a table of axes (row, column, ...): one a row, a column, or for all, as their scales are shared."""
    if shared == "model":
        for column, scale in enumerate(scales[0]):
            bar(list(panels[:, column].flat), scale, "bottom").set_label(_unit(scale))
        return
    groups = zip(panels, scales, strict=True) if shared == "image" else [(panels, scales[0])]
    for axes, row in groups:
        drawn = [bar(list(axes.flat), scale) for scale in dict.fromkeys(row)]
        drawn[0].set_label(_unit(row[0]))  # the outermost


def _unit(scale: Octaves) -> str:
    return f"{UNIT}\n(up to {scale.peak:.2g}x)" if scale.exceeded else UNIT


def _length(axes: Sequence[Axes], location: str) -> float:
    """Inches that these axes take, from top to bottom or from left to right."""
    boxes = [ax.get_window_extent() for ax in axes]
    pixels = (
        max(box.y1 for box in boxes) - min(box.y0 for box in boxes)
        if location == "right"
        else max(box.x1 for box in boxes) - min(box.x0 for box in boxes)
    )
    return pixels / axes[0].figure.dpi
