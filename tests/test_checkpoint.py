import gzip
import io
import json
import logging
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from torch.testing import assert_close

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.mechanisms import MECHANISMS
from interpret.models import checkpoint
from interpret.models.checkpoint import save
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.loading import load
from interpret.models.model_spec import ModelSpec
from tests.models import OPTIONS, SMALL, pictures, tiny

ANCHOR = "patch_embed.proj.weight"
OVERRIDES = {"heads": 3, "img_size": (32, 48)}


@pytest.fixture
def raw() -> dict[str, torch.Tensor]:
    """timm's own state dict of a tiny ViT."""
    return {key: value.clone() for key, value in tiny(dtype=torch.float32).model.state_dict().items()}


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "model.pt"


def refused(message: str, path: Path, **overrides) -> None:
    """Loading fails with one line that starts with the path and goes on as `message`."""
    with pytest.raises(InterpretError) as caught:
        load(path, **overrides)
    text = str(caught.value)
    assert text.startswith(str(path)), text
    assert message in text, text
    assert "\n" not in text


def assert_same_model(found: LoadedModel, expected: dict[str, torch.Tensor]) -> None:
    assert_close(dict(found.model.state_dict()), expected, rtol=0, atol=0)
    assert not found.model.training


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_is_saved_is_loaded(mechanism, file):
    loaded = tiny(mechanism, "CLS and registers", dtype=torch.float32)
    spec = ModelSpec(
        loaded.spec.backbone, loaded.spec.architecture, mechanism, OPTIONS.get(mechanism, {}),
        ("a", "b", "c", "d", "e"), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6),
    )  # fmt: skip
    kept = LoadedModel(loaded.model, spec, "kept", [{"epoch": 1, "train_loss": 0.5}], {"seed": 3})
    save(file, kept)
    found = load(file)
    assert (found.spec, found.name, found.history, found.provenance) == (spec, "kept", kept.history, kept.provenance)
    assert found.sha256 == subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout[:64]
    assert_same_model(found, loaded.model.state_dict())
    images = pictures().float()
    assert torch.equal(found.model(images), loaded.model(images))


def test_half_the_size_in_fp16(file):
    loaded = tiny("svda", dtype=torch.float32)
    save(file, loaded)
    whole = file.stat().st_size
    save(file, loaded, torch.float16)
    assert file.stat().st_size < 0.6 * whole
    expected = {
        key: value if key.endswith("sigma") else value.half().float()
        for key, value in loaded.model.state_dict().items()
    }
    assert_same_model(load(file), expected)


def test_the_file_of_this_project_may_be_overridden(file):
    save(file, tiny("hard_threshold", dtype=torch.float32))
    assert load(file, tau=0.2).spec.rule == "hard_threshold tau=0.2"
    assert load(file, mechanism="soft_threshold", tau=0.2).spec.rule == "soft_threshold tau=0.2"
    assert load(file, mechanism="softmax").spec.rule == "softmax"
    named = load(file, classes=["a", "b", "c", "d", "e"], mean=(0.0, 0.1, 0.2), std=(1.0, 1.0, 2.0))
    assert (named.class_name(4), named.spec.mean, named.spec.std) == ("e", (0.0, 0.1, 0.2), (1.0, 1.0, 2.0))


def prefixed(prefix):
    return lambda raw: {prefix + key: value for key, value in raw.items()}


def beside(raw):
    """A backbone with its classifier next to it."""
    inside = {f"backbone.{key}": value for key, value in raw.items() if not key.startswith("head.")}
    return inside | {"fc.weight": raw["head.weight"], "fc.bias": raw["head.bias"]}


