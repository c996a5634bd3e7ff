"""The trainer, through its command line; the checkpoints that it made, against what they say of themselves."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from torch.testing import assert_close

from interpret.data import as_tensors, load_data, normalise
from interpret.foundation.errors import InterpretError
from interpret.mechanisms import MECHANISMS
from interpret.models import loading
from interpret.train import loop, optimisation, provenance
from interpret.train.augmentation import augment, seed_draws, shift
from interpret.train.card import card
from interpret.train.command import main
from interpret.train.initialisation import model_spec
from interpret.train.loading import make_loader
from interpret.train.recipe import TRACKED, Recipe
from interpret.train.run import Run
from interpret.train.state import check_same_recipe

ARCHITECTURE = {"img_size": 64, "patch_size": 16, "embed_dim": 12, "depth": 2, "num_heads": 3}
SMALL = ["--limit=24", "--epochs=1", "--batch-size=8", "--warmup-epochs=0", "--device=cpu"]
SMALL += [f"--{name.replace('_', '-')}={value}" for name, value in ARCHITECTURE.items()]
BUNDLED = sorted((Path(__file__).parents[1] / "checkpoints").glob("*.pt"))


def needing_data(path: Path, drawn: bool):
    """A parameter whose test is left out where the data sets are not at hand, unless its images are drawn."""
    return pytest.param(path, id=path.stem, marks=() if drawn else pytest.mark.data)


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """Accelerate keeps the device and the precision of the first run of a process for all later ones."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def trained(tmp_path, capsys):
    def run(*arguments: str, name: str = "model"):
        path = tmp_path / f"{name}.pt"
        path.unlink(missing_ok=True)
        assert main(["--data", "shapes", "--out", str(path), *SMALL, *arguments]) == 0
        assert capsys.readouterr().out == f"{path}\n"
        return loading.load(path)

    return run


@pytest.fixture
def small() -> Recipe:
    architecture = {"img_size": 64, "patch_size": 16, "embed_dim": 12, "depth": 2, "num_heads": 3}
    return Recipe(
        "shapes", architecture=architecture, limit=24, batch_size=8, epochs=2, warmup_epochs=0.5, device="cpu"
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_trains_and_comes_back(trained, mechanism):
    model = trained("--mechanism", mechanism, name=mechanism)
    assert (model.name, model.spec.mechanism, model.spec.classes) == (mechanism, mechanism, load_data("shapes").classes)
    (epoch,) = model.history
    assert list(epoch) == [
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
        "seconds", "images_per_second", "validation_seconds", "validation_images_per_second", "peak_memory_mb", "lr",
        "indicators",
    ]  # fmt: skip
    tracked = epoch.pop("indicators")
    assert {name.partition(":")[0] for name in tracked} == set(TRACKED)
    assert np.isfinite([*epoch.values()]).all()
    assert all(np.shape(values) == (2, 3) for values in tracked.values())


def test_the_record_says_how_the_model_was_made(trained):
    model = trained("--mechanism", "hard_threshold", "--tau", "0.05", "--seed", "3")
    told = model.provenance
    assert told["command"].startswith("python -m interpret.train --data shapes --out")
    assert "--out model.pt --limit=24" in told["command"]
    assert told["recipe"]["options"] == model.spec.options == {"tau": 0.05}
    assert told["recipe"]["seed"] == 3
    assert told["images"] == {"train": 24, "validation": 24, "test": 24}
    assert told["tokens"] == model.grid.tokens
    assert told["parameters"] == sum(parameter.numel() for parameter in model.model.parameters())
    assert {"test_accuracy", "best_epoch", "seconds", "machine", "versions"} <= set(told)


def test_the_record_does_not_say_where_the_data_lie(small):
    recipe = replaced(small, data="fashionmnist:/home/me/data", init="/home/me/vit.pt")
    vit = model_spec(small, ("a", "b")).build()
    told = provenance.describe(
        recipe, "train --data fashionmnist:/home/me/data --epochs 1", vit, {}, torch.device("cpu")
    )
    assert told["command"] == "train --data fashionmnist:ROOT --epochs 1"
    assert told["recipe"]["data"] == "fashionmnist:ROOT"
    assert told["recipe"]["init"] == "vit.pt"
    check_same_recipe(told["recipe"], replaced(recipe, init="/elsewhere/vit.pt"), Path("vit.pt"))
    with pytest.raises(InterpretError, match=r"with init='vit.pt', not 'other.pt'"):
        check_same_recipe(told["recipe"], replaced(recipe, init="/home/me/other.pt"), Path("vit.pt"))


def test_the_test_accuracy_is_that_of_the_saved_weights(trained, small):
    model = trained("--save-dtype", "float16", "--epochs", "3")
    assert_allclose(accuracy(model, "shapes", "test", 24), model.provenance["test_accuracy"], rtol=0, atol=1e-7)
    in_memory = loop.train(replaced(small, save_dtype="float16", epochs=1, warmup_epochs=0.0), "model", "").model
    for tensor in in_memory.state_dict().values():
        assert_close(tensor, tensor.half().float(), rtol=0, atol=0)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained):
    first, again, other = (trained("--seed", seed).model.state_dict() for seed in ("1", "1", "2"))
    assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first["pos_embed"], other["pos_embed"])


