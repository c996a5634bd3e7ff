import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

from interpret.attributions import ATTRIBUTIONS
from interpret.data import fit, fit_mask, load_data
from interpret.foundation.errors import InterpretError
from interpret.indicators import INDICATORS
from interpret.interventions import INTERVENTIONS
from interpret.models.loaded_model import LoadedModel
from interpret.models.tracing import trace
from interpret.study.observe import observe
from interpret.study.run import run_study
from interpret.study.study import Study
from interpret.study.verification import COMPARED
from tests.models import tiny

TRIO = ("softmax", "hard_threshold", "svda")
SWEPT = ["n", "quantity", "kind", "variant", "mean", "low", "high", "n_valid"]
COLUMNS = {
    "predictions": ["model", "image", "label", "target", "predicted", "probability", "target_probability", "correct"],
    "maps": ["model", "image", "min", "max", "status", "attribution", "message"],
    "indicators": ["model", "image", "layer", "head", "indicator", "kind", "variant", "value", "unit"],
    "survey": [
        "model", "layer", "head", "indicator", "kind", "variant", "mean", "std", "n_valid", "n", "unit",
    ],
    "sweep": ["model", "intervention", "rule", "strength", "tau_n", "layer", "trained", *SWEPT, "removed"],
    "operating_points": [
        "model", "intervention", "rule", "layer", "n", "points", "labelled", "trained", "knee", "free", "change_low",
        "strongest",
    ],
    "retention": [
        "model", "form", "rho", "removed", "parameters_saved", "parameters_saved_padded", "macs_saved",
        "macs_saved_padded", "images", "max_weight_change", "agreement", *COMPARED,
    ],
    "history": ["model", "epoch", "train_loss"],
    "tracked": ["model", "epoch", "layer", "head", "indicator", "kind", "variant", "value"],
}  # fmt: skip
KEYS = ["model", "image", "epoch", "attribution", "layer", "head", "indicator", "quantity", "kind", "variant"]
KEYS += ["intervention", "rule", "strength", "rho", "form"]
LIMIT = 3
SWEEPS = {"threshold": (0.02,)}


def trio() -> list[LoadedModel]:
    """A plain, a selective and an SVDA model of the classes of `shapes`; the first has a history."""
    made = []
    for index, mechanism in enumerate(TRIO):
        loaded = tiny(mechanism, num_classes=10, dtype=torch.float32, seed=index)
        spec = dataclasses.replace(loaded.spec, classes=load_data("shapes").classes)
        history = [{"epoch": epoch, "train_loss": 1 / epoch} for epoch in (1, 2)] if index == 0 else []
        made.append(dataclasses.replace(loaded, spec=spec, name=mechanism, history=history))
    return made


def study_of(models: list[LoadedModel], data: str = "shapes", **options) -> Study:
    found = load_data(data)
    few = found if data == "photos" else found[:8]
    sweeps = SWEEPS | ({"sigma_retention": None} if any(model.spec.mechanism == "svda" for model in models) else {})
    chosen = {"attributions": list(ATTRIBUTIONS), "indicators": list(INDICATORS), "sweeps": sweeps, "limit": LIMIT}
    return run_study(models, few, **chosen | options)


@pytest.fixture(scope="module", params=["shapes", "photos"])
def study(request) -> Study:
    return study_of(trio(), request.param)


@pytest.fixture(scope="module")
def shapes() -> Study:
    return study_of(trio())


def test_what_would_be_cut_is_measured_at_the_thresholds_of_the_models(study):
    table = study.tables["indicators"].query("indicator == 'would_be_sparsity'")
    assert set(table["variant"]) == {"tau=0.03"}
    assert set(table["model"]) == set(TRIO)


def test_every_table_has_its_columns_and_rows(study):
    assert {name: list(table) for name, table in study.tables.items()} == COLUMNS
    rows = {name: len(table) for name, table in study.tables.items()}
    assert (rows["predictions"], rows["maps"], rows["history"]) == (3 * LIMIT, 3 * LIMIT * len(ATTRIBUTIONS), 2)
    quantities = 7 if study.settings["data"] == "shapes" else 5
    rhos = INTERVENTIONS["sigma_retention"].grid([])
    assert study.settings["sweeps"] == {"threshold": [0.0, 0.02, 0.03], "sigma_retention": list(rhos)}
    assert rows["sweep"] == (3 * 3 + len(rhos)) * quantities
    assert (rows["operating_points"], rows["retention"]) == (4, 2)
    for table in ("predictions", "maps", "indicators"):
        assert set(study.tables[table]["image"]) == set(study.image_ids)
        assert list(study.tables[table]["model"].unique()) == list(TRIO)


