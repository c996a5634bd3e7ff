"""A table of text as papers and README files want it."""

from collections.abc import Sequence

import pandas as pd

Rows = Sequence[Sequence[str]]


def to_markdown(columns: Sequence[str], rows: Rows) -> str:
    """A pipe table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def to_latex(columns: Sequence[str], rows: Rows, caption: str) -> str:
    """A table in the style of the LaTeX package booktabs, every sign that LaTeX would interpret escaped."""
    frame = pd.DataFrame([list(row) for row in rows], columns=list(columns))
    escaped = frame.style.hide(axis="index")
    escaped.format(escape="latex").format_index(escape="latex", axis=1)
    return escaped.to_latex(hrules=True, caption=_escaped(caption), position="htbp", position_float="centering")


def _escaped(text: str) -> str:
    """Outside the cells pandas escapes nothing."""
    signs = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return text.replace("\\", "/").translate(str.maketrans(signs))
