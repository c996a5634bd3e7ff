"""What an intervention costs: every model run again at each of its strengths."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from interpret.figures import FIGURES, Pages, _layout, _names, _strengths
from interpret.figures.drawing import curves, plots
from interpret.figures.drawing.style import LINES, Line
from interpret.interventions import INTERVENTIONS, Intervention
from interpret.study.curves import of_intervention
from interpret.study.quantities import title
from interpret.study.study import Study


@FIGURES.register(
    title="Sweeps of interventions",
    section="cutting",
    place=1,
    caption="Each model run again with the intervention inside its forward pass, at each strength; what changes least "
    "stands left. A dashed vertical line marks the strength a model was trained with; elsewhere the sweep is an "
    "intervention on a model that never saw it. tau N is tau times the number of tokens N: at 1 the threshold is the "
    "uniform share. Bands are 95 % intervals over images, of the first rule where a model "
    "has several. A star marks the free strength: "
    "the strongest that was tried whose interval excludes a loss of more accuracy than the legend says, against the "
    "model as it was loaded.",
    applies=lambda study: len(study.tables["sweep"]) > 0,
)
def sweep(study: Study) -> Pages:
    """A page for each intervention: accuracy (confidence without labels) and what it is about, against its strength."""
    return {name: _page(study, INTERVENTIONS[name]) for name in study.tables["sweep"]["intervention"].unique()}


def _page(study: Study, entry: Intervention) -> plots.Figure:
    table = _layout.whole(of_intervention(study.tables["sweep"], entry.name))
    known = set(table["quantity"])
    first = [next((name for name in ("accuracy", "confidence", "value") if name in known), "")]
    shown = [*filter(None, first), *(name for name in entry.shown if name in {*known, *entry.fact_labels})]
    figure, axes = _layout.panels(1, len(shown), min(_layout.WIDTH, 1.2 + 3.0 * len(shown)), 3.5)
    for ax, name in zip(axes[0], shown, strict=True):
        _draw(study, table, entry, name, ax)
        _strengths.axis(table, entry, [fact for fact in entry.fact_labels if fact not in shown], ax)
    starred = _stars(study, table, entry, axes[0][0]) if shown[:1] == ["accuracy"] else []
    rules = [rule for rule in table["rule"].unique() if rule]
    about = f", {rules[0]} rule" if len(rules) == 1 else ""
    title = f"{entry.title}{about}, over {_layout.images(table)} images"
    _layout.titled(study, figure, title, [*_lines(table, entry), *starred], drawn=set(table["model"]))
    return figure


def _draw(study: Study, table: pd.DataFrame, entry: Intervention, name: str, ax: Axes) -> None:
    """A quantity, or a fact of the strength, of every model and rule."""
    styles = _styles(table)
    rows = _fact(table, name) if name in entry.fact_labels else _layout.curve(table, name)
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        mine = _layout.of_model(rows, model)
        for rule, curve in mine.groupby("rule", sort=False):
            beside = rule != mine["rule"].iloc[0]
            _layout.draw_curve(curve, ax, index, color, band=not beside, linestyle=styles[str(rule)])
        for strength in mine.loc[mine["trained"], "strength"].unique():
            curves.mark(strength, color, ax)
    curves.calm(ax).set_ylabel(_names.wrapped(entry.fact_labels.get(name) or title(name), 30))


def _fact(table: pd.DataFrame, fact: str) -> pd.DataFrame:
    """A fact of each setting as a curve: it is known, so its interval has no width."""
    once = table.drop_duplicates(["model", "rule", "strength"])
    return once.assign(mean=once[fact], low=once[fact], high=once[fact])


def _styles(table: pd.DataFrame) -> dict[str, Line]:
    rules: Sequence[str] = table["rule"].unique().tolist()
    return {rule: LINES[index % len(LINES)] for index, rule in enumerate(rules)}


def _stars(study: Study, table: pd.DataFrame, entry: Intervention, ax: Axes) -> list[Line2D]:
    """A star on each model's accuracy at its free strength; the legend's entry where there is one."""
    points = _layout.whole(study.tables["operating_points"])
    points = points.loc[points["intervention"] == entry.name]
    free = points.rename(columns={"free": "strength"})[["model", "rule", "strength"]].dropna()
    palette = dict(zip((model["name"] for model in study.models), plots.colors(len(study.models)), strict=True))
    for row in free.merge(_layout.curve(table, "accuracy")).to_dict("records"):
        ax.scatter(row["strength"], row["mean"], marker="*", s=70, color=[palette[row["model"]]], zorder=4)
    label = f"free {entry.strength}: a loss of {points['points'].max():.1f} points is excluded"
    return [Line2D([], [], color="0.3", marker="*", markersize=8, linestyle="", label=label)] if len(free) else []


def _lines(table: pd.DataFrame, entry: Intervention) -> list[Line2D]:
    """The legend's entries for the rules, and for the strength of a training."""
    styles = _styles(table)
    rules = [Line2D([], [], color="0.3", linestyle=style, label=f"rule: {rule}") for rule, style in styles.items()]
    dashed = Line2D(
        [], [], color="0.3", linestyle=(0, (4, 2)), linewidth=1.0, label=f"{entry.strength} of the training"
    )
    return [*(rules if len(rules) > 1 else []), *([dashed] if bool(table["trained"].any()) else [])]