WRAPPINGS = {
    "raw": lambda raw: raw,
    "state_dict": lambda raw: {"state_dict": raw, "epoch": 3},
    "model": lambda raw: {"model": raw, "optimizer": {"state": {}}},
    "model_state_dict": lambda raw: {"model_state_dict": raw},
    "state_dict_ema": lambda raw: {"state_dict_ema": raw},
    "model_ema": lambda raw: {"model_ema": raw},
    "Lightning": lambda raw: {"state_dict": prefixed("model.")(raw), "pytorch-lightning_version": "2.4"},
    "DDP": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "compiled DDP": prefixed("module._orig_mod."),
    "DDP, compiled": prefixed("_orig_mod.module."),
    "average of the weights": lambda raw: prefixed("module.")(raw) | {"n_averaged": torch.tensor(5)},
    "Lightning with a loss": lambda raw: {
        "state_dict": prefixed("backbone.")(raw) | {"loss.weight": torch.ones(5)},
        "hyper_parameters": {"lr": 1e-3},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_acc'}": {"best_model_score": torch.tensor(0.9)}},
        "pytorch-lightning_version": "2.4",
    },
    "notebook, ViT": prefixed("vit."),
    "notebook, SelectiveViT": prefixed("model."),
    "backbone with fc beside it": beside,
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_is_unwrapped(wrapping, raw, file):
    torch.save(WRAPPINGS[wrapping](raw), file)
    assert_same_model(load(file, **OVERRIDES), raw)


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_safetensors(folder, raw, tmp_path):
    safetensors.torch.save_file(raw, tmp_path / "model.safetensors")
    assert_same_model(load(tmp_path if folder else tmp_path / "model.safetensors", **OVERRIDES), raw)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_timm_folder_names_its_backbone(name, tmp_path):
    model = timm.create_model("test_vit", num_classes=4)
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_vit", "num_classes": 4}))
    write = safetensors.torch.save_file if name.endswith("safetensors") else torch.save
    write(model.state_dict(), tmp_path / name)
    found = load(tmp_path)
    assert (found.spec.backbone, found.model.num_classes, found.img_size) == ("test_vit", 4, (160, 160))
    assert_same_model(found, model.state_dict())


@pytest.mark.parametrize("spelling", ["attn.sigma", "attn.svda.sigma", "attn.mechanism.sigma", "attn.sigmas"])
def test_sigma_of_any_spelling_makes_svda_and_tells_the_heads(spelling, file):
    tensors = tiny("svda", dtype=torch.float32).model.state_dict()
    torch.save({key.replace("attn.mechanism.sigma", spelling): value for key, value in tensors.items()}, file)
    found = load(file, img_size=(32, 48))
    assert found.spec.mechanism == "svda"
    assert_same_model(found, tensors)


def test_a_learned_threshold_is_recognised(file):
    tensors = tiny("learned_threshold", dtype=torch.float32).model.state_dict()
    torch.save(dict(tensors), file)
    found = load(file, **OVERRIDES)
    assert found.spec.mechanism == "learned_threshold"
    assert_same_model(found, tensors)


ARCHITECTURES = {
    "registers": {"reg_tokens": 4, "no_embed_class": True, "init_values": 0.1},
    "CLS, averaged": {"global_pool": "avg"},
    "query and key norm": {"qk_norm": True, "pre_norm": True},
    "no qkv bias, wide MLP": {"qkv_bias": False, "mlp_ratio": 2.0},
    "square grid": {"img_size": (40, 40)},
    "one more class": {"num_classes": 6},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_architecture_is_read_off_the_tensors(name, file):
    loaded = tiny(dtype=torch.float32, **ARCHITECTURES[name])
    torch.save(dict(loaded.model.state_dict()), file)
    clip = {"activation": "gelu", "eps": 1e-6} if ARCHITECTURES[name].get("pre_norm") else {}
    found = load(file, heads=3, img_size=None if name == "square grid" else (32, 48), **clip)
    assert_same_model(found, loaded.model.state_dict())
    images = pictures(size=loaded.img_size).float()
    assert_close(found.model(images), loaded.model(images))


@pytest.mark.parametrize("kind", ["no CLS", "distilled"])
def test_other_prefix_tokens_are_read_off_the_tensors(kind, file):
    loaded = tiny(kind=kind, dtype=torch.float32)
    torch.save(dict(loaded.model.state_dict()), file)
    found = load(file, **OVERRIDES)
    images = pictures().float()
    assert_close(found.model(images), loaded.model(images))


def test_a_known_width_tells_the_heads(file):
    model = timm.create_model("vit_small_patch16_224", img_size=(32, 32), depth=1, num_classes=2)
    torch.save(model.state_dict(), file)
    assert load(file).model.blocks[0].attn.num_heads == 6
    assert "6 heads assumed" in load(file).assumed
    assert not any("heads" in line for line in load(file, heads=6).assumed)


def test_what_was_matched_and_assumed_is_logged(raw, file, caplog):
    caplog.set_level(logging.INFO, "interpret")
    torch.save({"state_dict": prefixed("model.")(raw) | {"loss.weight": torch.ones(2)}}, file)
    load(file, **OVERRIDES)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert [record.getMessage() for record in caplog.records] == [
        f"model.pt: matched all {len(raw)} tensors; softmax; read from 'state_dict'; prefix 'model.' "
        "stripped; 1 tensors outside 'model.' left out: loss.weight",
        "model.pt: activation gelu and eps 1e-06 assumed",
        "model.pt: mechanism softmax assumed (a threshold leaves no trace; see mechanism= and tau=)",
        "model.pt: mean (0.5, 0.5, 0.5) and std (0.5, 0.5, 0.5) assumed",
    ]
    caplog.clear()
    save(file, tiny())
    load(file)
    assert [(record.levelname, "nothing assumed" in record.getMessage()) for record in caplog.records] == [
        ("INFO", True)
    ]


class Malicious:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_code_in_a_file_is_refused_and_never_run(write, raw, file):
    traced = file.with_name("was-here")
    write({"state_dict": raw if write is torch.save else {}, "callback": Malicious(traced)}, file)
    with pytest.raises(CheckpointError, match=r"(holds pickled code|not a readable checkpoint)[^\n]*\Z"):
        load(file)
    assert not traced.exists()
    Malicious(traced).__reduce__()[0](traced)
    assert traced.exists()


def test_a_whole_module_is_refused_with_the_way_out(file):
    torch.save(torch.nn.Linear(2, 3), file)
    refused("holds pickled code (torch.nn.modules.linear.Linear), which is never run; save its state_dict()", file)


def in_memory(write, content) -> bytes:
    file = io.BytesIO()
    write(file, content)
    return file.getvalue()


def damaged_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    path.write_bytes(bytes(content[: middle - 2000]))


DAMAGED = "not a readable checkpoint; it is damaged, cut short, or no weight file"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 9\n"
DAMAGES = {
    "empty": (lambda path: path.write_bytes(b""), "an empty file; write or download it again"),
    "cut short": (damaged_in_the_middle, DAMAGED),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 40), DAMAGED),
    "web page": (
        lambda path: path.write_text("\n<!DOCTYPE html><html>404 Not Found</html>"),
        "a web page, saved in the",
    ),
    "git-lfs": (lambda path: path.write_text(LFS), "a pointer of git-lfs, the weights are elsewhere; run git lfs pull"),
    "text": (lambda path: path.write_text("epoch,loss\n1,2.5\n" * 9), "text, no weights"),
    "packed": (lambda path: path.write_bytes(gzip.compress(path.read_bytes())), "a packed file; unpack it first"),
    "Keras": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(900)), "an HDF5 file, as Keras writes it"),
    "NumPy": (
        lambda path: path.write_bytes(in_memory(np.save, np.ones(9))),
        "a NumPy array; save a state_dict() with torch.save",
    ),
    "NumPy archive": (lambda path: path.write_bytes(in_memory(np.savez, np.ones(9))), "(it holds arr_0.npy)"),
    "TorchScript": (
        lambda path: torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2)).save(path),
        "a TorchScript archive, which holds code; where you trust it, save the state_dict()",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_damaged_file_is_said_in_one_line(suffix, damage, raw, tmp_path):
    path = tmp_path / f"model{suffix}"
    (torch.save if suffix == ".pt" else safetensors.torch.save_file)(raw, path)
    make, message = DAMAGES[damage]
    make(path)
    refused(message, path)


