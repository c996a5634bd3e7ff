"""Every head by the entropy and the rank of its attention: how wide it looks, and in how many ways."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, ScalarFormatter

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.figures.drawing.style import marker_of
from interpret.study.study import Study

AXES = {"attention_entropy": "", "effective_rank": "attention"}
"""Indicator and the spectrum that it is taken of."""
PALEST = 0.3
"""Opacity of the first layer; the last one's is 1."""


def _measured(study: Study) -> bool:
    table = study.tables["survey"]
    return all(len(_of(table, name, kind)) > 0 for name, kind in AXES.items()) if len(table) else False


@FIGURES.register(
    title="Atlas of heads",
    section="appendix",
    caption="Each mark is a head, its mean over the images. Entropy says how many tokens a query looks at, effective "
    "rank in how many ways the queries of a head look. The small panel shows where the large one lies between the "
    "three extremes: uniform attention and a sink to one token have the same rank, one, and opposite entropies; a "
    "head in which every token looks at itself (identity) has the highest rank and no entropy.",
    applies=_measured,
)
def head_atlas(study: Study) -> Pages:
    """Effective rank against attention entropy, all heads of all models; deeper layers are darker."""
    figure, axes = _layout.panels(1, 2, _layout.WIDTH, 4.0, width_ratios=(3, 1))
    ax, whole = axes[0]
    table = study.tables["survey"]
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        _heads(_layout.of_model(table, model), ax, index, color)
    ax.set(xlabel="attention entropy (nats)", ylabel="effective rank of attention (directions)", yscale="log")
    _fit(ax)
    _extremes(study, ax, whole)
    _layout.titled(
        study, figure, f"Atlas of heads, mean over {_layout.images(table)} images", _shades(),
        mark={"linestyle": "", "markerfacecolor": None},
    )  # fmt: skip
    return {"": figure}


def _heads(table: pd.DataFrame, ax: Axes, index: int, color: plots.Color) -> None:
    keys = ["layer", "head"]
    entropy, rank = (_of(table, name, kind).set_index(keys)["mean"] for name, kind in AXES.items())
    depth = entropy.index.get_level_values("layer").to_numpy(dtype=float)
    shades = np.array([(*color, PALEST + (1 - PALEST) * layer / (depth.max() or 1)) for layer in depth])
    ax.scatter(entropy, rank[entropy.index], s=20, c=shades, marker=marker_of(index), linewidths=0)


def _fit(ax: Axes) -> None:
    """Round ticks of ranks, as many as an axis needs: over less than a power of ten in even steps."""
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 10 * low else MaxNLocator(5))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.minorticks_off()


def _extremes(study: Study, ax: Axes, whole: Axes) -> None:
    """All that is possible: uniform attention, a sink and the identity, and between them the part that `ax` shows."""
    counts = sorted({model["tokens"] for model in study.models})
    for tokens in counts:
        whole.plot([np.log(tokens), 0, 0], [1, 1, tokens], "o", color="0.3", clip_on=False)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    whole.add_patch(Rectangle((left, low), right - left, high - low, facecolor="0.9", edgecolor="0.5"))
    most = counts[-1]
    whole.set(yscale="log", xlim=(0, np.log(most)), ylim=(1, most), box_aspect=1, xlabel="entropy", ylabel="rank")
    whole.set_xticks([0, np.log(most)], ["0\nsink", "ln N\nuniform"])
    whole.set_yticks([1, most], ["1", "identity\nN"])
    whole.set_title(f"where these lie\n{_layout.tokens(study)}")
    whole.minorticks_off()
    whole.grid(False)


def _shades() -> list[Line2D]:
    """The legend's entries for the depth of a layer."""
    return [
        Line2D([], [], color="0.2", marker="o", linestyle="", markeredgewidth=0, alpha=alpha, label=f"{layer} layer")
        for layer, alpha in (("first", PALEST), ("last", 1.0))
    ]


def _of(table: pd.DataFrame, indicator: str, kind: str) -> pd.DataFrame:
    return table.loc[(table["indicator"] == indicator) & (table["kind"] == kind)]
