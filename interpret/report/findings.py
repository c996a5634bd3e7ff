"""What was found, in one sentence a finding: numbers of the study's tables, said in words."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from interpret.report.table import groups
from interpret.study.operating_points import whole_model
from interpret.study.study import Study


def findings(study: Study) -> list[str]:
    """How far the models agree, then what each model's attention keeps and how much of it can be cut."""
    return [*_agreement(study), *_kept(study)]


def _agreement(study: Study) -> Iterator[str]:
    said = study.tables["predictions"].pivot_table(index="image", columns="model", values="predicted", aggfunc="first")
    if said.shape[1] > 1 and len({tuple(model["classes"]) for model in study.models}) == 1:
        same = int(said.eq(said.iloc[:, 0], axis=0).all(axis=1).sum())
        yield f"The {said.shape[1]} models predict the same class on {same} of the {len(said)} images shown."


def _kept(study: Study) -> Iterator[str]:
    if not len(study.tables["tau_sweep"]):
        return
    tokens = {model["name"]: model["tokens"] for model in study.models}
    learned = {model["name"] for model in study.models if model.get("mechanism") == "learned_threshold"}
    table = study.tables["operating_points"]
    whole = table.loc[(table["layer"] == "all") & (table["strength"] == "tau")].set_index("model").to_dict("index")
    for (name,), swept in groups(whole_model(study.tables["tau_sweep"]), "model"):
        rows = swept.sort_values("tau").to_dict("records")
        own = next((row for row in rows if row["trained"]), rows[0])
        told = "" if math.isnan(own.get("accuracy", math.nan)) else _free(whole[name])
        instead = ", in place of the learned thresholds," if name in learned else ""
        yield f"{name}: {_operating(own, tokens[name], instead)}{told}."


def _operating(row: dict[Any, Any], tokens: int, instead: str) -> str:
    """What a query keeps at the model's own tau; a model without one starts at tau = 0."""
    where = f"at its own tau = {row['tau']:g}" if row["trained"] else f"at tau = {row['tau']:g}"
    return (
        f"{where} ({row['rule']} rule){instead} a query keeps {row['active_tokens']:.1f} of {tokens} tokens on average"
    )


def _free(turns: dict[Any, Any]) -> str:
    """How far it can be cut, as far as the images can tell."""
    said = f"a loss of more than {turns['points']:.1f} points of accuracy against the model as it was loaded"
    if pd.isna(turns["free"]):
        return f"; no tau tried excludes {said} on {turns['n']} images"
    return f"; the largest tau tried that excludes {said} is {turns['free']:g} (95 %, {turns['n']} images)"