def legacy(raw, path) -> None:
    """As PyTorch wrote files before 1.6."""
    torch.save(raw, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin", ""])
@pytest.mark.parametrize(
    "write", [torch.save, legacy, safetensors.torch.save_file], ids=["torch", "old torch", "safetensors"]
)
def test_the_content_tells_the_format_not_the_name(write, suffix, raw, tmp_path):
    path = tmp_path / f"model{suffix}"
    write(raw, path)
    assert_same_model(load(path, **OVERRIDES), raw)


def test_what_is_not_there_is_said_in_one_line(tmp_path):
    refused("no such file; expected a checkpoint (.pt, .pth, .ckpt, .bin, .safetensors)", tmp_path / "nothing.pt")
    refused("no such file; expected a checkpoint", tmp_path / "nothing.safetensors")
    (tmp_path / "model.pt").touch()
    refused("no such file; did you mean", tmp_path / "modle.pt")
    refused(
        f"without model.safetensors or pytorch_model.bin; name the weight file itself: {tmp_path / 'model.pt'}",
        tmp_path,
    )
    for name in ("best.pth", "readme.md"):
        (tmp_path / name).touch()
    refused(f"name the weight file itself: {tmp_path / 'best.pth'}, {tmp_path / 'model.pt'}", tmp_path)
    (tmp_path / "empty").mkdir()
    refused("a folder without model.safetensors or pytorch_model.bin; name the weight file itself", tmp_path / "empty")


def without(key):
    return lambda raw: {name: value for name, value in raw.items() if name != key}


def changed(key, value):
    return lambda raw: raw | {key: value}


REFUSALS = {
    "a list": (lambda raw: list(raw.values()), {}, "expected a dictionary of tensors, found list"),
    "no ViT": (
        lambda raw: {"fc.weight": torch.ones(2, 3)}, {},
        "found 'fc.weight' (tensor 2 x 3); load the module itself: interpret.load(model)",
    ),
    "two ViTs": (
        lambda raw: prefixed("first.")(raw) | prefixed("second.")(raw), {},
        "holds 2 ViTs and nothing says which is meant: first, second; pass key= (--key)",
    ),
    "no tau": (
        lambda raw: raw, {"mechanism": "hard_threshold"},
        "hard_threshold needs its threshold, which no file records; pass tau= (--tau)",
    ),
    "tau for softmax": (
        lambda raw: raw, {"tau": 0.1},
        "tau=0.1 has no meaning for softmax; pass mechanism= (--mechanism), or leave tau out",
    ),
    "missing": (without("norm.bias"), {}, "1 missing (norm.bias); check backbone=, mechanism=, img_size="),
    "unexpected": (
        changed("blocks.0.attn.relative", torch.ones(2)), {},
        "1 unexpected (blocks.0.attn.relative); check",
    ),
    "another shape": (
        changed("blocks.1.norm1.weight", torch.ones(7)), {},
        "1 of another shape (blocks.1.norm1.weight); check",
    ),
    "svda asked of a plain file": (
        lambda raw: raw, {"mechanism": "svda"},
        "with svda: 2 missing (blocks.0.attn.mechanism.sigma",
    ),
    "NaN": (
        changed("norm.bias", torch.full((24,), torch.nan)), {},
        "1 tensors hold NaN or infinity, such as norm.bias; the training diverged",
    ),
    "heads": (
        lambda raw: raw, {"heads": None},
        "the weights do not tell the heads, nor does a width of 24; pass heads= (--heads)",
    ),
    "grid": (
        lambda raw: raw, {"img_size": None},
        "25 position embeddings, 1 prefix tokens: no square grid; pass img_size= (--img-size)",
    ),
    "another grid": (
        lambda raw: raw, {"img_size": (48, 48)},
        "25 position embeddings do not fit img_size (48, 48) in patches (8, 8)",
    ),
    "no positions": (
        without("pos_embed"), {},
        "no position embedding, so the input size is unknown; pass backbone= (--backbone)",
    ),
    "classes": (lambda raw: raw, {"classes": ["a", "b"]}, "2 class names given, the head has 5 classes"),
    "five heads": (lambda raw: raw, {"heads": 5}, "a width of 24 cannot be cut into 5 heads; give 4, say"),
    "five heads of a backbone": (
        lambda raw: raw, {"heads": 5, "backbone": "vit_tiny_patch16_224"},
        "a width of 24 cannot be cut into 5 heads; give 4, say",
    ),
    "one mean for three channels": (
        lambda raw: raw, {"mean": 0.5},
        "mean has 1 numbers and the input 3 channels; give one for each",
    ),
    "two deviations for three channels": (
        lambda raw: raw, {"std": [0.5, 0.5]},
        "std has 2 numbers and the input 3 channels; give one for each",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_fit_is_said_in_one_line(name, raw, file):
    change, overrides, message = REFUSALS[name]
    torch.save(change(raw), file)
    refused(message, file, **OVERRIDES | overrides)


def test_a_model_of_one_channel_takes_one_mean(raw, file):
    torch.save(raw | {ANCHOR: raw[ANCHOR][:, :1].clone()}, file)
    found = load(file, **OVERRIDES, mean=0.5, std=[0.25])
    assert (found.channels, found.spec.mean, found.spec.std) == (1, (0.5,), (0.25,))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"mechanism": "hard_treshold", "tau": 0.1},
            "unknown mechanism 'hard_treshold'; did you mean 'hard_threshold'?",
        ),
        ({"mechanism": "hard_threshold", "tau": 1.5}, "tau 1.5 is outside [0, 1)"),
        ({"backbone": "vit_tny_patch16_224"}, "timm has no backbone 'vit_tny_patch16_224'"),
    ],
    ids=["mechanism", "tau", "backbone"],
)
def test_a_wrong_override_is_said_in_one_line(overrides, message, raw, file):
    torch.save(raw, file)
    with pytest.raises(InterpretError) as caught:
        load(file, **OVERRIDES | overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_spec_of_another_version_is_refused(file):
    payload = {"format": checkpoint.FORMAT, "spec": {"backbone": "vit_tiny_patch16_224", "wings": 2}, "state_dict": {}}
    torch.save(payload, file)
    refused("its spec is of another version of this format", file)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full disk", "interrupt"])
def test_a_failure_while_saving_leaves_the_old_file_and_nothing_else(error, file, monkeypatch):
    save(file, tiny())
    before = file.read_bytes()

    def fail(payload, opened):
        opened.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    told = None if isinstance(error, KeyboardInterrupt) else rf"{file} cannot be written \(disk full\); free some space"
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InterpretError, match=told):
        save(file, tiny(seed=1))
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_saving_makes_the_folder_and_leaves_one_file(tmp_path):
    path = tmp_path / "new" / "folder" / "model.pt"
    save(path, tiny())
    assert list(path.parent.iterdir()) == [path]
    assert load(path).spec == tiny().spec


