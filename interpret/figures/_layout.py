"""What several figures share: how models are called, coloured and listed, and how a grid of panels is laid out."""

import math
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from interpret.figures.drawing import curves, plots
from interpret.figures.drawing.style import Line, marker_of
from interpret.study.study import Study

WEIGHTS = ("qk_weight", "sigma")
"""Spectra that belong to the weights and not to an image."""
WIDTH = 7.2
"""Width of a figure in inches: two columns of a paper."""
BESIDE = 3
"""So many panels stand beside each other at most."""


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns axes, its size in inches; the axes come as a 2-D array."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def short(text: str, length: int = 24) -> str:
    """Text of at most `length` signs; what is left out of its middle is shown as an ellipsis."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def title(model: dict, columns: int = 1) -> str:
    """Name and rule of a model, one under the other, short enough for so many columns beside each other."""
    length = 30 if columns < 4 else 80 // columns
    return f"{short(model['name'], min(length, 24))}\n{short(model['rule'], length)}"


def model_legend(
    study: Study, figure: Figure, extra: Sequence[Line2D] = (), drawn: Container[str] | None = None
) -> None:
    """A legend under the axes: each model in its colour with its rule, then what else the lines mean.

    Args:
        drawn: names of the models that the figure shows; None is all.
    """
    handles = [
        Line2D([], [], color=color, marker=marker_of(index), markerfacecolor="white", label=_entry(model))
        for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True))
        if drawn is None or model["name"] in drawn
    ]
    figure.legend(handles=[*handles, *extra], loc="outside lower center", ncols=2)


def _entry(model: dict) -> str:
    return f"{short(model['name'])}: {short(model['rule'], 30)}, N={model['tokens']}"


def of_model(table: pd.DataFrame, model: dict) -> pd.DataFrame:
    """The rows of one model."""
    return table.loc[table["model"] == model["name"]]


def per_head(study: Study, indicator: str, kind: str = "") -> list[pd.DataFrame]:
    """For each model the mean over the images: columns layer, head, value. Undefined values are left out."""
    table = study.tables["indicators"]
    chosen = table.loc[(table["indicator"] == indicator) & (table["kind"].fillna("") == kind)]
    keys = ["layer", "head"]
    return [of_model(chosen, model).groupby(keys, as_index=False).agg({"value": "mean"}) for model in study.models]


def kinds(study: Study, indicator: str) -> list[str]:
    """The spectra an indicator was measured on, in the order of the table."""
    table = study.tables["indicators"]
    return list(dict.fromkeys(table.loc[table["indicator"] == indicator, "kind"].fillna("")))


def measures(*indicators: str) -> Callable[[Study], bool]:
    """Condition of a figure: the study holds one of these indicators."""

    def applies(study: Study) -> bool:
        return bool(study.tables["indicators"]["indicator"].isin(indicators).any())

    return applies


def varies(*indicators: str) -> Callable[[Study], bool]:
    """Condition of a figure: one of these indicators differs by a hundredth among heads, models or images.

    What selection does to a model that does not select is constant by construction: nothing to look at.
    """

    def applies(study: Study) -> bool:
        table = study.tables["indicators"]
        ranges = (table.loc[table["indicator"] == name, "value"].agg(["min", "max"]) for name in indicators)
        return any(high - low > 0.01 * max(1, abs(high)) for low, high in ranges)

    return applies


def unit(study: Study, indicator: str) -> str:
    """The unit that the table gives an indicator."""
    table = study.tables["indicators"]
    return str(table.loc[table["indicator"] == indicator, "unit"].iloc[0])


def draw_by_layer(study: Study, axes: Iterable[tuple[Axes, str, str]]) -> None:
    """Into each (axes, indicator, kind): every model's heads as dots over the layers, their mean as a line."""
    models = range(len(study.models))
    palette = plots.colors(len(study.models))
    for ax, indicator, kind in axes:
        for index, table in zip(models, per_head(study, indicator, kind), strict=True):
            curves.spread(table, index, palette[index], shift=0.12 * (index - models[-1] / 2), ax=ax)


def draw_by_epoch(table: pd.DataFrame, column: str, ax: Axes, index: int, color: plots.Color) -> None:
    """What `column` holds of each epoch, of heads or of seeds: the mean as a line, lowest to highest as a band."""
    values = table.groupby("epoch")[column].agg(["mean", "min", "max"]).reset_index()
    curves.line(values["epoch"], values["mean"], index, color, ax=ax)
    curves.band(values["epoch"], values["min"], values["max"], color, ax=ax)


def images(table: pd.DataFrame) -> int:
    """How many images a survey or sweep saw, at most."""
    return int(table["n"].to_numpy().max())


def whole(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a sweep where all layers are changed at once."""
    return table.loc[table["layer"] == "all"]


def curve(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The rows of one quantity of a sweep."""
    return table.loc[table["quantity"] == quantity]


def draw_curve(
    table: pd.DataFrame, ax: Axes, index: int, color: plots.Color, *, band: bool, linestyle: Line = "-"
) -> None:
    """A sweep's means against its strength as a line, their intervals as a band; a line without one is thinner."""
    rows = table.sort_values("strength")
    curves.line(
        rows["strength"], rows["mean"], index, color, ax=ax, linestyle=linestyle, linewidth=1.3 if band else 0.7
    )
    if band:
        curves.band(rows["strength"], rows["low"], rows["high"], color, ax=ax)


def spectrum_panels(study: Study, indicator: str, subject: str) -> Figure:
    """A panel for each kind of spectrum that `indicator` was measured on."""
    spectra = kinds(study, indicator)
    rows = math.ceil(len(spectra) / BESIDE)
    columns = math.ceil(len(spectra) / rows)
    figure, axes = panels(rows, columns, min(WIDTH, 3.4 * columns + 0.4), 2.1 * rows + 0.6)
    drawn = list(zip(axes.flat, spectra, strict=False))
    for ax in axes.flat[len(spectra) :]:
        ax.remove()
    draw_by_layer(study, [(ax, indicator, kind) for ax, kind in drawn])
    for ax, kind in drawn:
        over = "of the weights" if kind in WEIGHTS else f"mean over {len(study.image_ids)} images"
        curves.calm(ax).set(
            title=f"spectrum: {kind}\n{over}", ylabel=f"{subject.lower()} ({unit(study, indicator) or 'count'})"
        )
    model_legend(study, figure, [curves.head_dot()])
    figure.suptitle(subject)
    return figure
