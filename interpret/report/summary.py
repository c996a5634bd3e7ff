"""What the page says in words and short tables. Every number carries its unit, every tau its rule and tau N."""

from statistics import fmean
from typing import Any

import pandas as pd

from interpret.attributions import ATTRIBUTIONS
from interpret.indicators import INDICATORS
from interpret.models.task import TASKS, Task
from interpret.report import sweeps
from interpret.report.table import Table, groups, number
from interpret.study.predictions import of_row
from interpret.study.statistics import wilson_interval
from interpret.study.study import Study

LONGEST = 40
"""Rows of a table in the page; the CSV holds all of them."""


def models(study: Study) -> list[dict[str, str]]:
    """One row a model: what it is and how good it is; tau N where a model has a tau."""
    rows = [_model(study, model) for model in study.models]
    if all(model["tau"] is None for model in study.models):
        return [{column: cell for column, cell in row.items() if column != "tau N"} for row in rows]
    return rows


def _model(study: Study, model: dict[str, Any]) -> dict[str, str]:
    rows, cols = model["grid"]
    mine = study.tables["predictions"].loc[lambda table: table["model"] == model["name"]]
    tau = model["tau"]
    return {
        "model": model["name"],
        "rule": model["rule"],
        "tau N": "none" if tau is None else f"{tau * model['tokens']:.3g}",
        "tokens N": f"{model['tokens']} = {rows} x {cols} + {model['prefix']}",
        "layers x heads": f"{model['layers']} x {model['heads']}",
        "parameters": f"{model['parameters']:,}",
        "test accuracy": _recorded(model["record"]) if model["as_trained"] else "not measured under this rule",
        "on these images": _score(mine, TASKS[model["task"]]),
    }


def _recorded(provenance: dict[str, Any]) -> str:
    if "test_accuracy" not in provenance:
        return "not recorded"
    share, count = provenance["test_accuracy"], provenance["images"]["test"]
    low, high = wilson_interval(share, count)
    return f"{share:.2%} ({low:.1%} to {high:.1%}, n = {count:,}, {provenance['recipe']['data']})"


def _score(predictions: pd.DataFrame, task: Task) -> str:
    known = predictions["correct"].dropna()
    if task.shares is None:
        values = predictions["value"].dropna().tolist() if "value" in predictions else []
        return f"mean {task.one} {fmean(values):.3g}" if values else f"{task.one}s, no classes"
    if not task.exclusive:
        mean = predictions["probability"].mean()
        return f"no accuracy, several classes may be right; mean {task.probability} of the most probable {mean:.2f}"
    if known.empty:
        return f"unlabelled; mean confidence {predictions['probability'].mean():.2f}"
    return f"{known.astype(bool).to_numpy().sum()} of {len(known)} right"


def tables(study: Study) -> list[Table]:
    """The short tables of the page, without those that would be empty."""
    single = [each(study) for each in (_predictions, _attributions, _indicators)]
    made = [*single, *sweeps.swept(study), sweeps.turning(study), sweeps.verified(study), _training(study)]
    return [table for table in made if table.rows]


def _predictions(study: Study) -> Table:
    table = study.tables["predictions"]
    names = [model["name"] for model in study.models]
    labelled = bool(table["label"].astype(bool).any())
    rows = [
        [image, *[str(mine["label"].iloc[0]) or "unknown"] * labelled, *(_predicted(mine, name) for name in names)]
        for (image,), mine in groups(table, "image")
    ]
    kinds = list(dict.fromkeys(filter(None, (TASKS[model["task"]].probability for model in study.models))))
    note = f"What each model says{' and how probable it finds it' * bool(kinds)}"
    note += f" ({' or '.join(kinds)} of the predicted class)." if kinds else "."
    columns = ["image", *["label"] * labelled, *names]
    return Table("Predictions", note, columns, rows[:LONGEST], "predictions.csv")


def _predicted(table: pd.DataFrame, model: str) -> str:
    row = table.loc[table["model"] == model].iloc[0]
    return of_row(row.to_dict()).worded() or "no class"


def _indicators(study: Study) -> Table:
    table = study.tables["survey"]
    names = [model["name"] for model in study.models]
    rows = []
    keys = ("indicator", "kind", "variant", "unit")
    for (indicator, kind, variant, unit), values in groups(table, *keys) if len(table) else ():
        per_model = [values.loc[values["model"] == name, "mean"] for name in names]
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
        f"Mean over {_sampled(table)} images and all heads, and in brackets the lowest and highest head. For svda the "
        "spectrum qk_weight is a proxy: it ignores the norm of each row."
    )
    columns = ["indicator", "spectrum", "constants", "unit", *names, "higher means", "definition"]
    return Table("Indicators", note, columns, rows, "survey.csv")


def _sampled(table: pd.DataFrame) -> int:
    return int(table["n"].to_numpy().max()) if len(table) else 0


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
        [model, str(len(epochs)), *(number(epochs[column].iloc[-1]) for column in measured)]
        for (model,), epochs in (groups(history, "model") if len(history) else ())
    ]
    note = (
        "The last epoch that each checkpoint records; the epoch kept is the one of the highest validation accuracy. "
        "Training figures are means while the epoch ran, on augmented images."
    )
    columns = ["model", "epochs", *(TRAINED[column] for column in measured)]
    return Table("Training", note, columns, rows, "history.csv")
