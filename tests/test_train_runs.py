"""Whole runs of the trainer: presets, seeds, interruption, several processes."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState
from numpy.testing import assert_allclose
from torch.testing import assert_close

from interpret.data import as_tensors, load_data, normalise
from interpret.foundation.errors import InterpretError
from interpret.mechanisms import MECHANISMS
from interpret.models import checkpoint, loading
from interpret.models.tracing import trace
from interpret.train import command, comparison, initialisation, loop, optimisation, tracking
from interpret.train import run as train_run
from interpret.train.presets import PRESETS
from interpret.train.recipe import Recipe
from interpret.train.state import Progress
from tests.files import write_fashionmnist, write_tree
from tests.processes import run_two

SMALL = ["--limit=24", "--batch-size=8", "--device=cpu", "--img-size=64", "--patch-size=16", "--embed-dim=12"]
SMALL += ["--depth=2", "--num-heads=3", "--track=active_tokens", "--no-amp", "--warmup-epochs=0"]
TINY = [name for name in PRESETS if name.endswith("-tiny")]


@pytest.fixture(autouse=True)
def fresh_accelerator():
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def run(*arguments: object) -> subprocess.Popen:
    line = [sys.executable, "-m", "interpret.train", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def failure(process: subprocess.Popen) -> str:
    """What a finished process said when it failed, "" if it did not."""
    _, said = process.communicate()
    return said if process.returncode else ""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_its_source_and_every_arm_can_be_built(name):
    preset = PRESETS[name]
    assert len(preset.source) > 40
    for mechanism, options in preset.arms.items():
        arm = preset.arm(mechanism)
        assert (arm.mechanism, arm.options) == (mechanism, options)
        MECHANISMS[mechanism].function(3, 8, **options)
        assert dataclasses.replace(arm, mechanism="", options={}) == dataclasses.replace(
            preset.recipe, mechanism="", options={}
        )


def test_the_presets_of_the_papers_are_those_of_their_sources():
    paper, readme, notebook = (PRESETS[f"selectivevit-{name}"].recipe for name in ("paper", "readme", "notebook"))
    for recipe in (paper, readme, notebook):
        assert (recipe.backbone, recipe.lr, recipe.batch_size, recipe.amp) == ("vit_base_patch16_224", 3e-4, 16, True)
    assert (paper.mechanism, PRESETS["selectivevit-paper"].arm().options, paper.epochs) == (
        "hard_threshold", {"tau": 0.005}, 10,
    )  # fmt: skip
    assert (readme.mechanism, PRESETS["selectivevit-readme"].arm().options, readme.epochs) == (
        "soft_threshold", {"tau": 0.01}, 70,
    )  # fmt: skip
    assert (notebook.mechanism, PRESETS["selectivevit-notebook"].arm().options) == ("hard_threshold", {"tau": 0.01})
    assert (notebook.patience, notebook.eta_min, notebook.init) == (3, 1e-5, "pretrained")


@pytest.fixture
def roots(tmp_path):
    """A few images of every data set that a tiny preset learns from, in its published layout."""
    folders = {f"{split}/{name}": 20 for split in ("train", "test") for name in ("cat", "dog")}
    cifar = write_tree(tmp_path / "cifar10", folders)
    fashion = write_fashionmnist(tmp_path, {"train": 40, "t10k": 20})
    return {"shapes": "shapes", "cifar10": f"cifar10:{cifar}", "fashionmnist": f"fashionmnist:{fashion}"}


@pytest.mark.parametrize("name", TINY)
def test_every_tiny_preset_runs_an_epoch(name, roots, tmp_path):
    data = roots[PRESETS[name].recipe.data]
    out = tmp_path / "model.pt"
    given = ["--preset", name, "--data", data, "--limit", "16", "--epochs", "1", "--device=cpu"]
    assert command.main([*given, "--out", str(out)]) == 0
    model = loading.load(out)
    assert model.provenance["recipe"]["batch_size"] == PRESETS[name].recipe.batch_size
    assert model.provenance["recipe"]["epochs"] == 1
    assert model.provenance["recipe"]["warmup_epochs"] == min(PRESETS[name].recipe.warmup_epochs, 0.5)
    table = pd.read_csv(tmp_path / "model.history.csv")
    assert set(table["split"]) == {"train", "validation"}
    assert {"loss", "accuracy", "active_tokens", "effective_rank"} <= set(table["quantity"])
    assert not list(tmp_path.glob("*.resume"))


@pytest.mark.long
def test_all_arms_under_two_seeds_and_their_comparison(tmp_path, monkeypatch, capsys, caplog):
    small = [*SMALL, "--epochs=1", "--out", str(tmp_path)]
    begin = ["--preset", "shapes-tiny", "--seeds", "0,1", "--resume", *small]
    assert command.main(begin) == 0  # of several seeds what is there is gone on with, and be it nothing
    assert capsys.readouterr().out == f"{tmp_path / 'comparison.md'}\n"
    arms = PRESETS["shapes-tiny"].arms
    assert {path.name for path in tmp_path.glob("*.pt")} == {f"{arm}-seed{seed}.pt" for arm in arms for seed in (0, 1)}
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert list(table["arm"]) == list(arms)
    assert (table["accuracy_low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_high"]).all()
    recorded = [
        sum(loading.load(tmp_path / f"{arm}-seed{seed}.pt").provenance["test_accuracy"] for seed in (0, 1)) / 2
        for arm in arms
    ]
    assert_allclose(table["accuracy"], recorded, atol=1e-9)
    assert_allclose(table["difference"][1:], table["accuracy"][1:] - table["accuracy"][0], atol=1e-9)
    page = (tmp_path / "comparison.md").read_text()
    assert PRESETS["shapes-tiny"].source in page
    assert "python -m interpret.train --preset shapes-tiny --seeds 0,1" in page
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    monkeypatch.setattr(loop, "train", lambda *given, **options: pytest.fail("finished arms are not trained again"))
    assert command.main(begin) == 0
    assert command.main([*begin, "--lr=0.5"]) == 2
    assert "softmax-seed0.pt: already finished, kept" in caplog.text
    assert "softmax-seed0.pt is of a run with lr=0.001, not 0.5" in capsys.readouterr().err


def test_a_comparison_tells_a_better_arm_from_an_equal_one():
    data = loop.some(load_data("shapes", "test"), 200)
    root = Path(__file__).parents[1] / "checkpoints"
    good = loading.load(root / "shapes-softmax.pt")
    poor = loading.load(root / "shapes-softmax.pt")
    poor.model.head.weight.data.zero_()
    table = comparison.compare({"good": [good], "same": [good], "poor": [poor]}, data)
    assert table["verdict"].tolist()[1:] == ["not shown (one seed)", "lower (one seed)"]
    assert table.loc[1, "p_holm"] == 1.0
    assert table.loc[2, "p_holm"] < 1e-6
    assert comparison.to_markdown(table).count("\n") == 5


@pytest.mark.long
def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    given = ["--data", "shapes", *SMALL, "--epochs=12", "--patience=12", "--mechanism=svda", "--ema=0.9", "--shift=2"]
    given += ["--aa=rand-m9-mstd0.5"]
    assert failure(run(*given, "--out", whole)) == ""
    second, state = run(*given, "--out", cut), cut.with_suffix(".resume")
    while not state.exists() and second.poll() is None:
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    assert second.returncode == -signal.SIGKILL
    assert failure(run(*given, "--out", cut, "--resume")) == ""
    one, other = loading.load(whole), loading.load(cut)
    assert_close(one.model.state_dict(), other.model.state_dict(), rtol=0, atol=0)
    drop = {"seconds", "images_per_second", "validation_seconds", "validation_images_per_second", "peak_memory_mb"}
    histories = [[{k: v for k, v in row.items() if k not in drop} for row in model.history] for model in (one, other)]
    assert histories[0] == histories[1]
    assert not state.exists()


def too_much_memory(images, mean, std):
    return torch.empty(10**15)


def diverged(images, mean, std):
    return normalise(images, mean, std) * torch.nan


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (too_much_memory, "memory does not suffice for batches of 8; lower --batch-size and raise --accumulate"),
        (diverged, "the training loss became nan after 3 updates; lower --lr"),
    ],
)
def test_what_breaks_in_an_epoch_leaves_the_one_before(broken, message, tmp_path, capsys, monkeypatch):
    given = ["--data", "shapes", *SMALL, "--epochs=2", "--out", str(tmp_path / "a.pt")]
    state = tmp_path / "a.resume"
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "normalise", lambda *given: broken(*given) if state.exists() else normalise(*given))
        assert command.main(given) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, captured.err.count("error")) == ("", 1)
    assert pd.read_csv(tmp_path / "a.history.csv")["epoch"].unique().tolist() == [1]
    AcceleratorState._reset_state(reset_partial_state=True)
    assert command.main([*given, "--resume"]) == 0
    assert len(loading.load(tmp_path / "a.pt").history) == 2


def test_weights_that_the_last_update_ruins_do_not_replace_good_ones(tmp_path, capsys, monkeypatch):
    given = ["--data", "shapes", *SMALL, "--epochs=2", "--out", str(tmp_path / "a.pt")]
    learn = train_run.Run._learn

    def ruin_in_the_second(run, number):
        learnt = learn(run, number)
        if number == 2:
            run.vit.head.bias.data[0] = torch.nan
        return learnt

    with monkeypatch.context() as patch:
        patch.setattr(train_run.Run, "_learn", ruin_in_the_second)
        assert command.main(given) == 2
    assert "error: head.bias became NaN or infinite after 6 updates" in capsys.readouterr().err
    assert len(checkpoint.read(tmp_path / "a.resume")["history"]) == 1


def test_an_epoch_is_told_when_its_state_is_kept(tmp_path, monkeypatch, caplog):
    kept = []
    monkeypatch.setattr(Progress, "save", lambda progress, run, path: kept.append("epoch 1/1" in caplog.text))
    assert command.main(["--data", "shapes", *SMALL, "--epochs=1", "--out", str(tmp_path / "a.pt")]) == 0
    assert kept == [False]
    told = r"softmax: 13,366 weights, 24 train, 24 validation, 24 test images, at most 1 epochs"
    assert re.search(told, caplog.text)
    assert re.search(r"epoch 1/1: train loss \d\.\d+, accuracy \d+\.\d\d %; validation loss", caplog.text)


def test_splits_of_different_classes_are_refused(tmp_path, capsys):
    write_tree(tmp_path, {"train/cat": 20, "train/dog": 20, "test/dog": 4})
    given = ["--data", f"cifar10:{tmp_path}", *SMALL, "--epochs=1", "--out", str(tmp_path / "a.pt")]
    assert command.main(given) == 2
    assert "test and train have different classes, such as 'cat'" in capsys.readouterr().err


def test_what_is_tracked_is_drawn_from_all_validation_images(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(tracking, "TRACKED_IMAGES", 12)

    def look(model, images, keep):
        drawn.append(images)
        return trace(model, images, keep=keep)

    monkeypatch.setattr(tracking, "trace", look)
    assert command.main(["--data", "shapes", *SMALL, "--epochs=1", "--out", str(tmp_path / "a.pt")]) == 0
    assert [len(images) for images in drawn] == [8, 4]
    data = loop.some(load_data("shapes", "validation"), 24)
    everything = normalise(as_tensors(data, (64, 64))[0], (0.5,) * 3, (0.5,) * 3)
    places = [index for image in torch.cat(drawn) for index, one in enumerate(everything) if torch.equal(one, image)]
    assert len(set(places)) == 12
    assert max(places) >= 12


FULL_DISK = """
import resource, sys
from interpret.train import command, run
epoch = run.Run.epoch
def fill_up_in_the_second(self, number):
    if number == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return epoch(self, number)
