"""Indicators that checkpoints recorded while they learned: one of them, into one pair of axes."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from interpret.figures import _layout
from interpret.figures.drawing import curves, plots
from interpret.indicators import INDICATORS
from interpret.study.study import Study


def rows(study: Study, indicator: str, kind: str = "") -> pd.DataFrame:
    """What was recorded of one indicator on one kind of spectrum."""
    tracked = study.tables["tracked"]
    if "indicator" not in tracked:
        return tracked
    return tracked.loc[(tracked["indicator"] == indicator) & (tracked["kind"].fillna("") == kind)]


def draw(study: Study, indicator: str, kind: str, by_epoch: Axes, by_layer: Axes) -> None:
    """Every model's heads against the epoch, as mean and range, and against the layer after the last epoch."""
    table = rows(study, indicator, kind)
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        mine = _layout.of_model(table, model)
        if len(mine):
            _layout.draw_by_epoch(mine, "value", by_epoch, index, color)
            last = mine.loc[mine["epoch"] == mine["epoch"].max()]
            curves.spread(last, index, color, shift=0.12 * (index - (len(study.models) - 1) / 2), ax=by_layer)
    entry = INDICATORS.get(indicator)  # a file may have recorded one that is not here
    label, unit = (entry.label, entry.unit or "count") if entry else (indicator, "value")
    for ax in (by_epoch, by_layer):
        curves.calm(ax).set(ylabel=unit, title=f"{label}{f' of {kind}' if kind else ''}")
    by_epoch.set_xlabel("epoch")
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
