"""What pages and docstrings show runs, and agrees with what they say of it."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import interpret

CHECKOUT = Path(__file__).parents[1]
PAGES = CHECKOUT / "docs" / "adding"
SETUP = """
import numpy as np, torch, interpret
from interpret.models.tracing import trace
from tests.models import pictures, tiny
from tests.references import attributions, indicators, mechanisms
from tests.references.golden import attributions as golden_attributions, indicators as golden_indicators
from tests.references.golden import mechanisms as golden_mechanisms
from tests.synthetic import synthetic_study

def golden_numbers(room, golden, example, name):
    exec(example[1], vars(room)), exec(example[2], vars(golden))
    return [(getattr(room, name)(**case.inputs), case) for case in vars(golden)[name.upper()].values()]
"""
CHECKS = {
    "mechanism": """
[(stages, case)] = golden_numbers(mechanisms, golden_mechanisms, example, "squared")
np.testing.assert_allclose(stages["weights"], case.expected["weights"], atol=1e-6)
probs = torch.from_numpy(stages["probs"])[None]
made = interpret.MECHANISMS["Squared"].function(1, 1).select(probs)
torch.testing.assert_close(made, torch.from_numpy(stages["weights"])[None])
assert trace(tiny("Squared"), pictures(2)).weights is not None
""",
    "attribution": """
[(row, case)] = golden_numbers(attributions, golden_attributions, example, "last_gradient")
np.testing.assert_allclose(row, case.expected)
seen = trace(tiny(), pictures(2), keep=("weights", "gradient"))
maps = interpret.attribute(seen, "last_gradient")
arrays = [stage[:, 1].double().numpy() for stage in (seen.weights, seen.gradient)]
twin = attributions.last_gradient(*arrays, seen.readout.double().numpy())
torch.testing.assert_close(maps[1].flatten().double(), torch.from_numpy(twin)[-maps[1].numel():], rtol=1e-4, atol=1e-6)
""",
    "indicator": """
[(value, case)] = golden_numbers(indicators, golden_indicators, example, "peak")
np.testing.assert_allclose(value, case.expected)
seen = trace(tiny(), pictures(2))
table = interpret.measure(seen, ["peak"])
np.testing.assert_allclose(table["value"].iloc[-1], indicators.peak(seen.weights[-1, -1, -1].numpy()), rtol=1e-6)
""",
    "intervention": """
exec(example[1])
entry, vit = interpret.interventions.INTERVENTIONS["sharpness"], tiny()
plain = trace(vit, pictures(2), keep=("scores",))
for strength in (entry.neutral, *entry.grid([vit])):
    with entry.function(vit, strength):
        seen = trace(vit, pictures(2), keep=("scores",))
    torch.testing.assert_close(seen.scores[0], plain.scores[0] * strength)
    assert torch.equal(seen.logits, plain.logits) == (strength == entry.neutral)
torch.testing.assert_close(trace(vit, pictures(2)).logits, plain.logits)
q, k, v = np.random.default_rng(0).normal(size=(3, 1, 5, 4))
np.testing.assert_allclose(flattened(0.5)(0, q, k, v)["scores"] * 2, mechanisms.softmax(q, k, v)["scores"])
""",
    "family": """
from torch import nn
import pathlib, tempfile
from tests.test_families import images, moved, same


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2, self.attention = nn.LayerNorm(48), nn.LayerNorm(48), nn.MultiheadAttention(48, 3)
        self.mlp = nn.Sequential(nn.Linear(48, 80), nn.GELU(), nn.Linear(80, 48))

    def forward(self, x):
        y = self.norm1(x).transpose(0, 1)
        x = x + self.attention(y, y, y)[0].transpose(0, 1)
        return x + self.mlp(self.norm2(x))


class CifarViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch_embedding = nn.ModuleDict({"embed": nn.Conv2d(3, 48, 8, 8)})
        self.cls_token, self.pos_embedding = nn.Parameter(torch.zeros(1, 1, 48)), nn.Parameter(torch.zeros(1, 25, 48))
        self.transformer_layers = nn.ModuleList([Layer(), Layer()])
        self.out_head = nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 4))

    def forward(self, images):
        x = self.patch_embedding["embed"](images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embedding
        for layer in self.transformer_layers:
            x = layer(x)
        return self.out_head(x[:, 0])


model, path = moved(CifarViT()), pathlib.Path(tempfile.mkdtemp()) / "vit.pt"
torch.save({"model_state": model.state_dict()}, path)
with torch.no_grad():
    same(interpret.load(path, heads=3, img_size=(32, 48)).model.double()(images()), model(images()))
""",
    "dataset": """
data = interpret.data.load_data("stripes")
assert (len(data), data.classes, data[1].label) == (100, ("upright", "level"), 1)
assert np.asarray(data[0].image).std(axis=0).max() == 0 != np.asarray(data[1].image).std(axis=0).max()
""",
    "figure": """
study, assert_allclose = synthetic_study(), np.testing.assert_allclose
exec(example[1])
drawn = {"sparsity_profile": interpret.FIGURES["sparsity_profile"].draw(study)}
test_the_profile_shows_the_means_of_the_table(study, drawn)
""",
}
"""What is run after the first block of a page; the page's blocks are `example`."""
CALLED = [name for name in interpret.__all__ if isinstance(getattr(interpret, name), FunctionType | type)]
"""Public functions and classes."""


QUICK = ("attribution", "family")
"""Pages whose examples run with the short tests: the pages are made alike."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path.stem in QUICK else pytest.mark.long, id=path.stem)
        for path in sorted(PAGES.glob("*.md"))
    ],
)
def test_the_example_of_a_page_runs(path):
    """In a process of its own, where what it registers stays."""
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)
    code = f"{SETUP}\nexample = {blocks!r}\nexec(example[0])\n{CHECKS[path.stem]}"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_contributing_names_every_page(path):
    assert f"(docs/adding/{path.name})" in (CHECKOUT / "CONTRIBUTING.md").read_text()


def test_the_start_runs():
    [code] = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "index.md").read_text(), flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CALLED)
def test_the_example_of_a_public_name_runs(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "checkpoints").symlink_to(CHECKOUT / "checkpoints")
    monkeypatch.chdir(tmp_path)
    [example] = doctest.DocTestFinder(recurse=False).find(getattr(interpret, name), name, globs={})
    assert len(example.examples) > 1, "its docstring has no example"
    done = doctest.DocTestRunner().run(example)
    assert done.failed == 0, capsys.readouterr().out


MECHANISM = '''"""Attention to a power that each head learns, cut at tau."""

import torch
from torch import nn

from interpret.mechanisms import MECHANISMS, Mechanism


@MECHANISMS.register(label="learned power", reference="a test")
class Sharpened(Mechanism):
    """Weights p^power / sum p^power of the probabilities above tau."""

    rule = "hard"

    def __init__(self, num_heads, head_dim, tau=0.01, power_init=2.0):
        super().__init__(num_heads, head_dim)
        self.tau = tau
        self.power = nn.Parameter(torch.full((num_heads,), power_init))

    def select(self, probs):
        kept = (probs * (probs > self.tau)).clamp_min(1e-12) ** self.power[:, None, None] * (probs > self.tau)
        return kept / (kept.sum(dim=-1, keepdim=True) + 1e-6)
'''
OF_MECHANISM = """
import torch, interpret
from timm.models.vision_transformer import VisionTransformer
from torch.testing import assert_close
from interpret.foundation.command_line import entries
from interpret.train.command import main

sizes = {"img_size": 64, "patch_size": 16, "embed_dim": 12, "depth": 2, "num_heads": 3}
data = interpret.load_data("shapes")[:4]
assert "sharpened" in interpret.MECHANISMS and "sharpened" in entries("mechanisms")

live = interpret.load(VisionTransformer(**sizes, num_classes=10), mechanism="sharpened", tau=0.06)
seen = interpret.trace(live, [example.image for example in data], keep=["relevance", "retained_mass"])
assert torch.equal(seen.weights > 0, seen.probs > 0.06)
assert interpret.attribute(seen, "relevance").shape == (4, 4, 4)
table = interpret.sweep(live, data, "threshold", [0.0, 0.06, 0.2])
change = table.query("strength == 0.06 and quantity == 'accuracy_change'")
assert (change["low"] < 0).all(), "the plain rule in place of the toy's own is another function"
assert set(table["rule"]) == {"hard"} and table.loc[table["trained"], "strength"].unique().tolist() == [0.06]

command = "--data shapes --mechanism sharpened --tau 0.04 --epochs 1 --limit 16 --batch-size 8 --lr 0.01 --out toy.pt"
command += " --device cpu --warmup-epochs 0 --track active_tokens"
flags = [f"--{name.replace('_', '-')}={value}" for name, value in sizes.items()]
assert main([*command.split(), *flags]) == 0

trained = interpret.load("toy.pt")
assert trained.spec.rule == "sharpened tau=0.04 power_init=2.0"
assert (trained.vit.blocks[0].attn.mechanism.power != 2).all()
images = trained.pixels([example.image for example in data])
interpret.save("again.pt", trained)
torch.save(trained.vit.state_dict(), "raw.pt")
for file in (interpret.load("again.pt"), interpret.load("raw.pt", heads=3, tau=0.04)):
    assert_close(file(images), trained(images), rtol=0, atol=0)
    assert file.spec.mechanism == "sharpened"
"""
INTERVENTION = '''"""Half a threshold."""

from interpret.interventions import INTERVENTIONS
from interpret.interventions.threshold import threshold


@INTERVENTIONS.register(
    label="half of it", strength="dose", unit="drops", neutral=0.0, applies=lambda model: True, acts_on="all",
    grid=lambda models: (0.0, 0.1), reference="a test", facts=lambda model, dose, layer: {"cut": dose / 2},
    fact_labels={"cut": "what is cut"}, shown=("cut", "sparsity"),
)
def half(model, dose, *, layers=None):
    return threshold(model, dose / 2, layers=layers)
'''
OF_INTERVENTION = """
import numpy as np, interpret
from interpret.report.command import main

models = [interpret.load(f"checkpoints/shapes-{name}.pt") for name in ("softmax", "svda")]
data = interpret.load_data("shapes")[:6]
assert "half" in interpret.INTERVENTIONS

table = interpret.sweep(models[0], data, "half", by_layer=True)
of_threshold = interpret.sweep(models[0], data, "threshold", [0.0, 0.05], by_layer=True)
np.testing.assert_array_equal(table["mean"].to_numpy(float), of_threshold["mean"].to_numpy(float))
assert set(table["strength"]) == {0.0, 0.1} and set(table["cut"]) == {0.0, 0.05}
assert set(interpret.operating_points(table)["intervention"]) == {"half"}

study = interpret.run_study(models, data, attributions=[], indicators=[], sweeps="half", by_layer=True, limit=1)
assert set(study.tables["sweep"]["model"]) == {"shapes-softmax", "shapes-svda"}
[(page, figure)] = interpret.FIGURES["sweep"].draw(study).items()
assert page == "sweep_half" and figure.get_suptitle() == "Half of it, over 6 images"
assert [ax.get_ylabel() for ax in figure.axes] == ["accuracy (share)", "what is cut"]
assert {ax.get_xlabel() for ax in figure.axes} == {"dose (drops)"}
assert list(interpret.FIGURES["sweep_by_layer"].draw(study)) == ["sweep_by_layer_half"]

command = "checkpoints/shapes-softmax.pt --data shapes --limit 1 --sample 4 --attributions rollout --out pack -q"
assert main([*command.split(), "--indicators", "sparsity", "--sweep", "half=0.2", "threshold"]) == 0
text = open("pack/report.html").read()
for words in ("Sweep of dose", "Sweep of tau", "what is cut", "sweep_half"):
    assert words in text, words
assert interpret.Study.load("pack/study").settings["sweeps"]["half"] == [0.0, 0.2]

ui = interpret.explore(models, [data[0].image])
assert [text for text, _ in {each["name"]: each["options"] for each in ui.menu["controls"]}["dose"]] == ["0", "0.1"]
"""


@pytest.mark.parametrize(
    ("room", "name", "code", "walk"),
    [
        ("mechanisms", "sharpened", MECHANISM, OF_MECHANISM),
        ("interventions", "half", INTERVENTION, OF_INTERVENTION),
    ],
)
def test_a_thing_is_one_file(room, name, code, walk, tmp_path):
    """A copy of the package and one file more: it is found wherever others of its kind are."""
    package = shutil.copytree(CHECKOUT / "interpret", tmp_path / "interpret")
    (package / room / f"{name}.py").write_text(code)
    (tmp_path / "checkpoints").symlink_to(CHECKOUT / "checkpoints")
    done = subprocess.run(
        [sys.executable, "-c", walk],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
