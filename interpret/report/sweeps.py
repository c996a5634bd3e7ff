"""What the page says of the sweeps: each setting, where the curves turn, and what a retention costs."""

from typing import Any

import pandas as pd

from interpret.interventions import INTERVENTIONS, Intervention
from interpret.report.table import Table, number
from interpret.study.curves import whole_model
from interpret.study.quantities import POINTS, title
from interpret.study.study import Study

SAVED = {
    "parameters_saved": "parameters saved",
    "parameters_saved_padded": "parameters saved, padded",
    "macs_saved": "MACs saved",
    "macs_saved_padded": "MACs saved, padded",
}


def swept(study: Study) -> list[Table]:
    """A table for each intervention: every model at every strength."""
    table = study.tables["sweep"]
    return [_swept(study, INTERVENTIONS[name]) for name in (table["intervention"].unique() if len(table) else ())]


def _swept(study: Study, entry: Intervention) -> Table:
    table = whole_model(study.tables["sweep"], entry.name)
    facts = {fact: label for fact, label in entry.fact_labels.items() if fact in table}
    quantities = study.tables["sweep"]["quantity"].unique()
    measured = {name: title(name) for name in quantities if name in table}
    rows = [
        [
            *(row["model"], _rule(row), *(f"{row[column]:.3g}" for column in ("strength", *facts))),
            *(*(_cell(row, column) for column in measured), str(row["n"])),
        ]
        for row in table.to_dict("records")
    ]
    note = (
        f"{entry.title}: the model run again at each {entry.axis}. Changes are against the "
        "model as it was loaded, on the same images, with a 95 % interval; where no image changed it is the bound on "
        "what so few could show, and zero only where the model is the same function."
        + " It looked at some of the images first; they are not among those that were scored."
        * entry.prepared
    )
    columns = ["model", "rule", entry.strength, *facts.values(), *measured.values(), "images"]
    return Table(f"Sweep of {entry.strength}", note, columns, rows, "sweep.csv")


def _rule(row: dict[Any, Any]) -> str:
    return f"{row['rule'] or '-'}{' (of its training)' if row['trained'] else ''}"


def _cell(row: dict[Any, Any], column: str) -> str:
    if column != "accuracy_change" or pd.isna(row[column]):
        return number(row[column])
    return _points(*(POINTS * row[f"{column}{end}"] for end in ("", " low", " high")))


def _points(mean: float, low: float, high: float) -> str:
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(round(value, 2) + 0.0 for value in (mean, low, high)))


def turning(study: Study) -> Table:
    """The knee and the free setting of each sweep."""
    table = study.tables["operating_points"]
    points = number(table["points"].iloc[0]) if len(table) else ""
    rows = [
        [
            *(row["model"], INTERVENTIONS[row["intervention"]].strength, row["rule"] or "-", str(row["layer"])),
            _place(row["trained"]),
            *(_place(value) if row["labelled"] else "unknown" for value in _turns(row)),
            *(number(row["strongest"]), str(row["n"])),
        ]
        for row in table.to_dict("records")
    ]
    note = (
        "Knee: where accuracy bends most; none where no setting beyond the most accurate one loses accuracy beyond its "
        "interval, or where it falls at once. Free: the "
        f"strongest setting tried whose 95 % interval excludes a loss of more than {points} points against "
        "the model as it was loaded; few images exclude little, about 300 / n points where none of n changes."
    )
    columns = [
        "model",
        "setting",
        "rule",
        "layer",
        "trained",
        "knee",
        "free",
        "lowest change at free (points)",
        "strongest",
    ]
    return Table("Where the sweeps turn", note, [*columns, "images"], rows, "operating_points.csv")


def _turns(row: dict[Any, Any]) -> list[float]:
    return [row["knee"], row["free"], 100 * row["change_low"]]


def _place(value: float) -> str:
    return "none" if pd.isna(value) else f"{value:.3g}"


def verified(study: Study) -> Table:
    """What a retention removes, saves and changes."""
    table = study.tables["retention"]
    rows = [
        [row["model"], row["form"], f"{row['rho']:g}", f"{row['removed']:.1%}"]
        + [f"{row[column]:.2%}" for column in SAVED]
        + [f"{row['max_weight_change']:.3g}", f"{row['agreement']:.1%}", *_accuracy(row), str(row["images"])]
        for row in table.to_dict("records")
    ]
    note = (
        "Before and after, on the same images. Masked: sigma is zero in the removed directions. Reduced: they are "
        "deleted from q and k too, another function, whose savings stand beside it; padded: every head is as wide as "
        "the widest of its layer."
    )
    columns = ["model", "form", "rho", "directions removed", *SAVED.values(), "largest change of a weight"]
    columns += ["same prediction", "accuracy before", "accuracy after", "difference (points)", "p", "images"]
    return Table("Retention, verified", note, columns, rows, "retention.csv")


def _accuracy(row: dict[Any, Any]) -> list[str]:
    if pd.isna(row["difference"]):
        return ["unknown"] * 4
    difference = _points(*(100 * row[name] for name in ("difference", "difference_low", "difference_high")))
    before, after = (f"{row[name]:.2%}" for name in ("accuracy_before", "accuracy_after"))
    return [before, after, difference, f"{row['p']:.3g}"]
