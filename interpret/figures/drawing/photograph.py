"""A map over the photograph that it is of."""

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from interpret.figures.drawing import plots


def over(picture: plots.Picture, values: Float[np.ndarray, "height width"], ax: Axes, scale: plots.Scale) -> Axes:
    """The photograph in its colours; over it the map, the more opaque the further from zero; NaN is left clear."""
    share = np.clip(np.abs(np.nan_to_num(values)) / max(abs(scale.low), abs(scale.high)), 0, 1)
    colours = mpl.colormaps[scale.cmap](Normalize(scale.low, scale.high)(np.nan_to_num(values)))
    colours[..., 3] = np.where(np.isnan(values), 0, 0.25 + 0.6 * share)
    plots.picture(picture, ax)
    ax.imshow(colours)
    return ax