def test_arrays_have_the_shapes_that_are_told(study):
    for index in range(3):
        assert study.heatmap(index).shape == (LIMIT, 2, 3, 4, 6)
        assert study.tau_map(index).shape == (3, LIMIT, 4, 6)
        assert {study.map(index, name).shape for name in ATTRIBUTIONS} == {(LIMIT, 4, 6)}
    assert (study.images.shape, study.images.dtype) == ((LIMIT, 32, 48, 3), np.uint8)
    assert (study.masks is None) == (study.settings["data"] == "photos")


def test_the_same_class_is_explained_for_every_model(study):
    targets = [list(table["target"]) for _, table in study.tables["predictions"].groupby("model")]
    assert targets == 3 * [targets[0]]
    by_first = study.tables["predictions"].query("model == 'softmax'")
    column = "label" if study.settings["data"] == "shapes" else "predicted"
    assert list(by_first["target"]) == list(by_first[column])
    assert (study.tables["predictions"]["predicted"] != study.tables["predictions"]["target"]).any()


def test_without_labels_nothing_is_said_of_being_right():
    table = study_of(trio()[:1], "photos", attributions=[], indicators=[]).tables
    assert table["predictions"]["correct"].isna().all()
    assert set(table["predictions"]["label"]) == {""}
    assert "accuracy" not in set(table["sweep"]["quantity"])


def test_the_numbers_are_those_of_a_trace(shapes):
    data, model = load_data("shapes"), trio()[1]
    positions = [int(name.rpartition("/")[2]) for name in shapes.image_ids]
    examples = [data[position] for position in positions]
    seen = trace(
        model,
        [example.image for example in examples],
        [example.label for example in examples],
        keep=("weights", "gradient"),
    )
    for name in ("cls_attention", "relevance", "layer_grad_cam"):
        expected = ATTRIBUTIONS[name].function(seen).float().numpy()
        assert_allclose(shapes.map(1, name), expected, rtol=1e-4, atol=1e-5)
        status = shapes.tables["maps"].query("model == 'hard_threshold' and attribution == @name")
        assert_allclose(status["max"], expected.max(axis=(1, 2)), rtol=1e-4, atol=1e-5)
    assert_allclose(shapes.heatmap(1)[:, -1].mean(axis=1), shapes.map(1, "cls_attention"), rtol=1e-5, atol=1e-7)
    found = shapes.tables["indicators"].query("model == 'hard_threshold' and indicator == 'active_tokens'")
    assert_allclose(found["value"].mean(), (seen.weights > 0).sum(dim=-1).double().mean().item())
    assert_array_equal(shapes.images[0], np.asarray(fit(examples[0].image, (32, 48))))
    assert_array_equal(shapes.masks[2], fit_mask(examples[2].mask, (32, 48)))


def test_a_study_is_read_as_it_was_written(study, tmp_path):
    study.save(tmp_path / "study")
    found = Study.load(tmp_path / "study")
    assert sorted(path.name for path in (tmp_path / "study").iterdir()) == sorted(
        ["study.json", "arrays.npz", *(f"{name}.csv" for name in COLUMNS)]
    )
    for name, table in study.tables.items():
        assert_frame_equal(found.tables[name], table, check_exact=True)
    assert found.image_ids == study.image_ids
    assert found.arrays.keys() == study.arrays.keys()
    for name, array in study.arrays.items():
        assert_array_equal(found.arrays[name], array, strict=True)
    assert_array_equal(found.images, study.images, strict=True)
    assert found.masks is study.masks is None or np.array_equal(found.masks, study.masks)
    assert json.dumps([found.models, found.settings], sort_keys=True) == json.dumps(
        [study.models, study.settings], sort_keys=True
    )


