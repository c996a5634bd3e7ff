"""What a mechanism costs in training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from interpret.figures import FIGURES, Pages, _layout, _names, _seeds
from interpret.figures.drawing import curves, plots
from interpret.figures.drawing.style import marker_of
from interpret.study.study import Study

FENCE = 1.5
"""Interquartile ranges beyond the quartiles from which an epoch is an outlier (Tukey)."""

ROOM = 1.4
"""Height of the axis in slowest epochs that are no outliers: what is above stands at its edge."""


@FIGURES.register(
    title="Time of an epoch",
    section="training",
    caption="Seconds that each epoch of training took, validation left out; outliers (beyond "
    "the upper quartile by more than 1.5 interquartile ranges: other work disturbed them) that would set the scale "
    "stand at the upper edge with their seconds. "
    "Beside it the median epoch with its quartiles, of several seeds the median seed with the fastest and the slowest, "
    "and its overhead over the plain softmax of the same recipe (the first model where there is none), of several "
    "seeds pair by pair. Comparable only on one kind of machine.",
    applies=lambda study: "seconds" in study.tables["history"],
)
def epoch_time(study: Study) -> Pages:
    """Seconds against the epoch; where there are several models the median epoch of each arm, and its overhead."""
    timed = [index for index in range(len(study.models)) if len(_seconds(study, index))]
    arms = _seeds.arms(study.models, timed)
    figure, axes = _layout.panels(1, min(len(arms), 2), _layout.WIDTH if len(arms) > 1 else 4.0, 2.8)
    _epochs(study, timed, axes[0, 0])
    title = "Time of an epoch"
    if len(arms) > 1:
        baseline = arms[_seeds.baseline(study.models, arms)]
        _medians(study, arms, baseline, axes[0, 1])
        title += f", and its overhead over {_names.of(study.models[baseline[0]])}"
    _layout.titled(study, figure, title, drawn={study.models[index]["name"] for index in timed})
    return {"": figure}


def _seconds(study: Study, model: int) -> pd.DataFrame:
    return _layout.of_model(study.tables["history"], study.models[model]).dropna(subset=["seconds"])


def _epochs(study: Study, models: Sequence[int], ax: Axes) -> None:
    """Each epoch as a mark; those that would set the scale, though they are outliers, at the upper edge."""
    tables = {index: _seconds(study, index) for index in models}
    top = ROOM * max(_usual(table["seconds"].to_numpy()) for table in tables.values())
    ax.set(xlabel="epoch", ylabel="training time (s)", ylim=(0, top))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for index, table in tables.items():
        color = plots.colors(len(study.models))[index]
        inside = table["seconds"] <= top
        curves.line(table["epoch"], table["seconds"].where(inside), index, color, ax=ax)
        for epoch, seconds in table.loc[~inside, ["epoch", "seconds"]].to_numpy():
            ax.plot(epoch, 0.985, "^", color=color, transform=ax.get_xaxis_transform(), markersize=4)
            ax.annotate(f"{seconds:.0f}", (epoch, 1), (0, -12 - 8 * index), ax.get_xaxis_transform(),
                        "offset points", ha="center", color=color, size=6.5)  # fmt: skip


def _usual(seconds: np.ndarray) -> float:
    """The slowest epoch that is no outlier."""
    low, high = np.quantile(seconds, [0.25, 0.75])
    return float(seconds[seconds <= high + FENCE * (high - low)].max())


def _medians(study: Study, arms: Sequence[Sequence[int]], baseline: Sequence[int], ax: Axes) -> None:
    """The median epoch of each arm with its spread, under its overhead."""
    palette = plots.colors(len(study.models))
    for place, arm in enumerate(arms):
        each = [_seconds(study, model)["seconds"] for model in arm]
        middle = float(np.median([seconds.median() for seconds in each]))
        ends = [seconds.median() for seconds in each] if len(arm) > 1 else each[0].quantile([0.25, 0.75])
        color = palette[arm[0]]
        ax.vlines(place, min(ends), max(ends), color=color, linewidth=2.0)
        ax.plot(place, middle, marker_of(arm[0]), color=color, markerfacecolor="white", markersize=5)
        ax.annotate(_overhead(study, arm, baseline), (place, max(ends)), (0, 4), textcoords="offset points",
                    ha="center", size=7)  # fmt: skip
    names = [_names.wrapped(_names.of(study.models[arm[0]]), 48 // len(arms)) for arm in arms]
    ax.set_xticks(range(len(arms)), names)
    ax.set(ylabel="median epoch (s)", xlim=(-0.5, len(arms) - 0.5), ylim=(0, 1.2 * ax.dataLim.ymax))
    ax.grid(False, axis="x")


def _overhead(study: Study, arm: Sequence[int], baseline: Sequence[int]) -> str:
    """Percent over the baseline, of several seeds the mean and the ends; "" for another recipe and for itself."""
    pairs = _seeds.pairs(study.models, arm, baseline)
    if arm is baseline or not pairs:
        return ""
    medians = [[_seconds(study, model)["seconds"].median() for model in pair] for pair in pairs]
    percent = [100 * (own / base - 1) for own, base in medians]
    ends = f"\n{min(percent):+.0f} to {max(percent):+.0f}, {len(pairs)} seeds" if len(pairs) > 1 else ""
    return f"{np.mean(percent):+.0f} %{ends}"
