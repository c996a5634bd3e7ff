"""How attention changed while the models learned."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from interpret.figures import FIGURES, Pages, _by_layer, _layout, _names, _tracked
from interpret.figures.drawing import curves
from interpret.study.study import Study

BESIDE = 3
"""Models beside each other; more are on further pages."""


def _pairs(study: Study) -> list[_tracked.Pair]:
    """Indicators and kinds in the order in which they were recorded."""
    tracked = study.tables["tracked"]
    if "indicator" not in tracked:
        return []
    return list(dict.fromkeys(zip(tracked["indicator"], tracked["kind"].fillna(""), strict=True)))


@FIGURES.register(
    title="Indicators while the models learned",
    section="training",
    caption="As the checkpoints recorded them on validation images. A column for each model against the epoch, the "
    "line being the mean of all heads and the band reaching from the lowest to the highest; last all models against "
    "the layer, after the last epoch. The panels of a row share their axis.",
    applies=lambda study: bool(_tracked.moved(study, _pairs(study))),
    note=lambda study: _tracked.note(study, _pairs(study)),
)
def indicators_by_epoch(study: Study) -> Pages:
    """Pages for each kind of spectrum, and for what needs none; a row is an indicator, a column a model."""
    pages: Pages = {}
    moved = _tracked.moved(study, _pairs(study))
    for kind in dict.fromkeys(kind for _, kind in moved):
        pairs = [pair for pair in moved if pair[1] == kind]
        models = [index for index, model in enumerate(study.models) if _recorded(study, pairs, model)]
        for start in range(0, len(models), BESIDE):
            number = f"{start // BESIDE + 1}" if len(models) > BESIDE else ""
            page = _page(study, pairs, models[start : start + BESIDE])
            drawn = {study.models[index]["name"] for index in models}
            about = f": spectra of {_by_layer.spectrum(kind)}" if kind else ""
            title = f"Attention{about} while the models learned"
            _layout.titled(study, page, title, curves.heads(), drawn=drawn)
            pages["_".join(filter(None, [kind, number]))] = page
    return pages


def _recorded(study: Study, pairs: Sequence[_tracked.Pair], model: dict) -> bool:
    return any(len(_layout.of_model(_tracked.rows(study, pair), model)) for pair in pairs)


def _page(study: Study, pairs: Sequence[_tracked.Pair], models: Sequence[int]) -> Figure:
    columns = len(models) + 1
    width = min(_layout.WIDTH, 2.4 * columns)
    figure, axes = _layout.panels(len(pairs), columns, width, 1.3 + 1.35 * len(pairs), sharey="row")
    for row, pair in zip(axes, pairs, strict=True):
        _row(study, pair, models, row)
    for ax, index in zip(axes[0], models, strict=False):
        ax.set_title(_layout.title(study.models[index], columns))
    axes[0, -1].set_title("after the last epoch")
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    return figure


def _row(study: Study, pair: _tracked.Pair, models: Sequence[int], row: np.ndarray) -> None:
    label, unit = _tracked.label_and_unit(pair)
    for ax, index in zip(row, models, strict=False):
        _tracked.by_epoch(study, pair, index, ax)
    _tracked.by_layer(study, pair, row[-1])
    text = label if label.endswith(unit) else f"{label}\n({unit})"
    curves.calm(row[0]).set_ylabel(_names.wrapped(text, 22))
