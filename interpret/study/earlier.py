"""What earlier versions wrote, in the words of today."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

SWEEPS = {"tau_sweep": ("threshold", "tau"), "rho_sweep": ("sigma_retention", "rho")}
"""Version 0.1.0 had a table for each of two interventions, the strength under its own name."""


def renewed_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables of a study under the names and columns of today; those of today are left as they are.

    Sweeps become one table. Cells may be numbers or text, as a pack holds them.
    """
    swept = [_swept(tables[name], *SWEEPS[name]) for name in SWEEPS if len(tables.get(name, ()))]
    renewed = {name: table for name, table in tables.items() if name not in SWEEPS and name != "landmarks"}
    if any(name in tables for name in SWEEPS):
        renewed["sweep"] = pd.concat(swept, ignore_index=True) if swept else pd.DataFrame()
    points = tables.get("landmarks", tables.get("operating_points"))
    if points is not None:
        renewed["operating_points"] = _points(points)
    return renewed


def renewed_models(models: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """What is known of each model; where nothing is said, it classifies and its patches cover all of the input."""
    unsaid = {"covered": [1.0, 1.0], "task": "classification"}
    return tuple(model | {name: value for name, value in unsaid.items() if name not in model} for model in models)


def renewed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a study, with the strengths of each sweep under its name."""
    renewed = {name: value for name, value in settings.items() if name != "taus"}
    return renewed | ({"sweeps": {"threshold": settings["taus"]}} if "taus" in settings else {})


def _swept(table: pd.DataFrame, intervention: str, strength: str) -> pd.DataFrame:
    flags = {} if "trained" in table else {"trained": "False" if _is_text(table) else False}
    named = {"rule": ""} if "rule" not in table else {}
    renewed = table.rename(columns={strength: "strength"}).assign(intervention=intervention, **named, **flags)
    first = ["model", "intervention", "rule", "strength"]
    return renewed.reindex(columns=[*first, *(column for column in renewed if column not in first)])


def _points(table: pd.DataFrame) -> pd.DataFrame:
    if "strength" not in table:
        return table
    named = {strength: intervention for intervention, strength in SWEEPS.values()}
    renewed = table.assign(intervention=[named[strength] for strength in table["strength"]]).drop(columns="strength")
    return renewed if "rule" in renewed else renewed.assign(rule="")


def _is_text(table: pd.DataFrame) -> bool:
    return not pd.api.types.is_numeric_dtype(table["mean"])
