"""Tables as spreadsheets, papers and README files want them; a name in a cell stays a name in all of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from interpret.foundation.text import printable

Rows = Sequence[Sequence[str]]

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$"
FORMULA = re.compile(rf"(?!{NUMBER})'*[=+\-@\t\r]", re.IGNORECASE)
"""Text that a spreadsheet would compute, or, after apostrophes, what such text was written as; no number is."""


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """The rows as CSV; text that a spreadsheet would compute gets an apostrophe, which `as_text` takes off.

    So do names of columns.
    """
    text = table.select_dtypes(exclude="number")
    safe = table.assign(**{column: text[column].map(_inert) for column in text}).rename(columns=_inert)
    safe.to_csv(path, index=False, lineterminator="\n", errors="backslashreplace")


def as_text(column: pd.Series) -> pd.Series:
    """A column that `write_csv` wrote, as it was."""
    return column.where(~column.str.match(rf"'(?={FORMULA.pattern})", flags=re.IGNORECASE), column.str[1:])


def _inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def to_markdown(columns: Sequence[str], rows: Rows) -> str:
    """A pipe table."""
    lines = [map(_literal, columns), ["---"] * len(columns), *(map(_literal, row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _literal(cell: str) -> str:
    """A cell of one line in which nothing ends it, or is a tag, a link, a picture or code."""
    return re.sub(r"[\\|<\[\]!`]", r"\\\g<0>", printable(cell))


def to_latex(columns: Sequence[str], rows: Rows, caption: str) -> str:
    """A table in the style of the LaTeX package booktabs, every sign that LaTeX would interpret escaped."""
    frame = pd.DataFrame([list(map(printable, row)) for row in rows], columns=list(map(printable, columns)))
    escaped = frame.style.hide(axis="index")
    escaped.format(escape="latex").format_index(escape="latex", axis=1)
    return escaped.to_latex(hrules=True, caption=_escaped(caption), position="htbp", position_float="centering")


def _escaped(text: str) -> str:
    """Outside the cells pandas escapes nothing."""
    signs = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return text.replace("\\", "/").translate(str.maketrans(signs))
