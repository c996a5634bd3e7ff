"""Which layers bear an intervention: each layer changed alone."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.study.study import Study

SHOWN = {
    "accuracy_change": "accuracy change (points)",
    "agreement": "same prediction (%)",
}
COLUMNS = 2
"""Panels beside each other: a number needs room in its cell."""
STRENGTHS = {"tau": "threshold tau", "rho": "rho, share of energy kept"}


def _measured(study: Study) -> list[str]:
    """The strengths that were swept layer by layer."""
    return [name for name in STRENGTHS if (study.tables[f"{name}_sweep"].get("layer", pd.Series()) != "all").any()]


@FIGURES.register(
    title="Sweeps by layer",
    caption="One layer at a time at each setting, the others as they were loaded: what changes in percentage points of "
    "accuracy, or, without labels, the percentage of predictions that stay. One scale for all models.",
    applies=lambda study: bool(_measured(study)),
)
def sweep_by_layer(study: Study) -> Pages:
    """A page for each intervention; a panel for each model, layers by settings."""
    return {strength: _page(study, strength) for strength in _measured(study)}


def _page(study: Study, strength: str) -> plots.Figure:
    table = study.tables[f"{strength}_sweep"]
    models = [model for model in study.models if model["name"] in set(table["model"])]
    told = set.intersection(*(set(_layout.of_model(table, model)["quantity"]) for model in models))
    quantity = next(name for name in SHOWN if name in told)
    grids = [_grid(_layout.of_model(table, model), quantity, strength) for model in models]
    scale = plots.shared_scale([grid.to_numpy() for grid in grids])
    rows, columns = -(-len(models) // COLUMNS), min(len(models), COLUMNS)
    height = 1.3 + 0.24 * max(map(len, grids))
    figure, axes = _layout.panels(rows, columns, _layout.WIDTH, rows * height + 0.3)
    for ax in axes.flat[len(models) :]:
        ax.set_axis_off()
    for ax, model, grid in zip(axes.flat, models, grids, strict=False):
        _panel(grid, ax, scale)
        ax.set(title=_layout.title(model, columns), xlabel=STRENGTHS[strength])
    plots.color_bar(list(axes.flat), scale, SHOWN[quantity])
    figure.suptitle(f"One layer at a time, {int(table['n'].max())} images")
    return figure


def _grid(table: pd.DataFrame, quantity: str, strength: str) -> pd.DataFrame:
    alone = _layout.curve(table, quantity)
    alone = alone.loc[alone["layer"] != "all"]
    return 100 * alone.assign(layer=alone["layer"].astype(int)).pivot_table("mean", "layer", strength)


def _panel(grid: pd.DataFrame, ax: Axes, scale: plots.Scale) -> None:
    plots.head_grid(grid.to_numpy(), ax, scale, ".1f")
    ax.set_xticks(np.arange(len(grid.columns)) + 0.5, labels=[f"{value:g}" for value in grid.columns], rotation=60)
