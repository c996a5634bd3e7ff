"""What the page says in words and short tables. Every number carries its unit, every tau its rule and tau N."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from interpret.attributions import ATTRIBUTIONS
from interpret.indicators import INDICATORS
from interpret.statistics import wilson_interval
from interpret.study import Study

LONGEST = 40
"""Rows of a table in the page; the CSV holds all of them."""


@dataclass(frozen=True)
class Table:
    """A table of the page: cells are text already; `csv` names the file that holds every row."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]
    csv: str


def models(study: Study) -> list[dict[str, str]]:
    """One row a model: what it is and how good it is."""
    return [_model(study, model) for model in study.models]


def _model(study: Study, model: dict[str, Any]) -> dict[str, str]:
    rows, cols = model["grid"]
    mine = study.tables["predictions"].loc[lambda table: table["model"] == model["name"]]
    tau = model["tau"]
    return {
        "model": model["name"],
        "rule": model["rule"],
        "tau": "none" if tau is None else f"{tau:g}",
        "tau N": "none" if tau is None else f"{tau * model['tokens']:.3g}",
        "tokens N": f"{model['tokens']} ({rows} x {cols} patches + {model['prefix']} prefix)",
        "layers x heads": f"{model['layers']} x {model['heads']}",
        "parameters": f"{model['parameters']:,}",
        "test accuracy": _recorded(model["record"]) if model["as_trained"] else "not measured under this rule",
        "on these images": _score(mine),
    }


def _recorded(record: dict[str, Any]) -> str:
    if "test_accuracy" not in record:
        return "not recorded"
    share, count = record["test_accuracy"], record["images"]["test"]
    low, high = wilson_interval(share, count)
    return f"{share:.2%} ({low:.1%} to {high:.1%}, n = {count:,}, {record['recipe']['data']})"


def _score(predictions: pd.DataFrame) -> str:
    known = predictions["correct"].dropna()
    if known.empty:
        return f"unlabelled; mean confidence {predictions['probability'].mean():.2f}"
    return f"{int(known.astype(bool).sum())} of {len(known)} right"


def groups(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Parts of a table that agree in `columns`, in the order of the table, under what they agree on."""
    for _, rows in table.groupby(list(columns), sort=False, dropna=False):
        yield tuple(str(rows[column].iloc[0]) for column in columns), rows


def tables(study: Study) -> list[Table]:
    """The short tables of the page, without those that would be empty."""
    made = [_predictions(study), _attributions(study), _indicators(study), _sweep(study), _training(study)]
    return [table for table in made if table.rows]


def _predictions(study: Study) -> Table:
    table = study.tables["predictions"]
    names = [model["name"] for model in study.models]
    rows = [
        [image, str(seen["label"].iloc[0]) or "unknown", *(_said(seen[seen["model"] == name]) for name in names)]
        for (image,), seen in groups(table, "image")
    ]
    note = "What each model says and how probable it finds it (softmax probability of the predicted class)."
    return Table("Predictions", note, ["image", "label", *names], rows[:LONGEST], "predictions.csv")


def _said(rows: pd.DataFrame) -> str:
    return f"{rows['predicted'].iloc[0]} {rows['probability'].iloc[0]:.2f}"


def _indicators(study: Study) -> Table:
    table = study.tables["indicators"].fillna({"kind": "", "variant": ""})
    names = [model["name"] for model in study.models]
    rows = []
    for (indicator, kind, variant, unit), values in groups(table, "indicator", "kind", "variant", "unit"):
        per_model = [values.loc[values["model"] == name, "value"] for name in names]
        entry = INDICATORS[indicator]
        rows.append(
            [
                indicator,
                kind or "-",
                variant or "-",
                unit or "-",
                *map(_spread, per_model),
                entry.higher,
                entry.reference,
            ]
        )
    note = (
        "Mean over images, layers and heads, and in brackets the lowest and highest single value. For svda the "
        "spectrum qk_weight is a proxy: it ignores the norm of each row."
    )
    columns = ["indicator", "spectrum", "constants", "unit", *names, "higher means", "definition"]
    return Table("Indicators", note, columns, rows, "indicators.csv")


def _attributions(study: Study) -> Table:
    entries = [ATTRIBUTIONS[name] for name in study.settings["attributions"]]
    rows = [
        [
            entry.name,
            entry.label,
            "signed" if entry.signed else "nonnegative",
            "yes" if entry.class_specific else "no",
            entry.reference,
        ]
        for entry in entries
    ]
    note = "What each map is; raw values, never scaled image by image."
    return Table("Attributions", note, ["name", "method", "values", "depends on the class", "source"], rows, "maps.csv")


def _spread(values: pd.Series) -> str:
    known = values.dropna()
    return f"{known.mean():.3g} ({known.min():.3g} to {known.max():.3g})" if len(known) else "undefined"


SWEPT = {
    "accuracy": "accuracy (share)",
    "confidence": "confidence (probability)",
    "agreement": "same prediction as loaded (share)",
    "active_tokens": "active tokens (per query)",
    "retained_mass": "retained mass (share)",
    "dead_rows": "dead rows",
}


def _sweep(study: Study) -> Table:
    table = study.tables["tau_sweep"]
    rows = [
        [
            row["model"],
            f"{row['rule']}{' (as trained)' if row['trained'] else ''}",
            f"{row['tau']:g}",
            f"{row['tau_n']:.3g}",
        ]
        + [_number(row[column]) for column in SWEPT]
        for row in table.to_dict("records")
    ]
    note = (
        "Every model run again with the threshold inside its forward pass. N counts all tokens, prefix tokens included."
    )
    return Table("Threshold sweep", note, ["model", "rule", "tau", "tau N", *SWEPT.values()], rows, "tau_sweep.csv")


def _number(value: float) -> str:
    return "unknown" if pd.isna(value) else f"{value:.3g}"


TRAINED = {
    "train_loss": "training loss (nats)",
    "validation_loss": "validation loss (nats)",
    "train_accuracy": "training accuracy (share)",
    "validation_accuracy": "validation accuracy (share)",
    "images_per_second": "images per second (of its machine)",
}


def _training(study: Study) -> Table:
    history = study.tables["history"]
    measured = [column for column in TRAINED if column in history]
    rows = [
        [model, str(len(epochs)), *(_number(epochs[column].iloc[-1]) for column in measured)]
        for (model,), epochs in (groups(history, "model") if len(history) else ())
    ]
    note = (
        "The last epoch that each checkpoint records; the epoch kept is the one of the highest validation accuracy. "
        "Training figures are means while the epoch ran, on augmented images."
    )
    columns = ["model", "epochs", *(TRAINED[column] for column in measured)]
    return Table("Training", note, columns, rows, "history.csv")
