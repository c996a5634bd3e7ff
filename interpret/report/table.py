"""A table of the page, and how its cells are written."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table of the page: cells are text already; `csv` names the file that holds every row."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]
    csv: str


def groups(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Parts of a table that agree in `columns`, in the order of the table, under what they agree on."""
    for _, rows in table.groupby(list(columns), sort=False, dropna=False):
        yield tuple(str(rows[column].iloc[0]) for column in columns), rows


def number(value: float) -> str:
    """Three digits; "unknown" where there is no number."""
    return "unknown" if pd.isna(value) else f"{value:.3g}"
