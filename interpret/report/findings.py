"""What was found, in one sentence a finding: numbers of the study's tables, said in words."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from interpret.report.summary import groups
from interpret.study import Study

MARGIN = 0.01
"""A cut that costs less accuracy than this is said to keep it."""


def findings(study: Study) -> list[str]:
    """How far the models agree, then what each model's attention keeps and how much of it can be cut."""
    return [*_agreement(study), *_kept(study)]


def _agreement(study: Study) -> Iterator[str]:
    said = study.tables["predictions"].pivot_table(index="image", columns="model", values="predicted", aggfunc="first")
    if said.shape[1] > 1:
        same = int((said.nunique(axis=1) == 1).sum())
        yield f"The {said.shape[1]} models predict the same class on {same} of the {len(said)} images shown."


def _kept(study: Study) -> Iterator[str]:
    tokens = {model["name"]: model["tokens"] for model in study.models}
    for (name,), swept in groups(study.tables["tau_sweep"], "model"):
        rows = swept.sort_values("tau").to_dict("records")
        if rows:
            yield f"{name}: {_as_trained(rows, tokens[name])}{_bearable(rows)}"


def _as_trained(rows: list[dict[Any, Any]], tokens: int) -> str:
    """What a query keeps at the tau the model was trained with; a model trained without one is uncut."""
    own = [row for row in rows if row["trained"]]
    row = own[0] if own else rows[0]
    where = f"at its trained tau = {row['tau']:g}" if own else f"with tau = {row['tau']:g}"
    return f"{where} a query keeps {row['active_tokens']:.1f} of {tokens} tokens on average"


def _bearable(rows: list[dict[Any, Any]]) -> str:
    """The largest tau up to which accuracy stays within `MARGIN` of that at the smallest tau."""
    first = rows[0]
    if pd.isna(first["accuracy"]):
        return "."
    kept = first
    for row in rows:
        if row["accuracy"] < first["accuracy"] - MARGIN:
            break
        kept = row
    return (
        f"; accuracy on {first['n']} images is {first['accuracy']:.3f} at tau = {first['tau']:g} and stays within "
        f"{MARGIN:g} of that up to tau = {kept['tau']:g} ({kept['rule']} rule), where {kept['active_tokens']:.1f} are kept."
    )
