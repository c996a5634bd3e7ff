"""How many tokens a query keeps, head by head."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interpret.figures import FIGURES, Pages, _by_layer, _layout, _names
from interpret.figures.drawing import bars, plots
from interpret.study.study import Study


@FIGURES.register(
    title="Active tokens per head",
    section="cutting",
    caption="Tokens with a weight above zero, mean over queries and images, for every layer and head. Lower is "
    "more selective; a model without selection keeps all N.",
    applies=lambda study: bool(_by_layer.moved(study, {"": ("active_tokens", "")})),
)
def active_tokens(study: Study) -> Pages:
    """One heat map of layers x heads for each model, on one scale from 0 to the largest N."""
    tables = _layout.per_head(study, "active_tokens")
    tokens = float(max(model["tokens"] for model in study.models))
    scale = plots.Scale(0.0, tokens, "viridis", tokens)
    figure, axes, columns = _axes(study)
    for ax, model, table in zip(axes, study.models, tables, strict=False):
        values = table.pivot(index="layer", columns="head", values="value").to_numpy(np.float64)
        plots.head_grid(values, scale, form=".1f", ax=ax).set_title(_layout.title(model, columns))
    for ax in axes[len(tables) :]:
        ax.remove()
    bars.color_bar(axes[: len(tables)], scale, "active tokens")
    title = f"Active tokens per query ({_layout.tokens(study)}), mean over {len(study.image_ids)} images"
    figure.suptitle(_names.wrapped(title, int(_layout.LETTERS * figure.get_figwidth())))
    return {"": figure}


def _axes(study: Study) -> tuple[Figure, list[Axes], int]:
    """As many panels a row as leave room for the numbers in the cells; and how many that are."""
    heads, layers = (max(model[axis] for model in study.models) for axis in ("heads", "layers"))
    columns = min(len(study.models), max(1, int(_layout.WIDTH / (0.33 * heads + 0.6))))
    rows = math.ceil(len(study.models) / columns)
    width = max(4.0, min(_layout.WIDTH, columns * (0.33 * heads + 1.6) + 0.8))
    figure, axes = _layout.panels(rows, columns, width, rows * (0.2 * layers + 1.1) + 0.4)
    return figure, list(axes.flat), columns
