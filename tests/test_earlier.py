"""What version 0.1.0 wrote before the rooms were built loads, draws and compares as it did."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import interpret
from interpret.foundation.files import sha256
from interpret.report.comparison import compare

EARLIER = Path(__file__).parent / "references" / "pack-0.1.0"
PAGES = {
    "sweep": 2, "sweep_by_layer": 2, "overlay_grid": 6, "attention_heatmaps": 2, "head_atlas": 1,
    "active_tokens": 1, "effective_rank": 1, "epoch_time": 1, "indicators_by_epoch": 4, "sparsity_by_layer": 1,
    "spectral_entropy": 1, "svda_indicators": 0, "training_curves": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def study() -> interpret.Study:
    return interpret.Study.load(EARLIER / "study")


@pytest.fixture
def pack(tmp_path) -> Path:
    """The pack as it was: its tables are those of its study, byte for byte."""
    folder = shutil.copytree(EARLIER, tmp_path / "earlier")
    (folder / "tables").mkdir()
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for table in (folder / "study").glob("*.csv"):
        shutil.copy(table, folder / "tables")
        assert sha256(table) == files[f"tables/{table.name}"]
    return folder


def test_its_study_holds_what_it_held(study):
    assert [model["name"] for model in study.models] == ["fashionmnist-hard_threshold", "fashionmnist-svda"]
    points = study.tables["operating_points"].query("layer == 'all'").set_index(["model", "intervention"])
    assert points.index.tolist() == [
        ("fashionmnist-hard_threshold", "threshold"),
        ("fashionmnist-svda", "threshold"),
        ("fashionmnist-svda", "sigma_retention"),
    ]
    assert points.loc[("fashionmnist-hard_threshold", "threshold"), "trained"] == 0.01
    assert set(study.tables["sweep"]["intervention"]) == {"threshold", "sigma_retention"}
    assert study.taus == [0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16]
    sweep = study.tables["sweep"].query("model == 'fashionmnist-hard_threshold' and trained")
    assert np.isclose(sweep.set_index("quantity")["mean"]["agreement"], 1)
    assert study.map(0, "relevance").shape == (2, 7, 7)
    assert [model["covered"] for model in study.models] == [[1.0, 1.0]] * 2


def test_every_figure_is_drawn_of_it(study):
    assert {name: len(entry.draw(study)) for name, entry in interpret.FIGURES.items()} == PAGES


def test_a_pack_of_today_is_written_of_it_and_compared_with_it(study, pack, tmp_path):
    today = interpret.write_pack(study, tmp_path / "today").with_name("manifest.json")
    told = compare(pack / "manifest.json", today)
    tables = told.partition("## Tables")[2].partition("## Figures")[0]
    assert tables.strip() == "No change."
    assert "No change." in compare(pack / "manifest.json", pack / "manifest.json").partition("## Tables")[2]


def test_a_checkpoint_of_it_gives_its_accuracy():
    """The maps in the pack are those of the bundled checkpoint, made with the code of then."""
    study, model = interpret.Study.load(EARLIER / "study"), interpret.load("checkpoints/fashionmnist-hard_threshold.pt")
    assert study.models[0]["sha256"] == model.sha256
    found = interpret.attribute(model, list(study.images), "rollout").numpy()
    np.testing.assert_allclose(found, study.map(0, "rollout"), rtol=1e-3, atol=1e-6)
