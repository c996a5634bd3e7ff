import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from interpret.report import write_pack
from interpret.report.command import main
from interpret.report.comparison import compare
from tests.synthetic import synthetic_study

HEAD = "model,image,indicator,layer,head,value,unit\n"
OLD = HEAD + "a,x,sparsity,0,0,0.5,share\na,x,sparsity,0,1,0.25,share\na,x,entropy,0,0,3.0,nats\n"
NEW = (
    HEAD + "a,x,sparsity,0,0,0.5,share\na,x,sparsity,0,1,0.75,share\na,x,entropy,0,0,2.5,nats\na,y,entropy,0,0,1,nats\n"
)


def pack(folder, *, table=OLD, figure=b"figure", settings=None, model=None, images=("x",), **files):
    """A pack as small as one can be; the path of its manifest."""
    content = {"tables/indicators.csv": table.encode(), "figures/sweep_threshold.png": figure} | files.get("more", {})
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    manifest = {
        "format": "interpret-pack/1",
        "settings": {"command": "python -m interpret.report a.pt", "seed": 0, "versions": {"torch": "2.6"}}
        | (settings or {}),
        "models": [{"name": "a", "sha256": "1" * 64, "record": {"test_accuracy": 0.5}} | (model or {})],
        "images": list(images),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / "manifest.json"


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "old", tmp_path / "new"


def sections(text):
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip().splitlines() for part in parts}


def test_equal_packs_have_no_change(folders):
    found = sections(compare(pack(folders[0]), pack(folders[1])))
    assert list(found) == ["Settings and versions", "Models", "Images", "Tables", "Figures"]
    assert set(map(tuple, found.values())) == {("No change.",)}


def test_settings_versions_checkpoints_and_images_that_differ_are_named(folders):
    changed = {"settings": {"seed": 1, "versions": {"torch": "2.7"}, "device": "cuda"}}
    changed |= {"model": {"sha256": "2" * 64, "record": {"test_accuracy": 0.75}}, "images": ("y", "x")}
    found = sections(compare(pack(folders[0]), pack(folders[1], **changed)))
    assert found["Settings and versions"] == [
        "- seed: `0` -> `1`",
        '- versions.torch: `"2.6"` -> `"2.7"`',
        '- device: new, `"cuda"`',
    ]
    assert found["Models"] == [
        f'- `"a"` sha256: `"{"1" * 64}"` -> `"{"2" * 64}"`',
        '- `"a"` record.test_accuracy: `0.5` -> `0.75`',
    ]
    assert found["Images"] == ['- `"y"` is new']


def test_a_model_that_came_or_went_takes_one_line(folders):
    found = sections(compare(pack(folders[0]), pack(folders[1], model={"name": "b"})))
    assert found["Models"] == [f'- `"a"` is gone (SHA-256 {"1" * 64})', f'- `"b"` is new (SHA-256 {"1" * 64})']


def test_the_largest_change_of_each_quantity_is_named_with_its_place(folders):
    found = sections(compare(pack(folders[0]), pack(folders[1], table=NEW)))
    assert found["Tables"] == [
        "- indicators: rows new: 1",
        '- indicators: entropy value: 1 of 1 values differ; largest change -0.5, from `"3.0"` to `"2.5"` '
        "(model a, image x, indicator entropy, layer 0, head 0)",
        '- indicators: sparsity value: 1 of 2 values differ; largest change +0.5, from `"0.25"` to `"0.75"` '
        "(model a, image x, indicator sparsity, layer 0, head 1)",
    ]


@pytest.mark.long
def test_two_packs_as_they_are_written_can_be_compared(tmp_path):
    study = synthetic_study(history=False)
    doubled = study.tables["survey"].assign(mean=2 * study.tables["survey"]["mean"])
    packs = [
        write_pack(each, tmp_path / name).parent / "manifest.json"
        for name, each in (("old", study), ("new", replace(study, tables=study.tables | {"survey": doubled})))
    ]
    found = sections(compare(*packs))["Tables"]
    assert {line.partition(":")[0] for line in found} == {"- survey"}
    assert all("mean: " in line for line in found)


def test_rows_are_matched_by_what_they_are_not_by_their_place(folders):
    lines = OLD.splitlines(keepends=True)
    found = sections(compare(pack(folders[0]), pack(folders[1], table="".join([lines[0], *lines[:0:-1]]))))
    assert found["Tables"] == ["No change."]


