"""What strangers save around their weights: wrappers, several copies, arguments, masks, heads, other grids."""

import argparse
import collections
import datetime
import pathlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.utils import prune

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.models.loading import load
from tests.test_families import forward, images, moved, same, state

SMALL = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 5}
GIVEN = {"heads": 3, "img_size": (32, 48)}


def vit(seed: int = 0, **options) -> VisionTransformer:
    return moved(VisionTransformer(**SMALL | options), seed)


def saved(content, path: Path) -> Path:
    torch.save(content, path / "model.pt")
    return path / "model.pt"


def prefixed(prefix, tensors):
    return {prefix + key: tensor for key, tensor in tensors.items()}


def outputs(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return model(images())


def refused(content, path: Path, message: str, **given) -> None:
    with pytest.raises(InterpretError) as caught:
        load(saved(content, path), **GIVEN | given)
    assert message in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


BESIDE = {
    "Namespace": argparse.Namespace(lr=1e-3, out=pathlib.Path("/data")),
    "NumPy number": np.float64(91.2),
    "NumPy number in fp32": np.float32(91.2),
    "NumPy array": np.arange(3.0),
    "NumPy state": ("MT19937", np.arange(624, dtype=np.uint32), 624, 0, 0.0),
    "path": pathlib.PosixPath("/data"),
    "defaultdict": collections.defaultdict(list, {"loss": [1.0]}),
    "Counter": collections.Counter("aab"),
    "OrderedDict": collections.OrderedDict(loss=1.0),
    "set": {1, 2},
    "device": torch.device("cpu"),
    "date": datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC),
}


@pytest.mark.parametrize("name", BESIDE)
def test_harmless_objects_beside_the_weights_are_passed_over(name, tmp_path):
    model = vit()
    found = load(saved({"state_dict": state(model), "other": BESIDE[name], "epoch": 3}, tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))


@pytest.mark.parametrize(
    "place",
    [
        "omegaconf.dictconfig.DictConfig",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
    ],
)
def test_configurations_of_libraries_that_are_not_here_are_passed_over(place, tmp_path, monkeypatch):
    module, _, name = place.rpartition(".")
    kind = type(name, (dict if name == "AttributeDict" else object,), {"__module__": module})
    made = kind({"lr": 1}) if name == "AttributeDict" else kind()
    made.__dict__["_content"] = {"lr": 1}
    for end in range(module.count(".") + 1):
        monkeypatch.setitem(sys.modules, ".".join(module.split(".")[: end + 1]), types.ModuleType("empty"))
    monkeypatch.setattr(sys.modules[module], name, kind, raising=False)
    model = vit()
    path = saved({"state_dict": state(model), "hyper_parameters": made}, tmp_path)
    monkeypatch.undo()
    same(forward(load(path, **GIVEN), images())[1], outputs(model))


def test_what_is_not_known_to_be_harmless_is_refused_by_name(tmp_path):
    refused(
        {"state_dict": {}, "loss": nn.CrossEntropyLoss()}, tmp_path, "(torch.nn.modules.loss.CrossEntropyLoss), which"
    )
    refused({"state_dict": {}, "call": print}, tmp_path, "print), which is never run")


def chunked(raw):
    """Blocks as DINOv2's own training saves them."""
    return {key.replace("blocks.", "blocks.0."): tensor for key, tensor in raw.items()}


def in_training(raw):
    """As DINO's own training saves it."""
    student = prefixed("module.backbone.", raw) | {"module.head.mlp.0.weight": torch.ones(64, 48)}
    teacher = prefixed("backbone.", raw) | {"head.last_layer.weight_g": torch.ones(32, 1)}
    return {"student": student, "teacher": teacher, "epoch": 100, "args": argparse.Namespace(arch="vit_small")}


