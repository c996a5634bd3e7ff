"""What was found, in one sentence a finding: numbers of the study's tables, said in words."""

from collections.abc import Iterator
from itertools import takewhile
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
        same = int(said.eq(said.iloc[:, 0], axis=0).all(axis=1).sum())
        yield f"The {said.shape[1]} models predict the same class on {same} of the {len(said)} images shown."


def _kept(study: Study) -> Iterator[str]:
    tokens = {model["name"]: model["tokens"] for model in study.models}
    for (name,), swept in groups(study.tables["tau_sweep"], "model"):
        rows = swept.sort_values("tau").to_dict("records")
        own = next((index for index, row in enumerate(rows) if row["trained"]), 0)
        yield f"{name}: {_operating(rows[own], tokens[name])}{_bearable(rows[own:])}."


def _operating(row: dict[Any, Any], tokens: int) -> str:
    """What a query keeps at the tau the model was trained with; a model trained without one starts at tau = 0."""
    where = f"at its trained tau = {row['tau']:g}" if row["trained"] else f"at tau = {row['tau']:g}"
    return f"{where} ({row['rule']} rule) a query keeps {row['active_tokens']:.1f} of {tokens} tokens on average"


def _bearable(rows: list[dict[Any, Any]]) -> str:
    """The largest tau up to which accuracy stays within `MARGIN` of that at the first."""
    first = rows[0]
    if pd.isna(first["accuracy"]):
        return ""
    kept = list(takewhile(lambda row: row["accuracy"] >= first["accuracy"] - MARGIN, rows))[-1]
    reach = (
        f"falls by more than {MARGIN:g} at the next tau tried"
        if kept is first
        else f"stays within {MARGIN:g} of that up to tau = {kept['tau']:g}, where {kept['active_tokens']:.1f} are kept"
    )
    return f"; accuracy on {first['n']} images is {first['accuracy']:.3f} and {reach}" if len(rows) > 1 else ""