def test_two_runs_write_the_same_bytes(shapes, tmp_path):
    shapes.save(tmp_path / "first")
    study_of(trio()).save(tmp_path / "second")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_another_seed_draws_other_images():
    drawn = [study_of(trio()[:1], attributions=[], indicators=[], sweeps=(), seed=seed).image_ids for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.long
def test_a_batch_of_one_gives_the_same_study(shapes):
    one_by_one = study_of(trio(), batch_size=1)
    for name, array in shapes.arrays.items():
        assert_allclose(one_by_one.arrays[name], array, rtol=1e-4, atol=1e-5, err_msg=name)
    for name, table in shapes.tables.items():
        keys = [column for column in KEYS if column in table]
        found, expected = (one.sort_values(keys, ignore_index=True) for one in (one_by_one.tables[name], table))
        assert_frame_equal(found, expected, rtol=1e-3, atol=1e-4)


def test_a_map_without_evidence_is_told_apart():
    dead = trio()[0]
    with torch.no_grad():
        dead.model.head.weight.zero_()
        for block in dead.model.blocks:
            block.attn.qkv.weight.zero_()
            block.attn.qkv.bias.zero_()
    status = study_of([dead], sweeps=()).tables["maps"].groupby("attribution")["status"].agg(set).to_dict()
    assert status == {
        name: {"constant" if not entry.class_specific else "dead gradient"} for name, entry in ATTRIBUTIONS.items()
    }


def test_a_map_that_is_not_defined_is_nan_with_the_reason():
    pooled, photos = tiny(global_pool="map", dtype=torch.float32), list(load_data("photos")[:2])
    found = observe(pooled, photos, (), None, ["rollout", "layer_grad_cam"], [], batch_size=2)
    assert np.isnan(found.maps["rollout"]).all()
    assert np.isnan(found.heatmaps).all()
    status = found.status.groupby("attribution")[["status", "message"]].first()
    assert status.loc["layer_grad_cam"].tolist() == ["ok", ""]
    assert status.loc["rollout", "status"] == "undefined"
    assert status.loc["rollout", "message"].startswith("pooling 'map' reads tokens by their content")


def test_models_of_one_name_are_told_apart():
    models = [dataclasses.replace(model, name="model") for model in trio()[:2]]
    found = study_of(models, attributions=["rollout"], indicators=["sparsity"], sweeps=())
    assert [model["name"] for model in found.models] == ["model (1)", "model (2)"]
    for table in ("predictions", "maps", "indicators"):
        assert set(found.tables[table]["model"]) == {"model (1)", "model (2)"}


def test_models_of_other_classes_explain_their_own_prediction():
    first, other = trio()[0], tiny(dtype=torch.float32)
    table = study_of([first, other], attributions=[], indicators=[], sweeps=()).tables["predictions"]
    own = table.query("model == 'tiny'")
    assert list(own["target"]) == list(own["predicted"])
    assert own["target"].str.match(r"class \d").all()


def test_models_of_different_aspect_ratio_are_refused():
    wide = tiny(img_size=(32, 64), dtype=torch.float32)
    message = (
        r"^models whose inputs differ in aspect ratio cannot share pictures: softmax \(32, 48\), tiny \(32, 64\); .*\Z"
    )
    with pytest.raises(InterpretError, match=message):
        study_of([trio()[0], wide])


def test_models_of_one_aspect_ratio_share_the_larger_picture():
    large = tiny(img_size=(64, 96), dtype=torch.float32)
    found = study_of([tiny(dtype=torch.float32), large], "photos", attributions=["rollout"], indicators=[], sweeps=())
    assert found.images.shape[1:3] == (64, 96)
    assert [found.map(index, "rollout").shape[1:] for index in (0, 1)] == [(4, 6), (8, 12)]


@pytest.mark.parametrize(("models", "limit"), [([], 3), (trio, 0)], ids=["no model", "no image"])
def test_a_study_of_nothing_is_refused(models, limit):
    with pytest.raises(
        InterpretError,
        match=r"^(there is no model to look at; .*|a study needs a model and an image; got 3 models, .*, limit 0)\Z",
    ):
        study_of(models() if callable(models) else models, limit=limit)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(InterpretError, match=r"no study.json in it; expected the study/ folder of a pack\Z"):
        Study.load(tmp_path)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    models = [dataclasses.replace(model, name=name) for model, name in zip(trio(), ("001", "1e3", "nan"), strict=True)]
    study = study_of(models, attributions=["rollout"], indicators=["sparsity"])
    study.save(tmp_path / "study")
    for name, table in Study.load(tmp_path / "study").tables.items():
        assert_frame_equal(table, study.tables[name])


def test_a_model_that_pools_by_attention_is_studied_without_token_maps():
    pooled = tiny(global_pool="map", dtype=torch.float32)
    study = study_of([pooled], "photos", attributions=["layer_grad_cam"], indicators=["sparsity"])
    assert np.isnan(study.tau_map(0)).all()
    assert set(study.tables["maps"]["status"]) == {"ok"}


def test_a_study_is_told_in_one_line(study):
    told = repr(study)
    assert re.fullmatch(r"Study\('.*', \d+ images of \w+, tables: predictions, maps, .*\)", told)
    assert "\n" not in told
