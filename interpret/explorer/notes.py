"""What each model of a study does as it was loaded and at each tau, in the words of the sweep's table."""

import math
from typing import Any

from interpret.explorer.strengths import OWN
from interpret.study.curves import whole_model
from interpret.study.study import Study


def notes(study: Study) -> dict[str, tuple[str, ...]]:
    """A note a model, by the stop of the threshold; "" where the study knows none."""
    rows = whole_model(study.tables["sweep"], "threshold").to_dict("records")
    by_model = [[row for row in rows if row["model"] == model["name"]] for model in study.models]
    found = {OWN: tuple(_as_loaded(mine) for mine in by_model)}
    for tau in study.taus:
        found[f"{tau:g}"] = tuple("".join(_at_tau(row) for row in mine if row["strength"] == tau) for mine in by_model)
    return found


def _as_loaded(rows: list[dict[Any, Any]]) -> str:
    if not rows or math.isnan(rows[0].get("accuracy_change", math.nan)):
        return ""
    return f"accuracy {rows[0]['accuracy'] - rows[0]['accuracy_change']:.2f}"


def _at_tau(row: dict[Any, Any]) -> str:
    told = [name for name in ("accuracy", "confidence", "value") if not math.isnan(row.get(name, math.nan))]
    answer = f", {told[0]} {row[told[0]]:.2f}" if told else ""
    own = ", of its training" if row["trained"] else ""
    return f"{row['rule']} rule{own}, tau N = {row['tau_n']:.3g}: {row['active_tokens']:.1f} active tokens{answer}"
