"""Tables as other programs read them."""

import io

import pandas as pd

from interpret.foundation.tables import to_latex, to_markdown

COLUMNS = ["model", "tau_n", "share"]
ROWS = [["a_b", "1.2", "80 %"], ["c|d & e", "0", "$5"]]


def test_markdown_keeps_its_columns_whatever_a_cell_holds():
    lines = to_markdown(COLUMNS, ROWS).splitlines()
    assert lines == [
        "| model | tau_n | share |",
        "| --- | --- | --- |",
        "| a_b | 1.2 | 80 % |",
        r"| c\|d & e | 0 | $5 |",
    ]


def test_latex_escapes_what_it_would_interpret():
    text = to_latex(COLUMNS, ROWS, "50 % of a_b")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{50 \% of a\_b}", r"model & tau\_n & share \\"):
        assert part in text
    assert r"a\_b & 1.2 & 80 \% \\" in text
    assert r"c|d \& e & 0 & \$5 \\" in text


def test_a_table_without_rows_has_its_head():
    assert pd.read_csv(io.StringIO(to_markdown(COLUMNS, [])), sep="|").shape == (1, 5)
