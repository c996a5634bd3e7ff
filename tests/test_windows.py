"""Attention of windows: what a Swin's last tokens show is shown; what needs attention of all tokens is refused."""

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import interpret
from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.errors import InterpretError, UnsupportedModelError
from tests.modules import moved

SIZE = (64, 128)
SMALL = {"embed_dim": 12, "depths": (1, 1, 2), "num_heads": (1, 2, 3), "num_classes": 5}
SEES_WINDOWS = (
    r"does not show '\w+': its attention is of windows, or of several resolutions, not of all .*keep=\[\]\)\Z"
)


def swin(dtype: torch.dtype = torch.float64, **options) -> torch.nn.Module:
    """Of 32 x 64 patches of 2 pixels; four of them merge twice, and all 8 x 16 are one window then."""
    given = SMALL | {"img_size": SIZE, "patch_size": 2, "window_size": (8, 16)} | options
    return moved(timm.create_model("swin_tiny_patch4_window7_224", **given), dtype)


def noise(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_grid_is_that_of_the_last_tokens():
    model = interpret.load(swin())
    assert (model.grid.rows, model.grid.cols, model.grid.prefix, model.patch_size) == (8, 16, 0, (8, 8))
    assert model.depth == 4
    assert "layers see windows or several resolutions; 8 x 16 tokens enter layers.2.blocks.1.attn" in model.assumed


def test_layer_grad_cam_is_that_of_autograd_at_the_last_norm():
    module, seen = swin(), []
    model, images = interpret.load(module), noise()
    hook = module.layers[-1].blocks[-1].norm1.register_forward_hook(lambda norm, given, output: seen.append(output))
    logits = module(images)
    hook.remove()
    (slope,) = torch.autograd.grad(logits[:, 3].sum(), seen)
    expected = (slope.mean(dim=(1, 2), keepdim=True) * seen[0]).sum(dim=-1).detach()
    found = interpret.attribute(model, images, "layer_grad_cam", target=3)
    assert expected.std() > 0
    assert_close(found, expected.float(), rtol=1e-5, atol=1e-6 * expected.abs().max().item())
    assert_close(interpret.attribute(model, images, "grad_cam", target=3), found.relu(), rtol=1e-5, atol=1e-6)


def test_grad_cam_is_that_of_pytorch_grad_cam_reshaped_by_hand():
    module = swin(torch.float32)
    model, images = interpret.load(module), noise().float()
    module.requires_grad_(True)
    with GradCAM(module, [module.layers[-1].blocks[-1].norm1], lambda output: output.permute(0, 3, 1, 2)) as cam:
        theirs = torch.from_numpy(cam(images, [ClassifierOutputTarget(2)] * 2, aug_smooth=False))
    ours = F.interpolate(interpret.attribute(model, images, "grad_cam", target=2)[:, None], SIZE, mode="bilinear")[:, 0]
    low, high = ours.amin(dim=(1, 2), keepdim=True), ours.amax(dim=(1, 2), keepdim=True)
    assert_close((ours - low) / (high - low), theirs, rtol=0, atol=2e-2)


@pytest.mark.parametrize("name", [name for name, entry in ATTRIBUTIONS.items() if entry.needs])
def test_what_needs_attention_of_all_tokens_is_refused_by_its_stage(name):
    with pytest.raises(UnsupportedModelError, match=SEES_WINDOWS):
        interpret.attribute(interpret.load(swin()), noise(), name)


PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8))
LOOKS = {
    "a trace": lambda model: interpret.trace(model, PICTURE),
    "a survey": lambda model: interpret.survey(model, [PICTURE], "sparsity"),
    "a threshold": lambda model: interpret.threshold(model, 0.1).__enter__(),
    "a sweep": lambda model: interpret.sweep(model, [PICTURE] * 2, "threshold", [0, 0.1]),
    "pruned heads": lambda model: interpret.head_pruning(model, [(0, 0)]).__enter__(),
    "a study": lambda model: interpret.run_study(model, [PICTURE], attributions="grad_cam", indicators=[], sweeps=[]),
    "the explorer": lambda model: interpret.explore(model, PICTURE),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_so_is_whatever_shows_or_changes_attention(look):
    module = swin(torch.float32)
    model, images = interpret.load(module), noise().float()
    before = model(images)
    with pytest.raises(UnsupportedModelError, match=SEES_WINDOWS):
        look(model)
    assert_close(module(images), before, rtol=0, atol=0)


def test_a_picture_at_once_shows_grad_cam():
    model = interpret.load(swin(torch.float32))
    figure = interpret.show(model, PICTURE, ["grad_cam", "layer_grad_cam"], target=1)
    assert [ax.get_title() for ax in figure.axes[1:3]] == [
        "grad_cam\nexplains class 1",
        "layer_grad_cam\nexplains class 1",
    ]
    trace = interpret.trace(model, PICTURE, 1, keep=[])
    assert_close(interpret.attribute(trace, "grad_cam"), interpret.attribute(model, PICTURE, "grad_cam", target=1))


def test_tokens_that_lie_otherwise_than_they_are_said_to_are_refused():
    with pytest.raises(
        UnsupportedModelError,
        match=r"the corners of its 16 x 8 patches are tokens \[.*as grid=\(rows, cols\) and prefix= must say",
    ):
        interpret.load(swin(), grid=(16, 8))
    with pytest.raises(InterpretError, match=r"its 128 tokens for an input of \(64, 128\) are not 7 x 16 patches"):
        interpret.load(swin(), grid=(7, 16), prefix=2)


def test_several_windows_at_the_end_are_refused_with_what_works_instead():
    with pytest.raises(
        UnsupportedModelError, match=r"layers\.2\.blocks\.1\.attn, the last, is not given all.*use pyto"
    ):
        interpret.load(swin(window_size=(8, 8)))


STAGES = {"embed_dim": 24, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 4, 8)}
OTHERS = {
    "Swin V2": lambda: timm.create_model("swinv2_tiny_window8_256", **STAGES),
    "Swin of transformers": lambda: transformers.SwinForImageClassification(transformers.SwinConfig(**STAGES)),
}


@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_other_models_of_windows_show_their_last_tokens(name):
    model = interpret.load(moved(OTHERS[name]()))
    images = torch.randn(1, 3, *model.img_size)
    found = interpret.attribute(model, images, "layer_grad_cam", target=1)
    assert found.shape[1:] == (model.grid.rows, model.grid.cols) == (model.img_size[0] // 32, model.img_size[1] // 32)
    with pytest.raises(UnsupportedModelError, match=SEES_WINDOWS):
        interpret.attribute(model, images, "rollout")