NAMES = ["net", "model_state", "weights", "params", "module", "network", "teacher", "student", "ema", "encoder"]
NAMES += ["backbone", "best_model", "ema_state_dict"]
WRAPPERS = {name: lambda raw, name=name: {name: raw, "epoch": 3, "acc": 0.9} for name in NAMES} | {
    "two deep": lambda raw: {"checkpoint": {"inner": prefixed("vit.", raw)}},
    "each block compiled": lambda raw: {key.replace("blocks.0.", "blocks.0._orig_mod."): raw[key] for key in raw},
    "each block checkpointed": lambda raw: {
        key.replace("blocks.1.", "blocks.1._checkpoint_wrapped_module."): raw[key] for key in raw
    },
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_one_dictionary_that_holds_a_vit_is_found(name, tmp_path):
    model = vit()
    found = load(saved(WRAPPERS[name](state(model)), tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))


SEVERAL = {
    "DINO": (
        lambda one, two: in_training(two) | {"teacher": prefixed("backbone.", one)},
        "teacher.backbone", "student",
    ),
    "DINOv2": (
        lambda one, two: {"model": prefixed("teacher.backbone.", one) | prefixed("student.backbone.", two)},
        "model.teacher.backbone", "student",
    ),
    "DINOv2, in chunks, with heads": (
        lambda one, two: {
            "model": prefixed("teacher.backbone.", chunked(one)) | prefixed("student.backbone.", chunked(two))
            | {f"{part}.dino_head.last_layer.weight_g": torch.ones(4, 1) for part in ("teacher", "student")}
        },
        "model.teacher.backbone", "student",
    ),
    "solo-learn": (
        lambda one, two: prefixed("backbone.", one) | prefixed("momentum_backbone.", two)
        | {"projector.0.weight": torch.ones(8, 48)},
        "backbone", "momentum_backbone",
    ),
    "ema-pytorch": (
        lambda one, two: prefixed("online_model.", one) | prefixed("ema_model.", two) | {"step": torch.ones(1)},
        "online_model", "ema_model",
    ),
    "timm's training": (lambda one, two: {"state_dict": one, "state_dict_ema": two}, "state_dict", "state_dict_ema"),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_one_is_chosen_and_the_others_offered(name, tmp_path):
    build, taken, other = SEVERAL[name]
    one, two = vit(num_classes=0), vit(seed=5, num_classes=0)
    path = saved(build(state(one), state(two)), tmp_path)
    found = load(path, **GIVEN)
    same(forward(found, images())[1], outputs(one))
    assert any(f"{taken!r} chosen of 2 ViTs; key= (--key) takes" in note for note in found.assumed)
    same(forward(load(path, key=other, **GIVEN), images())[1], outputs(two))
    with pytest.raises(CheckpointError, match=f"key='nobody' names no ViT in it; there are: .*{other}"):
        load(path, key="nobody", **GIVEN)


def test_a_file_without_a_vit_says_what_it_holds(tmp_path):
    refused(
        {"epoch": 3, "net": {"a": torch.ones(1)}, "w": torch.ones(2, 3)}, tmp_path,
        "found 'epoch' (int), 'net' (dictionary of 1), 'w' (tensor 2 x 3); load the module itself",
    )  # fmt: skip


def test_a_training_that_goes_on_keeps_its_head_apart(tmp_path):
    model = vit(num_classes=0)
    found = load(saved(in_training(state(model)), tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))
    assert "1 tensors outside 'backbone.' left out: head.last_layer.weight_g" in found.assumed


def test_masks_of_a_pruning_are_applied(tmp_path):
    model = vit()
    for block in model.blocks:
        prune.l1_unstructured(block.mlp.fc1, "weight", 0.5)
    found = load(saved(state(model), tmp_path), **GIVEN)
    same(forward(found, images())[1], outputs(model))
    assert "masks of pruning applied to 2 tensors" in found.assumed
    assert (found.model.blocks[0].mlp.fc1.weight == 0).float().mean() >= 0.5


def without_heads(model: VisionTransformer, kept: int = 2) -> VisionTransformer:
    """The first heads of every layer alone."""
    for block in model.blocks:
        rows = torch.cat([torch.arange(kept * 16) + 48 * part for part in range(3)])
        old, block.attn.num_heads, block.attn.attn_dim = block.attn, kept, kept * 16
        qkv, proj = nn.Linear(48, 3 * kept * 16).double(), nn.Linear(kept * 16, 48).double()
        qkv.weight.data, qkv.bias.data = old.qkv.weight.data[rows], old.qkv.bias.data[rows]
        proj.weight.data, proj.bias.data = old.proj.weight.data[:, : kept * 16], old.proj.bias.data
        block.attn.qkv, block.attn.proj = qkv, proj
    return model


@pytest.mark.parametrize("heads", [3, 2], ids=["of the whole model", "that are left"])
def test_pruned_heads_load_from_their_rows(heads, tmp_path):
    model = without_heads(vit())
    found = load(saved(state(model), tmp_path), heads=heads, img_size=(32, 48))
    same(forward(found, images())[1], outputs(model))
    assert (found.heads, found.spec.architecture["head_dim"]) == (2, 16)


def test_layers_that_kept_different_numbers_of_heads_are_refused(tmp_path):
    model = vit()
    one = without_heads(vit()).blocks[0]
    model.blocks[0] = one
    refused(state(model), tmp_path, "heads were pruned, and its layers kept 2, 3 of 3; maps need one number")


def test_whole_numbers_are_no_weights(tmp_path):
    raw = state(vit())
    name = "blocks.0.mlp.fc1.weight"
    message = f"1 tensors hold whole numbers ({name} is torch.int8): quantised weights without their scales; load the "
    refused(raw | {name: raw[name].to(torch.int8)}, tmp_path, message)
