"""What several figures share: how models are called, coloured and listed, and how a grid of panels is laid out."""

from collections.abc import Callable, Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from interpret.figures import _names
from interpret.figures.drawing import curves, plots
from interpret.figures.drawing.style import Line, marker_of, sizes_of
from interpret.study.study import Study

WIDTH = 7.2
"""Width of a figure in inches: two columns of a paper."""
LETTERS = 13
"""Signs of a title that an inch holds."""


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns axes, its size in inches; the axes come as a 2-D array."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def title(model: dict, columns: int = 1) -> str:
    """What figures call a model, and below it what that does not say of its rule, for so many columns of panels."""
    lines = filter(None, [_names.of(model), _names.unsaid(model)])
    return _names.wrapped("\n".join(lines), max(80 // columns, 12))


def titled(
    study: Study,
    figure: Figure,
    text: str,
    extra: Sequence[Line2D] = (),
    *,
    drawn: Container[str] | None = None,
    mark: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Title above and legend below: each model in its colour with its rule, then what else is drawn.

    A model that is alone is named in the title.

    Args:
        drawn: names of the models that the figure shows; None is all.
        mark: how the legend draws a model where it has no line.
    """
    models = [(index, model) for index, model in enumerate(study.models) if drawn is None or model["name"] in drawn]
    palette = plots.colors(len(study.models))
    if len(models) == 1:
        text = f"{text}\n{entry(models[0][1])}"
    handles = [_handle(index, model, palette[index], mark) for index, model in models if len(models) > 1]
    figure.suptitle(_names.wrapped(text, int(LETTERS * figure.get_figwidth())))
    if handles or extra:
        beside = 2 if figure.get_figwidth() > WIDTH / 2 else 1
        figure.legend(handles=[*handles, *extra], loc="outside lower center", ncols=beside)


def entry(model: dict) -> str:
    """A model in one line: what figures call it, what that does not say of its rule, and its tokens."""
    said = ": ".join(filter(None, [_names.of(model), _names.unsaid(model)]))
    return f"{said}, N = {model['tokens']} tokens"


def tokens(study: Study) -> str:
    """The numbers of tokens that the models have."""
    return f"N = {', '.join(str(count) for count in sorted({model['tokens'] for model in study.models}))} tokens"


def _handle(index: int, model: dict, color: plots.Color, mark: Mapping[str, Any]) -> Line2D:
    size, width = sizes_of(index)
    marker = {"marker": marker_of(index), "markersize": size, "markerfacecolor": "white", "linewidth": width}
    return Line2D([], [], label=entry(model), color=color, **(marker | dict(mark)))


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


def unit(study: Study, indicator: str) -> str:
    """The unit that the table gives an indicator."""
    table = study.tables["indicators"]
    return str(table.loc[table["indicator"] == indicator, "unit"].iloc[0])


def draw_by_layer(study: Study, indicator: str, kind: str, ax: Axes) -> None:
    """Every model's heads as dots over the layers, their mean as a line."""
    models = range(len(study.models))
    palette = plots.colors(len(study.models))
    for index, table in zip(models, per_head(study, indicator, kind), strict=True):
        if len(table):
            curves.spread(table, index, palette[index], shift=0.12 * (index - models[-1] / 2), ax=ax)
    curves.calm(ax)


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
    options = {} if band else {"linewidth": 0.7}
    curves.line(rows["strength"], rows["mean"], index, color, ax=ax, linestyle=linestyle, **options)
    if band:
        curves.band(rows["strength"], rows["low"], rows["high"], color, ax=ax)