def test_an_option_that_is_not_given_is_recorded_too(trained):
    assert trained("--mechanism", "soft_threshold").spec.options == {"tau": 0.01}
    assert trained("--mechanism", "svda").spec.options == {"sigma_init": "parity"}


def test_the_way_weights_are_drawn_can_be_chosen(trained):
    models = [trained("--lr", "0", *way).model for way in ([], ["--weight-init", "jax"])]
    xavier = math.sqrt(2 / (12 + 36))
    spread = [model.blocks[0].attn.qkv.weight.std().item() for model in models]
    assert_allclose(spread, [0.02, xavier], rtol=0.1)


def test_sigma_options_reach_the_mechanism(trained):
    assert trained("--mechanism", "svda", "--sigma-init", "sqrt_d").spec.options == {"sigma_init": "sqrt_d"}
    assert trained("--mechanism", "svda", "--sigma-init", "1.5").spec.options == {"sigma_init": 1.5}


def test_the_best_epoch_on_validation_is_kept_and_the_test_split_is_seen_once(small, monkeypatch):
    scores, seen = iter([0.2, 0.6, 0.6, 0.4]), []

    def evaluate(run, split):
        seen.append((split, run.vit.head.bias.detach().clone()))
        return 1.0, next(scores) if split == "validation" else 0.5

    monkeypatch.setattr(Run, "evaluate", evaluate)
    model = loop.train(replaced(small, epochs=9, patience=2), "model", "")
    assert [split for split, _ in seen] == ["validation"] * 4 + ["test"]
    assert model.provenance["best_epoch"] == 2
    assert_close(model.model.head.bias, seen[1][1], rtol=0, atol=0)


def test_learning_lowers_the_training_loss(small):
    history = loop.train(replaced(small, epochs=15, lr=5e-3, patience=15, weight_init="jax"), "model", "").history
    assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.1


def test_the_learning_rate_rises_then_falls_to_zero(small):
    vit = model_spec(small, ("a", "b")).build()
    optimizer = optimisation.adamw(vit, small)
    scheduler = optimisation.cosine(optimizer, small, updates_per_epoch=4)
    rates = [optimizer.param_groups[0]["lr"]]
    for update in range(1, 9):
        scheduler.step_update(update)
        rates.append(optimizer.param_groups[0]["lr"])
    expected = [0.0, 0.5] + [(1 + math.cos(math.pi * update / 8)) / 2 for update in range(2, 9)]
    assert_allclose(rates, [small.lr * rate for rate in expected], atol=1e-12)


@pytest.mark.parametrize(("mechanism", "name"), [("svda", "sigma"), ("learned_threshold", "tau_logit")])
def test_weight_decay_reaches_matrices_and_never_the_mechanism(small, mechanism, name):
    vit = model_spec(replaced(small, mechanism=mechanism), ("a", "b")).build()
    decayed = {
        id(parameter)
        for group in optimisation.adamw(vit, small).param_groups
        if group["weight_decay"]
        for parameter in group["params"]
    }
    names = {key for key, parameter in vit.named_parameters() if id(parameter) in decayed}
    assert "blocks.0.attn.qkv.weight" in names
    assert all(key.endswith("weight") and "norm" not in key for key in names)
    assert f"blocks.0.attn.mechanism.{name}" in dict(vit.named_parameters())


