"""What a threshold costs: every model run again at each tau."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.study.study import Study

LINES = {"hard": "-", "soft": ":"}
CLOSEST = 0.06
"""Room that a tick label needs, as a share of the axis."""


@FIGURES.register(
    title="Threshold sweep",
    caption="Each model run again with the threshold applied inside its forward pass. A dashed vertical line marks the "
    "tau a model was trained with; elsewhere the sweep is an intervention on a model that never saw this tau. Bands "
    "are 95 % intervals over images. A star marks the free tau: the largest that was tried whose interval excludes "
    "a loss of more accuracy than the legend says, against the model as it was loaded.",
    applies=lambda study: len(study.tables["tau_sweep"]) > 0,
)
def tau_sweep(study: Study) -> Pages:
    """Accuracy (confidence where labels are unknown), active tokens and retained mass against tau."""
    table = _layout.whole(study.tables["tau_sweep"])
    shown = _shown(table)
    figure, axes = _layout.panels(1, len(shown), _layout.WIDTH, 3.4)
    for ax, (quantity, label) in zip(axes[0], shown.items(), strict=True):
        _sweep(study, table, quantity, ax)
        ax.set(ylabel=label, ylim=(0, 1.08 * (_layout.curve(table, quantity)["high"].max() or 1.0)))
        _tau_axis(study, table, ax)
    starred = _layout.draw_free(study, "tau", axes[0][0])
    _layout.model_legend(study, figure, [*_extra(table), *starred])
    figure.suptitle(f"Threshold sweep over {int(table['n'].max())} images")
    return {"": figure}


def _shown(table: pd.DataFrame) -> dict[str, str]:
    labelled = bool(table["quantity"].eq("accuracy").any())
    first = {"accuracy": "accuracy (share)"} if labelled else {"confidence": "confidence (mean top probability)"}
    return first | {"active_tokens": "active tokens per query", "retained_mass": "retained mass (share)"}


def _sweep(study: Study, table: pd.DataFrame, quantity: str, ax: Axes) -> None:
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        mine = _layout.of_model(table, model)
        for rule, rows in mine.groupby("rule"):
            style = LINES[str(rule)]
            _layout.draw_curve(_layout.curve(rows, quantity), "tau", ax, index, color, linestyle=style)
        for tau in mine.loc[mine["trained"], "tau"].unique():
            plots.mark(tau, ax, color)


def _tau_axis(study: Study, table: pd.DataFrame, ax: Axes) -> None:
    """The taus of the sweep as ticks; above them tau N, where the models agree on the number of tokens N."""
    taus = sorted(table["tau"].unique())
    trained = set(table.loc[table["trained"], "tau"])
    _scale(taus, trained, ax, [f"{tau:g}" for tau in taus])
    ax.set_xlabel("threshold tau")
    tokens = {model["tokens"] for model in study.models}
    if len(tokens) == 1:
        above = ax.twiny()
        above.grid(False)
        _scale(taus, trained, above, [f"{tau * min(tokens):.2g}" for tau in taus])
        above.set_xlabel(f"tau N (N={min(tokens)} tokens)")


def _scale(taus: list[float], trained: set[float], ax: Axes, labels: list[str]) -> None:
    smallest = min([tau for tau in taus if tau > 0], default=1.0)
    ax.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    ax.set_xlim(-0.4 * smallest, 1.4 * max(taus[-1], smallest))
    ax.set_xticks(taus, labels=_apart(taus, trained, ax, labels), rotation=60)
    ax.minorticks_off()


def _apart(taus: list[float], trained: set[float], ax: Axes, labels: list[str]) -> list[str]:
    """The labels, without those that would lie on another; the taus of a training keep theirs."""
    ends = ax.transScale.transform([(tau, 0) for tau in ax.get_xlim()])[:, 0]
    places = ax.transScale.transform([(tau, 0) for tau in taus])[:, 0] / (ends[1] - ends[0])
    shown: list[int] = []
    for index in sorted(range(len(taus)), key=lambda index: (taus[index] not in trained, index)):
        if all(abs(places[index] - places[other]) >= CLOSEST for other in shown):
            shown.append(index)
    return [label if index in shown else "" for index, label in enumerate(labels)]


def _extra(table: pd.DataFrame) -> list[Line2D]:
    rules = [
        Line2D([], [], color="0.3", linestyle=LINES[rule], label=f"{rule} threshold") for rule in table["rule"].unique()
    ]
    dashed = Line2D([], [], color="0.3", linestyle=(0, (4, 2)), linewidth=1.0, label="tau of the training")
    return [*rules, *([dashed] if bool(table["trained"].any()) else [])]
