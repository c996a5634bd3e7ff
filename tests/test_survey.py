"""Indicators over a data set: the same as image by image, in flat memory, on one process or two."""

import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from interpret.data import load_data
from interpret.foundation.errors import InterpretError
from interpret.indicators import INDICATORS, measure
from interpret.models import loading
from interpret.models.trace import STAGES
from interpret.models.tracing import trace
from interpret.study.statistics import HeadMoments
from interpret.study.survey import survey
from tests.processes import run_two

ROOT = Path(__file__).parents[1] / "checkpoints"
HEADS = ["layer", "head", "indicator", "kind", "variant"]
SURVEY = """
import sys
from interpret.models import checkpoint, loading
from interpret.data import load_data
from interpret.study.survey import survey
from accelerate import PartialState
state = PartialState(cpu=True)
model = loading.load("checkpoints/shapes-svda.pt")
table = survey([model], load_data("shapes")[:5], ["effective_rank", "sink_share"], batch_size=2)
assert state.num_processes == int(sys.argv[2])
if state.is_main_process:
    table.to_csv(sys.argv[1], index=False)
"""


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_survey_is_the_mean_and_spread_of_single_images(batch_size):
    model, data = loading.load(ROOT / "shapes-hard_threshold.pt"), load_data("shapes")[:7]
    table = survey([model], data, list(INDICATORS), batch_size=batch_size)
    stages = tuple(stage for stage in STAGES if stage not in ("scores", "gradient"))
    images = model.pixels([example.image for example in data])
    values = measure(trace(model, images, keep=stages), list(INDICATORS)).groupby(HEADS)["value"]
    expected = values.agg(["mean", "std", "count"]).reset_index()
    both = table.merge(expected, on=HEADS, suffixes=("", "_expected"))
    assert len(both) == len(table) == len(expected)
    assert_allclose(both["mean"], both["mean_expected"], rtol=1e-5, atol=1e-6)
    assert_allclose(both["std"], both["std_expected"], rtol=1e-2, atol=1e-5)
    assert (both["n_valid"] == both["count"]).all()
    assert set(table["n"]) == {7}


def test_moments_leave_out_what_is_undefined():
    values = torch.randn(2, 9, 3, dtype=torch.float64)
    values[0, 2:8, 1], values[1, :, 2] = torch.nan, torch.nan
    moments = HeadMoments(2, 3)
    for part in values.split([4, 1, 4], dim=1):
        moments.update(part)
    found, rows = moments.compute(), pd.DataFrame(values.transpose(1, 2).reshape(6, 9))
    assert_allclose(found["mean"].flatten(), rows.mean(axis=1))
    assert_allclose(found["std"].flatten(), rows.std(axis=1))
    assert found["n_valid"].tolist() == [[9, 3, 9], [9, 9, 0]]


def test_an_empty_data_set_is_refused():
    with pytest.raises(InterpretError, match="0 images for 1 processes"):
        survey([loading.load(ROOT / "shapes-softmax.pt")], load_data("shapes")[:0], ["sparsity"])


def test_equal_values_have_no_spread():
    moments = HeadMoments(1, 1)
    for _ in range(50):
        moments.update(torch.full((1, 7, 1), 197.1, dtype=torch.float64))
    assert moments.compute()["std"].item() < 1e-12


@pytest.mark.long
def test_two_processes_survey_what_one_does(tmp_path):
    script = tmp_path / "survey.py"
    script.write_text(SURVEY)
    alone = [sys.executable, str(script), str(tmp_path / "one"), "1"]
    subprocess.run(alone, cwd=ROOT.parent, check=True, capture_output=True)
    run_two(script, tmp_path / "two", 2, cwd=ROOT.parent)
    one, two = (pd.read_csv(tmp_path / name) for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6)
    assert set(one["n_valid"]) == {5}


@pytest.mark.long
def test_a_report_by_two_processes_holds_the_tables_of_one(tmp_path):
    asked = [
        "-m",
        "interpret.report",
        "checkpoints/shapes-svda.pt",
        "--data",
        "shapes",
        "--limit",
        "2",
        "--sample",
        "5",
    ]
    asked += ["--sweep", "threshold=0.02", "--attributions", "rollout", "--indicators", "sparsity", "effective_rank"]
    alone = [sys.executable, *asked, "--out", str(tmp_path / "one")]
    subprocess.run(alone, cwd=ROOT.parent, check=True, capture_output=True)
    run_two(*asked, "--out", tmp_path / "two", cwd=ROOT.parent)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one", "two"]
    for path in sorted((tmp_path / "one" / "tables").glob("*.csv")):
        one, two = (pd.read_csv(tmp_path / name / "tables" / path.name) for name in ("one", "two"))
        pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6, obj=path.name)


@pytest.mark.long
def test_memory_does_not_grow_with_the_data():
    model, data = loading.load(ROOT / "shapes-softmax.pt"), load_data("shapes")
    names = ["active_tokens", "effective_rank", "angular_alignment"]
    survey([model], data[:200], names, batch_size=50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    survey([model], data[:2000], names, batch_size=50)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    kept = 2000 * 4 * 3 * 65 * 65 * 4 / 2**20
    assert grown < 0.1 * kept
