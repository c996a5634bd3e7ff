"""An axis of strengths: those of a sweep as ticks, from what changes least to what changes most."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from interpret.interventions import Intervention

CLOSEST = 0.06
"""Room that a tick label needs, as a share of the axis."""
SPREAD = 20
"""Strengths whose largest is so many times the smallest above 0 are spread by their logarithm."""


def axis(table: pd.DataFrame, entry: Intervention, facts: Sequence[str], ax: Axes) -> None:
    """The strengths as ticks below; above them the first of `facts` on which all models agree."""
    strengths = sorted(table["strength"].unique())
    needed = {entry.neutral, *table.loc[table["trained"], "strength"]}
    _ticks(strengths, needed, ax, [f"{strength:g}" for strength in strengths], entry.sign < 0)
    ax.set_xlabel(entry.axis)
    for fact in facts:
        values = table.groupby("strength")[fact]
        if all(len(set(each)) == 1 for _, each in values):
            above = ax.twiny()
            above.grid(False)
            _ticks(strengths, needed, above, [f"{value:.2g}" for value in values.first()], entry.sign < 0)
            above.set_xlabel(entry.fact_labels[fact])
            return


def _ticks(strengths: list[float], needed: set[float], ax: Axes, labels: list[str], falling: bool) -> None:
    positive = [strength for strength in strengths if strength > 0] or [1.0]
    margin = 0.04 * (strengths[-1] - strengths[0]) or 0.5
    low, high = strengths[0] - margin, strengths[-1] + margin
    if positive[-1] > SPREAD * positive[0]:
        ax.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
        low, high = strengths[0] - 0.4 * positive[0], 1.4 * positive[-1]
    ax.set_xlim((high, low) if falling else (low, high))
    shown = _apart(strengths, needed, ax)
    ax.set_xticks([strengths[index] for index in shown], [labels[index] for index in shown], rotation=60)
    ax.minorticks_off()


def _apart(strengths: list[float], needed: set[float], ax: Axes) -> list[int]:
    """The numbers of the strengths whose labels do not lie on another; the needed ones come first."""
    ends = ax.transScale.transform([(strength, 0) for strength in ax.get_xlim()])[:, 0]
    places = ax.transScale.transform([(strength, 0) for strength in strengths])[:, 0] / abs(ends[1] - ends[0])
    shown: list[int] = []
    for index in sorted(range(len(strengths)), key=lambda index: (strengths[index] not in needed, index)):
        if all(abs(places[index] - places[other]) >= CLOSEST for other in shown):
            shown.append(index)
    return sorted(shown)
