"""Tables as other programs read them."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd

from interpret.foundation.tables import as_text, to_latex, to_markdown, write_csv
from interpret.study.study import Study
from tests.synthetic import synthetic_study

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


def test_a_name_cannot_end_a_cell_or_a_line_or_be_a_tag():
    *_, line = to_markdown(["name", "share"], [["a\\|b\n<script>|", "0"]]).splitlines()
    assert line == r"| a\\\|b\\n\<script>\| | 0 |"
    assert r"a\textbackslash n" in to_latex(["name"], [["a\nb"]], "")


def test_a_name_is_no_link_no_picture_and_no_code():
    *_, line = to_markdown(["name"], [["![a](http://b.c) [d](e) `f` <g>"]]).splitlines()
    assert line == r"| \!\[a\](http://b.c) \[d\](e) \`f\` \<g> |"


def test_a_name_that_a_spreadsheet_would_compute_is_text_and_comes_back(tmp_path):
    names = ["=cmd()|x", "+a", "-", "-b", "@c", "'=d", "'e", "-1.5", "+2e-3", "\tf", "g=h", "", "-.5.1"]
    table = pd.DataFrame({"name": names, "value": -np.arange(13.0), "layer": [*range(12), "=all"]})
    write_csv(table, tmp_path / "table.csv")
    cells = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False)
    assert list(cells["name"]) == [
        "'=cmd()|x", "'+a", "'-", "'-b", "'@c", "''=d", "'e", "-1.5", "+2e-3", "'\tf", "g=h", "", "'-.5.1",
    ]  # fmt: skip
    assert list(cells["value"].astype(float)) == list(table["value"])
    assert list(cells["layer"])[-2:] == ["11", "'=all"]
    assert list(as_text(cells["name"])) == names


def test_a_column_that_a_spreadsheet_would_compute_is_text_and_comes_back(tmp_path):
    names = ["=cmd()|x", "+a", "-b", "@c", "'=d", "value"]
    study = synthetic_study()
    history = pd.DataFrame({"model": ["=a", "b"], **dict.fromkeys(names, 0.5)})
    replace(study, tables=study.tables | {"history": history}).save(tmp_path / "study")
    head = (tmp_path / "study/history.csv").read_text().splitlines()[0]
    assert head == "model,'=cmd()|x,'+a,'-b,'@c,''=d,value"
    pd.testing.assert_frame_equal(Study.load(tmp_path / "study").tables["history"], history)


def test_latex_escapes_what_it_would_interpret():
    text = to_latex(COLUMNS, ROWS, "50 % of a_b")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{50 \% of a\_b}", r"model & tau\_n & share \\"):
        assert part in text
    assert r"a\_b & 1.2 & 80 \% \\" in text
    assert r"c|d \& e & 0 & \$5 \\" in text


def test_a_table_without_rows_has_its_head():
    assert pd.read_csv(io.StringIO(to_markdown(COLUMNS, [])), sep="|").shape == (1, 5)
