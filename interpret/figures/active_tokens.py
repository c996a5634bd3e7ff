"""How many tokens a query keeps, head by head."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.study.study import Study


@FIGURES.register(
    title="Active tokens per head",
    section="cutting",
    caption="Tokens with a weight above zero, mean over queries and images, for every layer and head. Lower is "
    "more selective; a model without selection keeps all N.",
    applies=_layout.varies("active_tokens"),
)
def active_tokens(study: Study) -> Pages:
    """One heat map of layers x heads for each model, on one scale from 0 to the largest N."""
    tables = _layout.per_head(study, "active_tokens")
    tokens = float(max(model["tokens"] for model in study.models))
    scale = plots.Scale(0.0, tokens, "viridis", tokens)
    figure, axes = _axes(study)
    for ax, model, table in zip(axes, study.models, tables, strict=False):
        values = table.pivot(index="layer", columns="head", values="value").to_numpy(np.float64)
        plots.head_grid(values, scale, form=".1f", ax=ax).set_title(f"{_layout.title(model)}, N={model['tokens']}")
    for ax in axes[len(tables) :]:
        ax.set_axis_off()
    plots.color_bar(axes, scale, "active tokens per query")
    figure.suptitle(f"Active tokens per query, mean over {len(study.image_ids)} images")
    return {"": figure}


def _axes(study: Study) -> tuple[Figure, list[Axes]]:
    """As many panels a row as leave room for the numbers in the cells."""
    heads, layers = (max(model[axis] for model in study.models) for axis in ("heads", "layers"))
    columns = min(len(study.models), max(1, int(_layout.WIDTH / (0.3 * heads + 0.6))))
    rows = math.ceil(len(study.models) / columns)
    width = min(_layout.WIDTH, columns * (0.3 * heads + 1.6) + 0.8)
    figure, axes = _layout.panels(rows, columns, width, rows * (0.2 * layers + 0.9) + 0.3)
    return figure, list(axes.flat)
