"""Indicators that checkpoints recorded while they learned: one of them, against the epoch or the layer."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from interpret.figures import _by_layer, _layout, _still
from interpret.figures.drawing import curves, plots
from interpret.indicators import INDICATORS
from interpret.study.study import Study

Pair = tuple[str, str]
"""Indicator, kind of spectrum."""


def rows(study: Study, pair: Pair) -> pd.DataFrame:
    """What was recorded of one indicator on one kind of spectrum."""
    tracked = study.tables["tracked"]
    if "indicator" not in tracked:
        return tracked
    return tracked.loc[(tracked["indicator"] == pair[0]) & (tracked["kind"].fillna("") == pair[1])]


def moved(study: Study, pairs: Iterable[Pair]) -> list[Pair]:
    """Those that moved: over the epochs, the layers, the heads or from model to model."""
    return [pair for pair in pairs if _still.moved(pair[0], rows(study, pair)["value"])]


def note(study: Study, pairs: Iterable[Pair]) -> str:
    """What the caption says of those that did not move."""
    return _still.told({named(pair): (pair[0], rows(study, pair)["value"]) for pair in pairs})


def named(pair: Pair, parted: str = " ") -> str:
    """An indicator, and what it is the spectrum of."""
    spectrum = _by_layer.spectrum(pair[1])
    return f"{label_and_unit(pair)[0]}{f'{parted}of {spectrum}' if spectrum else ''}"


def label_and_unit(pair: Pair) -> tuple[str, str]:
    """Of an indicator; a file may have recorded one that is not here."""
    entry = INDICATORS.get(pair[0])
    return (entry.label, entry.unit or "count") if entry else (pair[0], "value")


def by_epoch(study: Study, pair: Pair, model: int, ax: Axes) -> None:
    """A model's heads against the epoch: mean and range."""
    table = _layout.of_model(rows(study, pair), study.models[model])
    if len(table):
        _layout.draw_by_epoch(table, "value", ax, model, plots.colors(len(study.models))[model])
    ax.set(xlabel="epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def by_layer(study: Study, pair: Pair, ax: Axes) -> None:
    """Every model's heads against the layer, after the last epoch."""
    count = len(study.models)
    for index, (model, color) in enumerate(zip(study.models, plots.colors(count), strict=True)):
        table = _layout.of_model(rows(study, pair), model)
        last = table.loc[table["epoch"] == table["epoch"].max()]
        if len(last):
            curves.spread(last, index, color, shift=0.12 * (index - (count - 1) / 2), ax=ax)
