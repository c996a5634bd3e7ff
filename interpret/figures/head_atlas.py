"""Every head by the entropy and the rank of its attention: how wide it looks, and in how many ways."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.figures.drawing.style import marker_of
from interpret.study.study import Study

AXES = {"attention_entropy": "", "effective_rank": "attention"}
"""Indicator and the spectrum that it is taken of."""


def _measured(study: Study) -> bool:
    table = study.tables["survey"]
    return all(len(_of(table, name, kind)) > 0 for name, kind in AXES.items()) if len(table) else False


@FIGURES.register(
    title="Atlas of heads",
    section="appendix",
    caption="Each mark is a head, its mean over the images. Entropy says how many tokens a query looks at, effective "
    "rank in how many ways the queries of a head look. Uniform attention and a sink to one token have the same rank, "
    "one, and opposite entropies; a head in which every token looks at itself has the highest rank and no entropy.",
    applies=_measured,
)
def head_atlas(study: Study) -> Pages:
    """Effective rank against attention entropy, all heads of all models; deeper layers are darker."""
    figure, axes = _layout.panels(1, 1, _layout.WIDTH, 4.4)
    ax = axes[0][0]
    table = study.tables["survey"]
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        _heads(_layout.of_model(table, model), ax, index, color)
    for tokens in sorted({model["tokens"] for model in study.models}):
        _corners(tokens, ax)
    ax.set(xlabel="attention entropy (nats)", ylabel="effective rank of attention (directions)", yscale="log")
    corner = Line2D([], [], color="0.3", marker="+", linestyle="", label="uniform, sink, identity")
    _layout.model_legend(study, figure, [corner])
    figure.suptitle(f"Atlas of heads, {_layout.images(table)} images")
    return {"": figure}


def _heads(table: pd.DataFrame, ax: Axes, index: int, color: plots.Color) -> None:
    keys = ["layer", "head"]
    entropy, rank = (_of(table, name, kind).set_index(keys)["mean"] for name, kind in AXES.items())
    depth = entropy.index.get_level_values("layer").to_numpy(dtype=float)
    shades = np.array([(*color, 0.3 + 0.7 * (layer + 1) / (depth.max() + 1)) for layer in depth])
    ax.scatter(entropy, rank[entropy.index], s=18, c=shades, marker=marker_of(index), linewidths=0)


def _corners(tokens: int, ax: Axes) -> None:
    """Where uniform attention, a sink to one token, and attention of every token to itself lie."""
    places = {"uniform": (np.log(tokens), 1), "sink": (0, 1), "identity": (0, tokens)}
    for name, place in places.items():
        ax.plot(*place, color="0.3", marker="+", markersize=8, linestyle="")
        ax.annotate(f"{name}, N={tokens}", place, (4, 5), textcoords="offset points", size=6, color="0.3")


def _of(table: pd.DataFrame, indicator: str, kind: str) -> pd.DataFrame:
    return table.loc[(table["indicator"] == indicator) & (table["kind"] == kind)]
