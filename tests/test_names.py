"""What figures call models: short, and still different."""

import json

import pytest

from interpret.figures import _names
from interpret.foundation.errors import InterpretError
from interpret.report.pack import write_pack
from interpret.study.study import Study
from tests.synthetic import NAMES, synthetic_study


def model(name, rule, mechanism=""):
    return {"name": name, "rule": rule, "mechanism": mechanism or rule.split()[0]}


def shown(*models):
    study = synthetic_study()
    return [each["shown"] for each in _names.shown(type(study)(models, *list(vars(study).values())[1:])).models]


def test_words_that_all_names_begin_with_are_left_out_and_the_rule_is_said_in_words():
    files = (
        model("fashionmnist-hard_threshold", "hard_threshold tau=0.01"),
        model("fashionmnist-softmax", "softmax"),
        model("fashionmnist-svda", "svda sigma_init=parity"),
    )
    assert shown(*files) == ["hard tau .01", "softmax", "svda"]
    assert shown(files[0]) == ["fashionmnist hard tau .01"]


def test_one_mechanism_at_two_thresholds_stays_two():
    names = [f"cifar10-hard_threshold-{tau}" for tau in (0.01, 0.02)]
    assert len(set(shown(*(model(name, f"hard_threshold tau={name[-4:]}") for name in names)))) == 2


@pytest.mark.parametrize(
    "names",
    [
        ["a" * 40 + "x" + "b" * 40, "a" * 40 + "y" + "b" * 40],
        ["x" + "a" * 60, "y" + "a" * 60],
        ["a" * 60 + "x", "a" * 60 + "y"],
        ["vit", "vit-large"],
        ["vit b/a.pt", "vit b/b.pt"],
    ],
)
def test_shortened_names_stay_different(names):
    assert len(set(_names.shortened(names))) == 2


def test_a_name_is_shortened_so_that_what_differs_is_left():
    assert _names.shortened(["a" * 60 + "x", "b" * 60], 11) == ["aaaaa\u2026aaaax", "bbbbb\u2026bbbbb"]
    assert _names.shortened(["run of may best", "run of may last"]) == ["best", "last"]


def test_what_a_name_says_of_the_rule_is_not_said_twice():
    given = model("mine", "hard_threshold tau=0.05") | {"shown": "mine"}
    assert _names.unsaid(given) == "hard tau .05"
    assert _names.unsaid(given | {"shown": "hard tau .05"}) == ""
    assert _names.rule("soft_threshold tau=0") == "soft tau 0"


def test_a_study_is_renamed_in_models_and_tables():
    study = synthetic_study().renamed({"plain": "ViT"})
    assert [each["name"] for each in study.models] == ["ViT", "selective", "svda"]
    called = [set(table["model"]) for table in study.tables.values() if "model" in table]
    assert all(names <= {"ViT", "selective", "svda"} for names in called)
    with pytest.raises(InterpretError, match="unknown model 'plian'; did you mean 'plain'"):
        synthetic_study().renamed({"plian": "ViT"})
    with pytest.raises(InterpretError, match="calls two models alike"):
        synthetic_study().renamed({"plain": "svda"})
    for nothing in (3, None, "", " "):
        with pytest.raises(InterpretError, match=r"'plain' is to be called .*; expected a text"):
            synthetic_study().renamed({"plain": nothing})
    with pytest.raises(InterpretError, match="names=3 is no dict"):
        synthetic_study().renamed(3)


def test_lines_of_a_long_word_are_no_longer_than_asked():
    assert max(map(len, _names.wrapped("hourglass_" * 8 + " and more", 20).split("\n"))) == 20


def test_a_pack_shows_other_names_and_keeps_those_of_the_files(tmp_path):
    page = write_pack(synthetic_study(), tmp_path / "pack", names={"plain": "ViT of mine"})
    assert "ViT of mine" in page.read_text(encoding="utf-8")
    summary = next((tmp_path / "pack" / "tables" / "summary").glob("*.md")).read_text(encoding="utf-8")
    assert "ViT of mine" in summary
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_text(encoding="utf-8"))
    assert [model["name"] for model in manifest["models"]] == list(NAMES)
    assert [model["name"] for model in Study.load(tmp_path / "pack" / "study").models] == list(NAMES)