def test_a_loss_that_is_nan_ends_in_one_line_and_no_file(tmp_path, capsys):
    out = tmp_path / "model.pt"
    assert main(["--data", "shapes", "--out", str(out), *SMALL, "--lr", "1e30"]) == 2
    assert re.search(r"error: the training loss became (nan|inf) after \d updates; lower --lr", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "shape"], "unknown data set 'shape'; did you mean 'shapes'?"),
        (["--mechanism", "svd"], "unknown mechanism 'svd'; did you mean 'svda'?"),
        (["--tau", "0.1"], "mechanism 'softmax' does not take these options"),
        (["--mechanism", "svda", "--sigma-init", "two"], "sigma_init 'two' is not one of"),
        (["--backbone", "vit_none"], "timm has no backbone 'vit_none'"),
        (["--warmup-epochs", "1"], "--warmup-epochs 1.0 leaves none of 1 epochs"),
        (["--init", "checkpoints/shapes-softmax.pt"], "checkpoints/shapes-softmax.pt has other sizes: "),
        (["--aa", "more"], "timm has no policy 'more' for --aa"),
    ],
)
def test_what_the_user_gets_wrong_is_said_in_one_line(tmp_path, capsys, arguments, message):
    out = tmp_path / "model.pt"
    assert main(["--data", "shapes", "--out", str(out), *SMALL, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("python -m interpret.train: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path, capsys):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "model.pt", tmp_path):
        assert main(["--data", "shapes", "--out", str(out), *SMALL]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out=a.pt", "--epochs=0"], "--epochs: 0 is not"),
        (["--out=a.pt", "--limit=-1"], "--limit: -1 is not"),
        (["--out=a.pt", "--epochs=two"], "--epochs: two is not a positive number"),
        (["--out=a.pt", "--seeds=a"], "--seeds: 'a' is not a list of whole numbers"),
        ([], "--out"),
    ],
)
def test_usage_errors_exit_with_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--data", "shapes", *arguments])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_said(small):
    with pytest.raises(InterpretError, match="no CUDA device"):
        loop.train(replaced(small, device="cuda"), "model", "")


def test_augmentation_shifts_whole_images_and_repeats_the_border():
    images = torch.arange(2 * 3 * 16 * 24).remainder(251).to(torch.uint8).reshape(2, 3, 16, 24)
    moved = shift(images, 3)
    for before, after in zip(images, moved, strict=True):
        found = [
            (row, col)
            for row in range(-3, 4)
            for col in range(-3, 4)
            if torch.equal(
                after,
                before[:, torch.arange(row, row + 16).clamp(0, 15)][..., torch.arange(col, col + 24).clamp(0, 23)],
            )
        ]
        assert len(found) == 1


@pytest.mark.parametrize(("vflip", "upside_down"), [(0.0, 0), (0.5, 200), (1.0, 400)])
def test_augmentation_flips_as_often_as_it_is_told(vflip, upside_down):
    images = torch.zeros(400, 1, 4, 6, dtype=torch.uint8)
    images[..., :2, :3] = 1
    flipped = augment(images, 0, vflip=vflip)[:, 0]
    assert abs((flipped[:, :, 0] == 0).all(dim=1).sum().item() - 200) <= 40
    assert abs((flipped[:, 0] == 0).all(dim=1).sum().item() - upside_down) <= (40 if vflip == 0.5 else 0)


def test_policies_of_timm_change_the_training_images_alone_and_by_the_seed(small):
    data = loop.some(load_data("shapes"), 12)

    def images(aa, *seed):
        seed_draws(*seed)
        return torch.cat([batch for batch, _ in make_loader(data, (64, 48), 5, shuffle=False, aa=aa)])

    plain, first, again, other = images(None), images("rand-m9", 1, 2), images("rand-m9", 1, 2), images("rand-m9", 1, 3)
    assert (first.dtype, first.shape) == (plain.dtype, plain.shape) == (torch.uint8, (12, 3, 64, 48))
    assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, plain)
    assert not torch.equal(first, other)
    spec = model_spec(small, data.classes)
    run = Run.start(replaced(small, aa="rand-m9"), spec, spec.build(), dict.fromkeys(("train", "test"), data))
    seen = {split: type(loader.dataset).__name__ for split, loader in run.loaders.items()}
    assert seen == {"train": "Augmented", "test": "TensorDataset"}


@pytest.mark.parametrize("path", [needing_data(path, path.stem.startswith("shapes")) for path in BUNDLED])
def test_a_bundled_checkpoint_is_as_good_as_it_says(path, request):
    model = loading.load(path)
    data = model.provenance["recipe"]["data"].partition(":")[0]
    if data != "shapes":
        data = f"{data}:{request.getfixturevalue('data_root')}"
    measured, expected, images = accuracy(model, data, "test", 200), model.provenance["test_accuracy"], 200
    assert abs(measured - expected) <= 4 * math.sqrt(expected * (1 - expected) / images)
    assert path.stat().st_size <= 12e6


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_bundled_checkpoint_lies_beside_its_card(path):
    assert path.with_suffix(".md").read_text() == card(loading.load(path))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_the_list_of_bundled_checkpoints_repeats_their_records(path):
    told = loading.load(path).provenance
    right, images = round(told["test_accuracy"] * told["images"]["test"]), told["images"]["test"]
    interval = binomtest(right, images).proportion_ci(0.95, "wilson")
    (row,) = [line for line in (path.parent / "README.md").read_text().splitlines() if f"| `{path.name}` |" in line]
    assert f"{told['parameters']:,} | {told['best_epoch']} of " in row
    assert f"{right / images:.2%}".replace("%", " %") + f" (n = {images:,})" in row
    assert f"{100 * interval.low:.2f} to {100 * interval.high:.2f} %" in row


def replaced(recipe: Recipe, **changes) -> Recipe:
    return Recipe(**{**vars(recipe), **changes})


@torch.no_grad()
def accuracy(model, data: str, split: str, limit: int) -> float:
    images, labels = as_tensors(loop.some(load_data(data, split), limit), model.img_size)
    logits = model.model(normalise(images, model.spec.mean, model.spec.std))
    return (logits.argmax(dim=1) == labels).double().mean().item()
