"""Which layers bear an intervention: each layer changed alone."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import bars, plots
from interpret.interventions import INTERVENTIONS, Intervention
from interpret.study.curves import of_intervention
from interpret.study.quantities import POINTS, title
from interpret.study.study import Study

SHOWN = {"accuracy_change": ".1f", "agreement": ".2f"}
"""The first that the study knows of all models is drawn, its numbers so."""
COLUMNS = 2
"""Panels beside each other: a number needs room in its cell."""


def _alone(study: Study) -> pd.DataFrame:
    """The settings that change one layer."""
    table = study.tables["sweep"]
    return table.loc[table["layer"] != "all"] if len(table) else table


@FIGURES.register(
    title="Sweeps by layer",
    section="cutting",
    caption="One layer at a time at each setting, the others as they were loaded: what changes in percentage points of "
    "accuracy, or, without labels, the share of predictions that stay. One scale for all models.",
    applies=lambda study: len(_alone(study)) > 0,
)
def sweep_by_layer(study: Study) -> Pages:
    """A page for each intervention; a panel for each model and rule, layers by settings."""
    alone = _alone(study)
    return {name: _page(study, alone, INTERVENTIONS[name]) for name in alone["intervention"].unique()}


def _page(study: Study, alone: pd.DataFrame, entry: Intervention) -> plots.Figure:
    table = of_intervention(alone, entry.name)
    curves = list(table.groupby(["model", "rule"], sort=False))
    quantity = next(name for name in SHOWN if all(bool(rows["quantity"].eq(name).any()) for _, rows in curves))
    grids = [_grid(_layout.curve(rows, quantity), quantity).iloc[:, :: int(entry.sign)] for _, rows in curves]
    scale = _scale(grids, quantity)
    rows, columns = math.ceil(len(grids) / COLUMNS), min(len(grids), COLUMNS)
    height = 1.3 + 0.24 * max(map(len, grids))
    figure, axes = _layout.panels(rows, columns, _layout.WIDTH, rows * height + 0.3)
    for ax in axes.flat[len(grids) :]:
        ax.remove()
    for ax, (_, curve), grid in zip(axes.flat, curves, grids, strict=False):
        _panel(grid, ax, scale, SHOWN[quantity])
        ax.set(title=_heading(study, table, curve.iloc[0], columns), xlabel=entry.axis)
    bars.color_bar(list(axes.flat[: len(grids)]), scale, title(quantity))
    images = f"{_layout.images(table)} images ({_layout.tokens(study)})"
    figure.suptitle(f"{entry.title}, one layer at a time, over {images}")
    return figure


def _scale(grids: Sequence[pd.DataFrame], quantity: str) -> plots.Scale:
    """Symmetric about no change and up to the largest one; shares from 0 to 1."""
    if quantity != "accuracy_change":
        return plots.Scale(0.0, 1.0, plots.NONNEGATIVE, 1.0)
    most = float(np.nanmax([np.abs(grid.to_numpy()).max() for grid in grids])) or 1.0
    return plots.Scale(-most, most, plots.SIGNED, most)


def _heading(study: Study, table: pd.DataFrame, setting: pd.Series, columns: int) -> str:
    """The model, and the rule of the intervention where it has several."""
    model = next(model for model in study.models if model["name"] == setting["model"])
    rules = set(_layout.of_model(table, model)["rule"])
    return _layout.title(model | {"rule": setting["rule"]} if len(rules) > 1 else model, columns)


def _grid(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    factor = POINTS if quantity == "accuracy_change" else 1
    return factor * table.assign(layer=table["layer"].astype(int)).pivot_table("mean", "layer", "strength")


def _panel(grid: pd.DataFrame, ax: Axes, scale: plots.Scale, digits: str) -> None:
    plots.head_grid(grid.to_numpy(), scale, digits, ax=ax)
    ax.set_xticks(np.arange(len(grid.columns)) + 0.5, labels=[f"{value:g}" for value in grid.columns], rotation=60)
