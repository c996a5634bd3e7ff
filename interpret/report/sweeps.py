"""What the page says of the sweeps: each setting, where the curves turn, and what a retention costs."""

from typing import Any

import pandas as pd

from interpret.report.table import Table, number
from interpret.study.operating_points import whole_model
from interpret.study.study import Study

SWEPT = {
    "accuracy": "accuracy (share)",
    "accuracy_change": "change of accuracy (points)",
    "confidence": "confidence (probability)",
    "agreement": "same prediction as loaded (share)",
    "active_tokens": "active tokens (per query)",
    "retained_mass": "retained mass (share)",
    "dead_rows": "dead rows",
}
SAVED = {
    "parameters_saved": "parameters saved",
    "parameters_saved_padded": "parameters saved, padded",
    "macs_saved": "MACs saved",
    "macs_saved_padded": "MACs saved, padded",
}


def thresholds(study: Study) -> Table:
    """Each tau of each model."""
    note = (
        "Every model run again with the threshold inside its forward pass. N counts all tokens, prefix tokens "
        "included. Changes are against the model as it was loaded, on the same images, with a 95 % interval."
    )
    return _swept(study, "tau_sweep", "Threshold sweep", note, {"rule": "rule", "tau": "tau", "tau_n": "tau N"})


def retained(study: Study) -> Table:
    """Each rho of each SVDA model."""
    note = (
        "SVDA models run again with only the score directions that hold the share rho of every head's spectral energy. "
        "Changes are against the model as it was loaded, on the same images, with a 95 % interval."
    )
    named = {"rho": "rho", "removed": "directions removed (share)"}
    return _swept(study, "rho_sweep", "Spectral energy retention", note, named)


def _swept(study: Study, name: str, title: str, note: str, named: dict[str, str]) -> Table:
    sweep = study.tables[name]
    table = whole_model(sweep) if len(sweep) else sweep
    measured = [column for column in SWEPT if column in table]
    rows = [
        [
            row["model"],
            *(_named(row, column) for column in named),
            *(_cell(row, column) for column in measured),
            str(row["n"]),
        ]
        for row in table.to_dict("records")
    ]
    columns = ["model", *named.values(), *(SWEPT[column] for column in measured), "images"]
    return Table(title, note, columns, rows, f"{name}.csv")


def _named(row: dict[Any, Any], column: str) -> str:
    if column == "rule":
        return f"{row['rule']}{' (its own)' if row['trained'] else ''}"
    return f"{row[column]:.3g}"


def _cell(row: dict[Any, Any], column: str) -> str:
    if column != "accuracy_change" or pd.isna(row[column]):
        return number(row[column])
    return _points(*(100 * row[f"{column}{end}"] for end in ("", " low", " high")))


def _points(mean: float, low: float, high: float) -> str:
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(round(value, 2) + 0.0 for value in (mean, low, high)))


def turning(study: Study) -> Table:
    """The knee and the free setting of each sweep."""
    table = study.tables["operating_points"]
    points = number(table["points"].max()) if len(table) else ""
    rows = [
        [
            *(str(row[column]) for column in ("model", "strength", "layer")),
            _place(row["trained"]),
            *(_place(value) if row["labelled"] else "unknown" for value in _found(row)),
            *(number(row["strongest"]), str(row["n"])),
        ]
        for row in table.to_dict("records")
    ]
    note = (
        "Knee: where accuracy bends most; none where no setting beyond the most accurate one loses accuracy beyond its "
        "interval, or where it falls at once. Free: the "
        f"strongest setting tried whose 95 % interval excludes a loss of more than {points} points against "
        "the model as it was loaded; few images exclude little."
    )
    columns = ["model", "setting", "layer", "trained", "knee", "free", "lowest change at free (points)", "strongest"]
    return Table("Where the sweeps turn", note, [*columns, "images"], rows, "operating_points.csv")


def _found(row: dict[Any, Any]) -> list[float]:
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