run.Run.epoch = fill_up_in_the_second
sys.exit(command.main(sys.argv[1:]))
"""


@pytest.mark.long
def test_a_full_disk_leaves_the_epoch_before(tmp_path):
    """From the second epoch on the operating system refuses every file larger than a kilobyte."""
    given = ["--data", "shapes", *SMALL, "--epochs=3", "--out", str(tmp_path / "a.pt")]
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, *given], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "a.resume cannot be written (" in ended.stderr
    assert "free some space" in ended.stderr.splitlines()[-1]
    assert len(checkpoint.read(tmp_path / "a.resume")["history"]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.resume", "a.history.csv"}


def test_a_finished_model_and_an_interrupted_run_are_never_replaced(tmp_path, capsys, caplog):
    out, state = tmp_path / "a.pt", tmp_path / "a.resume"
    given = ["--data", "shapes", *SMALL, "--epochs=1", "--out", str(out)]
    assert command.main(given) == 0
    made = out.read_bytes()
    assert command.main(given) == 2
    assert f"{out} exists; go on with that run (--resume)" in capsys.readouterr().err
    assert command.main([*given, "--resume"]) == 0
    assert f"{out}: already finished, kept" in caplog.text
    assert command.main([*given, "--resume", "--lr=0.5"]) == 2
    assert "is of a run with lr=0.001, not 0.5" in capsys.readouterr().err
    assert out.read_bytes() == made
    out.rename(state)
    assert command.main(given) == 2
    assert f"{state} exists; go on with that run" in capsys.readouterr().err
    assert state.read_bytes() == made


def test_a_run_killed_after_its_checkpoint_is_completed(tmp_path, caplog, capsys):
    out, state = tmp_path / "a.pt", tmp_path / "a.resume"
    given = ["--data", "shapes", *SMALL, "--epochs=1", "--out", str(out)]
    assert command.main(given) == 0
    made, card = out.read_bytes(), (tmp_path / "a.md").read_text()
    (tmp_path / "a.md").unlink()
    state.touch()
    assert command.main([*given, "--resume"]) == 0
    assert (out.read_bytes(), (tmp_path / "a.md").read_text(), state.exists()) == (made, card, False)
    out.unlink()
    torch.save({"history": []}, state)
    assert command.main([*given, "--resume"]) == 2
    assert f"{state}: not the state of an interrupted run (KeyError: 'recipe')" in capsys.readouterr().err


def test_an_interruption_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    def interrupt(*given, **options):
        raise KeyboardInterrupt

    given = ["--data", "shapes", *SMALL, "--epochs=1", "--out", str(tmp_path / "a.pt")]
    monkeypatch.setattr(train_run.Run, "epoch", interrupt)
    assert command.main(given) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == "python -m interpret.train: interrupted; no epoch was done, so nothing is kept"
    assert command.main([*given, "--resume"]) == 2
    assert "a.pt nor a.resume is there, so there is nothing to go on with" in capsys.readouterr().err
    monkeypatch.setattr(Progress, "advance", lambda progress, run: progress.history.append({}))
    monkeypatch.setattr(loop, "_epoch", interrupt)
    AcceleratorState._reset_state(reset_partial_state=True)
    assert command.main(given) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith("interrupted; the epochs done are kept, the same command with --resume goes on")


def test_another_recipe_is_not_resumed(tmp_path, capsys, monkeypatch):
    given = ["--data", "shapes", *SMALL, "--epochs=1", "--out", str(tmp_path / "a.pt")]
    monkeypatch.setattr(checkpoint, "save", lambda *_: (_ for _ in ()).throw(InterpretError("disk full")))
    assert command.main(given) == 2
    assert (tmp_path / "a.resume").exists()
    capsys.readouterr()
    assert command.main([*given, "--resume", "--lr=0.5"]) == 2
    assert "a.resume is of a run with lr=0.001, not 0.5; give the same options" in capsys.readouterr().err
    state = checkpoint.read(tmp_path / "a.resume")
    checkpoint.write(tmp_path / "a.resume", state | {"model": {}})
    AcceleratorState._reset_state(reset_partial_state=True)
    assert command.main([*given, "--resume"]) == 2
    assert "a.resume: not the state of an interrupted run (RuntimeError: " in capsys.readouterr().err


@pytest.mark.long
def test_two_processes_learn_what_one_does(tmp_path):
    given = ["--data", "shapes", *SMALL, "--epochs=2", "--hflip=0", "--limit=32", "--save-dtype=float32"]
    alone, shared = tmp_path / "alone.pt", tmp_path / "shared.pt"
    assert failure(run(*given, "--out", alone)) == ""
    run_two("-m", "interpret.train", *given, "--out", shared)
    one, two = loading.load(alone), loading.load(shared)
    assert_close(one.model.state_dict(), two.model.state_dict(), rtol=1e-3, atol=1e-5)
    assert_allclose([row["train_loss"] for row in one.history], [row["train_loss"] for row in two.history], rtol=1e-5)
    assert one.provenance["test_accuracy"] == two.provenance["test_accuracy"]


@pytest.mark.long
def test_the_average_of_the_weights_is_what_is_kept(tmp_path):
    models = []
    for name, extra in (("plain", []), ("average", ["--ema=0.999"])):
        path = tmp_path / f"{name}.pt"
        assert command.main(["--data", "shapes", *SMALL, "--epochs=2", *extra, "--out", str(path)]) == 0
        AcceleratorState._reset_state(reset_partial_state=True)
        models.append(loading.load(path).model)
    start = Recipe(
        "shapes", architecture={"img_size": 64, "patch_size": 16, "embed_dim": 12, "depth": 2, "num_heads": 3}
    )
    torch.manual_seed(0)
    drawn = initialisation.model_spec(start, load_data("shapes").classes).build()
    moved = [(model.head.weight - drawn.head.weight).norm() for model in models]
    assert 0 < moved[1] < moved[0]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_given_weights_are_copied_into_every_mechanism_attention_included(mechanism, tmp_path):
    root = Path(__file__).parents[1] / "checkpoints"
    source = loading.load(root / "shapes-softmax.pt")
    recipe = Recipe("shapes", mechanism, architecture=source.spec.architecture, init=str(root / "shapes-softmax.pt"))
    vit = initialisation.model_spec(recipe, source.spec.classes).build()
    initialisation.initialise(vit, recipe)
    for key, tensor in source.model.state_dict().items():
        assert_close(vit.state_dict()[key], tensor, rtol=0, atol=0)


def test_another_grid_is_resampled_and_another_head_drawn_afresh():
    root = Path(__file__).parents[1] / "checkpoints"
    recipe = Recipe(
        "shapes",
        architecture={"img_size": 96, "patch_size": 8, "embed_dim": 96, "depth": 4, "num_heads": 3},
        init=str(root / "shapes-softmax.pt"),
    )
    vit = initialisation.model_spec(recipe, ("a", "b")).build()
    head = vit.head.weight.detach().clone()
    initialisation.initialise(vit, recipe)
    assert_close(vit.head.weight, head)
    assert vit.pos_embed.shape == (1, 1 + 12 * 12, 96)
    assert_close(vit.blocks[0].attn.qkv.weight, loading.load(recipe.init).model.blocks[0].attn.qkv.weight)


def test_sigma_learns_at_its_own_size():
    recipe = Recipe("shapes", "svda", architecture={"embed_dim": 12, "depth": 2, "num_heads": 3})
    vit = initialisation.model_spec(recipe, ("a", "b")).build()
    optimizer = optimisation.adamw(vit, recipe)
    scheduler = optimisation.cosine(optimizer, dataclasses.replace(recipe, warmup_epochs=0.0), 4)
    scheduler.step_update(1)
    by_parameter = {id(each): group["lr"] for group in optimizer.param_groups for each in group["params"]}
    sigma, other = vit.blocks[0].attn.mechanism.sigma, vit.blocks[0].attn.qkv.weight
    assert_allclose(by_parameter[id(sigma)], 4 * by_parameter[id(other)])
    assert len(by_parameter) == len(list(vit.parameters()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "neither --data nor --preset is given"),
        (["--preset", "tiny"], "unknown preset 'tiny'; available: vit-baseline"),
        (["--data", "shapes", "--num-heads", "5"], "vit_tiny_patch16_224: a width of 192 cannot be cut into 5 heads"),
        (["--data", "shapes", "--img-size", "8"], "patches of (16, 16) pixels are larger than an image of (8, 8)"),
        (["--data", "shapes", "--seeds", "0,1"], "--seeds trains the arms of a preset"),
        (["--preset", "shapes-tiny", "--seeds", "0", "--tau", "0.1"], "leave out --tau"),
        (["--preset", "shapes-tiny", "--seeds", "0,0"], "--seeds names a seed twice"),
        (["--preset", "shapes-tiny", "--track", "sparsty"], "unknown indicator 'sparsty'; did you mean 'sparsity'?"),
        (["--preset", "shapes-tiny", "--init", "none.pt", *SMALL], "none.pt: no such file"),
    ],
)
def test_what_the_user_gets_wrong_is_said_in_one_line(arguments, message, tmp_path, capsys):
    assert command.main([*arguments, "--out", str(tmp_path / "a")]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_no_arm_of_several_seeds_is_replaced_and_that_is_told_before_the_first_is_trained(tmp_path, capsys):
    (tmp_path / "svda-seed1.pt").touch()
    assert command.main(["--preset", "shapes-tiny", "--seeds", "0,1", "--out", str(tmp_path)]) == 2
    assert "svda-seed1.pt exists; go on with that run (--resume)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["svda-seed1.pt"]


def test_help_names_every_preset_and_its_arms():
    told = command.parser().format_help()
    for name, preset in PRESETS.items():
        line = next(line for line in told.splitlines() if line.startswith(f"  {name} "))
        assert line.replace("*", "").split()[1:] == list(preset.arms)


def test_an_arm_alone_is_the_baseline():
    root = Path(__file__).parents[1] / "checkpoints"
    data = loop.some(load_data("shapes", "test"), 20)
    table = comparison.compare({"softmax": [loading.load(root / "shapes-softmax.pt")]}, data)
    assert table.loc[0, ["difference", "p", "p_holm", "verdict"]].isna().all()
    assert "| baseline |" in comparison.to_markdown(table)
