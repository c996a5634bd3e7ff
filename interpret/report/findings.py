"""What was found, in one sentence a finding: numbers of the study's tables, said in words."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from interpret.mechanisms import MECHANISMS
from interpret.models.loaded_model import OWN_SELECTION
from interpret.models.task import TASKS
from interpret.report.table import groups
from interpret.study.curves import whole_model
from interpret.study.quantities import POINTS
from interpret.study.statistics import unseen_share
from interpret.study.study import Study


def findings(study: Study) -> list[str]:
    """How far the models agree, then what each model that selects keeps and how much of each can be cut."""
    return [*_agreement(study), *_kept(study)]


def _agreement(study: Study) -> Iterator[str]:
    table = study.tables["predictions"]
    if any(TASKS[model["task"]].shares is None for model in study.models):
        return
    predicted = table.pivot_table(index="image", columns="model", values="predicted", aggfunc="first")
    if predicted.shape[1] > 1 and len({tuple(model["classes"]) for model in study.models}) == 1:
        same = int(predicted.eq(predicted.iloc[:, 0], axis=0).all(axis=1).sum())
        yield f"The {predicted.shape[1]} models predict the same class on {same} of the {len(predicted)} images shown."


def _kept(study: Study) -> Iterator[str]:
    table = whole_model(study.tables["sweep"], "threshold")
    model_of = {model["name"]: model for model in study.models}
    for (name,), swept in groups(table, "model") if len(table) else ():
        rows = swept.sort_values("strength").to_dict("records")
        tau = model_of[name]["tau"]
        own = next((row for row in rows if row["strength"] == tau), rows[0])
        free = "" if math.isnan(own.get("accuracy", math.nan)) else _free(study, name)
        found = [*filter(None, (_operating(own, model_of[name]), free))]
        if found:
            yield f"{name}: {'; '.join(found)}."


def _operating(row: dict[Any, Any], model: dict[str, Any]) -> str:
    """What a query keeps at the model's own tau, or at tau = 0 in place of what it selects by; "" where it does not."""
    replaced, own = _replaced(model), row["strength"] == model["tau"]
    if not (own or replaced):
        return ""
    where = f"at {'its own ' * own}tau = {row['strength']:g} ({row['rule']} rule){replaced}"
    return f"{where} a query keeps {row['active_tokens']:.1f} of {model['tokens']} tokens on average"


def _replaced(model: dict[str, Any]) -> str:
    """What a threshold takes the place of; "" where a model has none, or a tau of its own."""
    if model["rule"] == OWN_SELECTION:
        return f", in place of {OWN_SELECTION},"
    entry = MECHANISMS.get(str(model.get("mechanism")))
    return ", in place of the learned thresholds," if entry and entry.learns_threshold else ""


def _free(study: Study, name: str) -> str:
    """How far it can be cut, as far as the images can tell."""
    whole = study.tables["operating_points"].query("intervention == 'threshold' and layer == 'all'")
    turns = whole.set_index("model").loc[name]
    count, points = int(turns["n"]), turns["points"]
    loss = f"a loss of more than {points:.1f} points of accuracy against the model as it was loaded"
    if POINTS * unseen_share(count) > points:
        return ""
    if pd.isna(turns["free"]):
        return f"no tau tried excludes {loss} on {count} images"
    return f"the largest tau tried that excludes {loss} is {turns['free']:g} (95 %, {count} images)"
