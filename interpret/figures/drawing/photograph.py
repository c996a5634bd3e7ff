"""A map over the photograph that it is of, and the scale of its colours."""

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from interpret.figures.drawing import plots


def over(
    picture: plots.Picture, values: Float[np.ndarray, "height width"], scale: plots.Scale, ax: Axes | None = None
) -> Axes:
    """The photograph in its colours; over it the map, the more opaque the further from zero; NaN is left clear."""
    share = np.clip(np.abs(np.nan_to_num(values)) / max(abs(scale.low), abs(scale.high)), 0, 1)
    colours = mpl.colormaps[scale.cmap](Normalize(scale.low, scale.high)(np.nan_to_num(values)))
    colours[..., 3] = np.where(np.isnan(values), 0, 0.25 + 0.6 * share)
    ax = plots.picture(picture, ax=ax)
    ax.imshow(colours)
    return ax


def scale_bar(scale: plots.Scale, ax: Axes) -> Axes:
    """The colours of a scale, lying, with its ends and, where values exceed it, the largest one."""
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.cmap)
    bar = ax.figure.colorbar(colours, cax=ax, orientation="horizontal", extend=scale.extend)
    bar.set_ticks([scale.low, scale.high], labels=[f"{end:.2g}" for end in (scale.low, scale.high)])
    bar.set_label(f"largest value {scale.peak:.3g}" if scale.exceeded else "")
    return ax