SWEEP = "model,intervention,strength,layer,quantity,kind,variant,mean\n"


def test_rows_of_a_sweep_are_matched_by_quantity_and_strength(folders):
    old = SWEEP + "a,toy,0.5,all,accuracy,,,0.75\na,toy,0.5,all,confidence,,,0.5\na,toy,1.0,all,confidence,,,0.625\n"
    new = (
        SWEEP + "a,toy,1.0,all,confidence,,,0.625\na,toy,0.9,all,confidence,,,0.25\na,toy,0.5,all,confidence,,,0.375\n"
    )
    packs = [
        pack(each, more={"tables/sweep.csv": text.encode()}) for each, text in zip(folders, (old, new), strict=True)
    ]
    assert sections(compare(*packs))["Tables"] == [
        "- sweep: rows gone: 1",
        "- sweep: rows new: 1",
        '- sweep: confidence mean: 1 of 2 values differ; largest change -0.125, from `"0.5"` to `"0.375"` '
        "(model a, quantity confidence, layer all, intervention toy, strength 0.5)",
    ]


def test_words_columns_tables_and_figures_that_differ_are_named(folders):
    table = OLD.replace("share", "percent").replace(",value,", ",amount,")
    more = {"figures/new.png": b"new", "tables/maps.csv": b"model\na\n"}
    found = sections(compare(pack(folders[0]), pack(folders[1], table=table, figure=b"other", more=more)))
    assert found["Tables"] == [
        "- indicators: column value is gone",
        "- indicators: column amount is new",
        '- indicators: sparsity unit: 2 of 2 values differ; the first from `"share"` to `"percent"` '
        "(model a, image x, indicator sparsity, layer 0, head 0)",
        "- maps is new",
    ]
    assert found["Figures"] == ["- figures/new.png is new", "- figures/sweep_threshold.png has other bytes"]


def test_a_name_cannot_move_the_terminals_cursor(folders):
    text = compare(pack(folders[0]), pack(folders[1], images=("x", "\x1b[2Jy`"), model={"name": "\x1b[2J"}))
    assert "\x1b" not in text
    assert '- ``"\\u001b[2Jy`"`` is new' in text


def test_the_command_prints_the_comparison_and_ends_well(folders, capsys):
    old, new = pack(folders[0]), pack(folders[1], figure=b"other")
    assert main(["--compare", str(old), str(new)]) == 0
    out, err = capsys.readouterr()
    assert out == compare(old, new)
    assert err == ""


def test_a_terminal_of_another_encoding_gets_the_comparison_too(folders, tmp_path):
    line = [sys.executable, "-m", "interpret.report", "--compare", pack(tmp_path / "\u00fcber"), pack(folders[1])]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    told = subprocess.run(
        line, cwd=Path(__file__).parents[1], env=ascii_only, capture_output=True, text=True, check=True
    )
    assert rf"- old: {tmp_path}/\xfcber/manifest.json" in told.stdout


def refused(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def test_what_is_no_manifest_is_refused_in_one_line(folders, capsys, tmp_path):
    good = pack(folders[0])
    assert "nowhere.json: no such file" in refused(capsys, "--compare", good, tmp_path / "nowhere.json")
    assert "old is a folder; expected the manifest.json" in refused(capsys, "--compare", folders[0], good)
    for text, expected in (
        ("{", "is not JSON"),
        ("[]", "is no manifest"),
        ('{"format": "interpret-pack/1"}', "is no manif"),
    ):
        (tmp_path / "bad.json").write_text(text)
        assert expected in refused(capsys, "--compare", good, tmp_path / "bad.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe\x00")
    assert "is not JSON" in refused(capsys, "--compare", tmp_path / "bad.json", good)
    assert "expected 2 arguments" in refused(capsys, "--compare", good)
    assert "not allowed with checkpoints" in refused(capsys, "a.pt", "--compare", good, good)


def test_a_table_that_was_changed_by_hand_is_refused(folders, capsys):
    old, new = pack(folders[0]), pack(folders[1], table=NEW)
    (folders[1] / "tables/indicators.csv").write_text(OLD)
    assert "is not the file that its manifest lists" in refused(capsys, "--compare", old, new)
