"""What was found, in one sentence a finding: numbers of the study's tables, said in words."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from interpret.report.table import groups
from interpret.study.curves import whole_model
from interpret.study.statistics import images_to_exclude, unseen_share
from interpret.study.study import Study


def findings(study: Study) -> list[str]:
    """How far the models agree, then what each model's attention keeps and how much of it can be cut."""
    return [*_agreement(study), *_kept(study), *_too_few(study)]


def _agreement(study: Study) -> Iterator[str]:
    said = study.tables["predictions"].pivot_table(index="image", columns="model", values="predicted", aggfunc="first")
    if said.shape[1] > 1 and len({tuple(model["classes"]) for model in study.models}) == 1:
        same = int(said.eq(said.iloc[:, 0], axis=0).all(axis=1).sum())
        yield f"The {said.shape[1]} models predict the same class on {same} of the {len(said)} images shown."


def _kept(study: Study) -> Iterator[str]:
    table = whole_model(study.tables["sweep"], "threshold")
    tokens = {model["name"]: model["tokens"] for model in study.models}
    learned = {model["name"] for model in study.models if model.get("mechanism") == "learned_threshold"}
    for (name,), swept in groups(table, "model") if len(table) else ():
        rows = swept.sort_values("strength").to_dict("records")
        own = next((row for row in rows if row["trained"]), rows[0])
        told = "" if math.isnan(own.get("accuracy", math.nan)) else _free(study, name)
        instead = ", in place of the learned thresholds," if name in learned else ""
        yield f"{name}: {_operating(own, tokens[name], instead)}{told}."


def _operating(row: dict[Any, Any], tokens: int, instead: str) -> str:
    """What a query keeps at the model's own tau; a model without one starts at tau = 0."""
    where = f"at its own tau = {row['strength']:g}" if row["trained"] else f"at tau = {row['strength']:g}"
    return (
        f"{where} ({row['rule']} rule){instead} a query keeps {row['active_tokens']:.1f} of {tokens} tokens on average"
    )


def _free(study: Study, name: str) -> str:
    """How far it can be cut, as far as the images can tell."""
    whole = study.tables["operating_points"].query("intervention == 'threshold' and layer == 'all'")
    turns = whole.set_index("model").loc[name]
    count, points = int(turns["n"]), turns["points"]
    loss = f"a loss of more than {points:.1f} points of accuracy against the model as it was loaded"
    if unseen_share(count) > points / 100:
        return ""
    if pd.isna(turns["free"]):
        return f"; no tau tried excludes {loss} on {count} images"
    return f"; the largest tau tried that excludes {loss} is {turns['free']:g} (95 %, {count} images)"


def _too_few(study: Study) -> Iterator[str]:
    """What so many images cannot say of any setting, and how many could."""
    table = study.tables["operating_points"]
    labelled = table.loc[table["labelled"]] if len(table) else table
    if labelled.empty:
        return
    count, points = int(labelled["n"].to_numpy().max()), float(labelled["points"].iloc[0])
    if unseen_share(count) > points / 100:
        yield (
            f"The sweeps saw {count} images, too few to exclude a loss of {points:.1f} points of accuracy at a setting "
            f"that changes the model: where not one of them changes, {100 * unseen_share(count):.1f} points are still "
            f"possible (95 %). --sample {images_to_exclude(points / 100)} could exclude it."
        )