def test_a_model_from_memory_is_as_if_loaded():
    spec = ModelSpec("vit_tiny_patch16_224", SMALL)
    found = from_memory(spec.build().train(), spec, "mine")
    assert (found.name, found.model.training, found.history, found.sha256) == ("mine", False, [], "")


@pytest.mark.parametrize("backbone", ["vit_tiny_patch16_224", "deit_tiny_patch16_224"])
def test_a_named_backbone_brings_the_input_statistics_of_timm(backbone, tmp_path):
    expected = timm.data.resolve_data_config({}, model=timm.create_model(backbone))
    torch.save(timm.create_model(backbone, num_classes=3).state_dict(), tmp_path / "raw.pt")
    spec = load(tmp_path / "raw.pt", backbone=backbone).spec
    assert (spec.mean, spec.std) == (expected["mean"], expected["std"])


@pytest.mark.parametrize("given", [{"tau": 0.2}, {"mechanism": "softmax"}])
def test_what_is_saved_under_another_rule_knows_that_of_its_training(file, given):
    save(file, tiny("hard_threshold"))
    changed = load(file, **given)
    save(file, changed)
    found = load(file)
    assert (found.spec, found.as_trained) == (changed.spec, False)
    assert found.trained == ("hard_threshold", tiny("hard_threshold").spec.options)
    assert found.trained_tau == changed.trained_tau


def test_a_model_gives_the_same_bytes_whatever_its_file_is_called(tmp_path):
    for name in ("a.pt", "other name.pth"):
        checkpoint.save(tmp_path / name, tiny())
    first = (tmp_path / "a.pt").read_bytes()
    assert (tmp_path / "other name.pth").read_bytes() == first
    checkpoint.save(tmp_path / "a.pt", tiny())
    assert (tmp_path / "a.pt").read_bytes() == first
    checkpoint.save(tmp_path / "again.pt", load(tmp_path / "a.pt"))
    checkpoint.save(tmp_path / "twice.pt", load(tmp_path / "again.pt"))
    assert (tmp_path / "twice.pt").read_bytes() == (tmp_path / "again.pt").read_bytes()
