"""What changed between two packs, read from their manifests and tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from interpret.foundation.errors import read_as
from interpret.foundation.text import printable
from interpret.report.manifest import Manifest
from interpret.study.earlier import renewed_settings, renewed_tables

IDENTITY = ("model", "image", "attribution", "indicator", "quantity", "kind", "variant", "layer", "head", "epoch")
IDENTITY += ("intervention", "strength", "form", "rule", "rho")
"""Columns that say which row it is; every other column is a value."""


def compare(old: Path, new: Path) -> str:
    """What differs between the packs of two manifests, as Markdown.

    Raises:
        InterpretError: as `Manifest.read` and `Manifest.file`.
    """
    before, after = Manifest.read(old), Manifest.read(new)
    lines = ["# What changed between two packs", "", f"- old: {old}", f"- new: {new}"]
    with read_as(f"{old} or {new}", "a pack as it was written"):
        for title, differences in _sections(before, after).items():
            lines += ["", f"## {title}", "", *(list(differences) or ["No change."])]
    return "\n".join(map(printable, lines)) + "\n"


def _sections(before: Manifest, after: Manifest) -> dict[str, Iterator[str]]:
    return {
        "Settings and versions": _differences(*(_flat(renewed_settings(each.settings)) for each in (before, after))),
        "Models": _models(before, after),
        "Images": _membership(before.images, after.images),
        "Tables": _tables(before, after),
        "Figures": _figures(before.under("figures"), after.under("figures")),
    }


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """Nested facts under dotted names."""
    return pd.json_normalize(value).to_dict("records")[0]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        if key not in new:
            yield f"- {key}: gone, was {_code(old[key])}"
        elif key not in old:
            yield f"- {key}: new, {_code(new[key])}"
        elif old[key] != new[key]:
            yield f"- {key}: {_code(old[key])} -> {_code(new[key])}"


def _models(before: Manifest, after: Manifest) -> Iterator[str]:
    old = {model["name"]: model for model in before.models}
    new = {model["name"]: model for model in after.models}
    yield from (f"- {_code(name)} is gone (SHA-256 {old[name]['sha256']})" for name in old if name not in new)
    yield from (f"- {_code(name)} is new (SHA-256 {new[name]['sha256']})" for name in new if name not in old)
    for name in old:
        if name in new:
            yield from (f"- {_code(name)} {line[2:]}" for line in _differences(_flat(old[name]), _flat(new[name])))


def _code(value: Any) -> str:
    """A value as JSON within a code span; JSON escapes what would move a terminal's cursor."""
    text = json.dumps(value)
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _membership(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    yield from (f"- {_code(name)} is gone" for name in old if name not in new)
    yield from (f"- {_code(name)} is new" for name in new if name not in old)
    if old != new and sorted(old) == sorted(new):
        yield "- the same images stand in another order"


def _figures(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        if name not in new or name not in old:
            yield f"- {name} is {'gone' if name in old else 'new'}"
        elif old[name] != new[name]:
            yield f"- {name} has other bytes"


def _tables(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = _csv(before), _csv(after)
    for title in sorted({*old, *new}):
        if title not in new or title not in old:
            yield f"- {title} is {'gone' if title in old else 'new'}"
        elif not old[title].equals(new[title]):
            yield from (f"- {title}: {line}" for line in _table(old[title], new[title]))


def _csv(pack: Manifest) -> dict[str, pd.DataFrame]:
    """The tables of numbers, all text, in the words of today; Markdown and LaTeX are made of them."""
    files = [name for name in pack.under("tables") if name.endswith(".csv")]
    text = {name: pd.read_csv(pack.file(name), keep_default_na=False, dtype=str) for name in files}
    tables = renewed_tables({PurePosixPath(name).stem: table for name, table in text.items()})
    return {title: table.fillna("") for title, table in tables.items()}


def _table(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[str]:
    """Columns and rows that came or went; then, for each column, how many values differ and the largest change."""
    yield from (f"column {column} is gone" for column in old if column not in new)
    yield from (f"column {column} is new" for column in new if column not in old)
    shared = [column for column in old if column in new]
    keys = [column for column in IDENTITY if column in shared]
    both = _numbered(old, keys).merge(
        _numbered(new, keys), on=[*keys, "occurrence"], how="outer", suffixes=(" old", " new"), indicator="side"
    )
    for side, label in (("left_only", "gone"), ("right_only", "new")):
        if count := int((both["side"] == side).to_numpy().sum()):
            yield f"rows {label}: {count}"
    both = both.loc[both["side"] == "both"]
    named = next((key for key in ("indicator", "quantity") if key in keys), None)
    for name, rows in both.groupby(named, sort=False) if named else [("", both)]:
        for column in (column for column in shared if column not in keys):
            title = " ".join(filter(None, [str(name), column]))
            yield from _column(title, rows[f"{column} old"], rows[f"{column} new"], rows.loc[:, keys])


def _numbered(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows that agree in `keys` are told apart by their order."""
    occurrence = table.groupby(keys).cumcount() if keys else pd.Series(range(len(table)), index=table.index)
    return table.assign(occurrence=occurrence)


def _column(title: str, old: pd.Series, new: pd.Series, keys: pd.DataFrame) -> Iterator[str]:
    differ = (old != new).to_numpy()
    if not differ.any():
        return
    change = np.where(differ, _numbers(new) - _numbers(old), np.nan)
    known = ~np.isnan(change)
    place = int(np.nanargmax(np.abs(change)) if known.any() else differ.argmax())
    what = f"largest change {change[place]:+.3g}, from" if known.any() else "the first from"
    where = ", ".join(f"{key} {json.dumps(value)[1:-1]}" for key, value in keys.iloc[place].items() if value)
    yield (
        f"{title}: {int(differ.sum())} of {len(differ)} values differ; {what} {_code(old.iloc[place])} to "
        f"{_code(new.iloc[place])}{f' ({where})' if where else ''}"
    )


def _numbers(text: pd.Series) -> Float[np.ndarray, "row"]:
    return np.asarray(pd.to_numeric(text, errors="coerce"), dtype=float)
