"""The report of a model that predicts no class, alone and beside a classifier."""

import re
from dataclasses import replace

import pytest
import torch

import interpret
from interpret.attributions import ATTRIBUTIONS
from interpret.explorer.study_screens import StudyScreens
from interpret.figures import FIGURES
from interpret.models import checkpoint
from interpret.models.loaded_model import OWN_SELECTION
from interpret.report import caveats, page, summary
from interpret.report.command import parse
from interpret.report.findings import findings
from interpret.report.job import look
from tests.files import write_tree
from tests.models import gallery, tiny
from tests.synthetic import synthetic_study

SHORT = ["--indicators", "sparsity", "--sweep", "threshold=0.01", "--limit", "2", "--sample", "2", "--device", "cpu"]
BY_CLASS = [name for name, entry in ATTRIBUTIONS.items() if entry.class_specific]
ANY_CLASS = [name for name in ATTRIBUTIONS if name not in BY_CLASS]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model that gives features, a classifier, and two photographs of which nothing is known."""
    folder = tmp_path_factory.mktemp("features")
    for name, classes in (("features", 0), ("classifier", 5)):
        checkpoint.save(folder / f"{name}.pt", replace(tiny(num_classes=classes, dtype=torch.float32), name=name))
    write_tree(folder / "photos", {"0": 2})
    return folder


def looked(files, *names, attributions=()):
    chosen = ["--attributions", *attributions] if attributions else []
    paths = [files / f"{name}.pt" for name in names]
    arguments = parse([*map(str, paths), "--images", str(files / "photos" / "0"), *SHORT, *chosen])
    arguments.checkpoints, arguments.overrides, arguments.command = paths, [{} for _ in paths], ""
    return look(arguments)


@pytest.fixture(scope="module")
def alone(files):
    return looked(files, "features")


def test_what_needs_a_target_is_left_out_and_said_in_one_sentence(alone):
    assert alone.settings["attributions"] == ANY_CLASS
    assert [view.name for view in StudyScreens(alone).views if view.name in ATTRIBUTIONS] == ANY_CLASS
    assert list(FIGURES["overlay_grid"].draw(alone)) == [f"overlay_grid_{name}" for name in ANY_CLASS]
    assert [line for line in caveats.caveats(alone) if "target" in line] == [
        f"{', '.join(BY_CLASS)} need a target to explain, for no class is predicted here: left out "
        "(interpret.attribute takes target=)."
    ]


def test_nothing_is_printed_where_there_is_no_prediction_and_no_label(alone):
    text = page.render(alone, []).partition('<script type="module">')[0]
    assert "as loaded:" not in text
    assert "label:" not in text
    assert next(table for table in summary.tables(alone) if table.title == "Predictions").columns[:2] == [
        "image",
        "features",
    ]
    ax = FIGURES["overlay_grid"].draw(alone)["overlay_grid_rollout"].axes[1]
    assert ax.get_xlabel().startswith("raw total ")


def test_attributions_that_are_named_are_kept_and_those_that_share_a_reason_are_one_caveat(files):
    study = looked(files, "features", attributions=["rollout", "grad_cam", "relevance"])
    said = [line for line in caveats.caveats(study) if "target" in line]
    assert len(said) == 1
    assert said[0].startswith("features: grad_cam, relevance show nothing on 2 of 2 images (no target: features predi")


def test_beside_a_classifier_its_maps_stay_and_the_other_panel_says_why(files):
    study = looked(files, "classifier", "features")
    assert study.settings["attributions"] == list(ATTRIBUTIONS)
    assert "left_out" not in study.settings
    rows = StudyScreens(study).screens()["relevance"].rows
    assert [row.panels[1].shown for row in rows] == ["NO EVIDENCE: no target"] * 2
    assert not any(isinstance(row.panels[0].shown, str) for row in rows)
    stamps = [
        text.get_text()
        for ax in FIGURES["overlay_grid"].draw(study)["overlay_grid_relevance"].axes
        for text in ax.texts
    ]
    assert stamps == ["NO EVIDENCE\nno target"] * 2
    assert [len(panel.lines) for row in rows for panel in row.panels] == [2, 0] * 2, "a prediction and a raw total"
    (said,) = [line for line in caveats.caveats(study) if "show nothing" in line]
    assert said.startswith(f"features: {', '.join(BY_CLASS)} show nothing on 2 of 2 images (no target: features ")


def test_reasons_that_differ_and_numbers_of_images_that_differ_are_caveats_of_their_own():
    study = synthetic_study()
    maps = study.tables["maps"].assign(status="ok", message="")
    of_plain = maps["model"] == "plain"
    maps.loc[of_plain, ["status", "message"]] = "undefined", "no tokens"
    few = of_plain & (maps["attribution"] == "rollout") & (maps["image"] != "image-0")
    told = caveats.caveats(replace(study, tables=study.tables | {"maps": maps}))
    assert "plain: rollout, layer_grad_cam show nothing on 4 of 4 images (undefined: no tokens)." in told
    maps.loc[few, ["status", "message"]] = "zero", ""
    told = [line for line in caveats.caveats(replace(study, tables=study.tables | {"maps": maps})) if "shows" in line]
    assert told == [
        "plain: rollout shows nothing on 1 of 4 images (undefined: no tokens).",
        "plain: rollout shows nothing on 3 of 4 images (zero).",
        "plain: layer_grad_cam shows nothing on 4 of 4 images (undefined: no tokens).",
    ]


def test_features_have_no_mean_value(alone):
    (row,) = summary.models(alone)
    assert row["on these images"] == "features, no classes"
    shares = alone.tables["predictions"].assign(probability=0.25)
    (row,) = summary.models(replace(alone, tables=alone.tables | {"predictions": shares}))
    assert row["on these images"] == "features, no classes"


def test_what_a_query_keeps_is_found_of_models_that_select(alone):
    assert findings(alone) == []
    chosen = {"attributions": [], "indicators": [], "sweeps": {"threshold": [0.01]}}
    selective = tiny("hard_threshold", num_classes=0, dtype=torch.float32)
    (line,) = findings(interpret.run_study(selective, gallery(2), **chosen))
    assert re.fullmatch(
        r"tiny: at its own tau = 0.03 \(hard rule\) a query keeps [\d.]+ of 25 tokens on average.", line
    )


def test_a_threshold_takes_the_place_of_a_selection_of_its_own():
    study = synthetic_study(labelled=False)
    models = (study.models[0] | {"rule": OWN_SELECTION}, *study.models[1:])
    assert findings(replace(study, models=models))[1] == (
        f"plain: at tau = 0 (hard rule), in place of {OWN_SELECTION}, a query keeps 25.0 of 25 tokens on average."
    )
