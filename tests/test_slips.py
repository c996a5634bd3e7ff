"""What people get wrong is told in one line that says what to do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import interpret
from tests.models import tiny

NAMED = ("ant", "bee", "cat", "dog", "elk")
PICTURE = Image.new("RGB", (60, 40), "grey")


def vit():
    return tiny(dtype=torch.float32)


def named():
    model = vit()
    return replace(model, spec=replace(model.spec, classes=NAMED))


SLIPS = {
    "a path that is not there": (
        lambda: interpret.trace(vit(), "cat.jpg"),
        r"image cat.jpg cannot be read \(No such file",
    ),
    "a list of them": (lambda: interpret.trace(vit(), ["cat.jpg"]), r"image cat.jpg cannot be read"),
    "floats as an array": (
        lambda: interpret.trace(vit(), np.zeros((32, 48, 3))),
        r"image 0 is an array of shape \(32, 48, 3\) and type float64; expected \(height, width, 3\) or",
    ),
    "one channel": (
        lambda: interpret.trace(vit(), torch.zeros(1, 1, 32, 48)),
        r"tiny takes images of 3 channels, got 1: \(1, 1, 32, 48\)",
    ),
    "tensors of two shapes": (
        lambda: interpret.trace(vit(), [torch.zeros(3, 32, 48), torch.zeros(3, 48, 32)]),
        r"images of different shapes, such as \[\(3, 32, 48\), \(3, 48, 32\)\], are no batch",
    ),
    "nothing": (lambda: interpret.trace(vit(), []), "there is no image to look at; pass at least one"),
    "something else": (lambda: interpret.trace(vit(), 7), "image 0 is a int; expected a PIL image, a path"),
    "a class without names": (
        lambda: interpret.trace(vit(), PICTURE, "cat"),
        "target 'cat': tiny carries no class names; give its number, or load",
    ),
    "a class that is not there": (
        lambda: interpret.trace(named(), PICTURE, "cats"),
        "target 'cats' is no class of tiny; did you mean 'cat'",
    ),
    "a function of something else": (
        lambda: interpret.trace(vit(), PICTURE, lambda logits: logits.sum(), keep="relevance"),
        r"target <lambda> gave \(\); expected one number for each of 1 images",
    ),
    "weights of other classes": (
        lambda: interpret.trace(vit(), PICTURE, [0.5, 0.5]),
        r"target of shape \(2,\) and floats: expected a weight for each of 5 classes",
    ),
    "a target after the trace": (
        lambda: interpret.attribute(interpret.trace(vit(), PICTURE), "rollout", target=1),
        "the target belongs to the trace",
    ),
    "an attribution by its long name": (
        lambda: interpret.attribute(interpret.trace(vit(), PICTURE), "attention_rollout"),
        "unknown attribution 'attention_rollout'; did you mean 'rollout'",
    ),
    "an attribution without a trace": (
        lambda: interpret.attribute(nn.Linear(1, 1), PICTURE, "rollout"),
        "attribute takes a trace and a name, or a loaded model, images and a name; got Linear, Image, str",
    ),
    "a batch of maps": (
        lambda: interpret.upsample(torch.zeros(1, 4, 6), PICTURE),
        r"a map is \(row, col\), got \(1, 4, 6\); upsample one map of a batch at a time",
    ),
    "a module where a loaded model is wanted": (
        lambda: interpret.survey(nn.Linear(1, 1), "shapes", "sparsity"),
        "expected loaded models, found a Linear; pass what interpret.load gives",
    ),
    "no indicator": (lambda: interpret.measure(interpret.trace(vit(), PICTURE), []), "no indicator is named"),
    "a data set that is none": (
        lambda: interpret.survey(vit(), 7, "sparsity"),
        "a int is no data set; expected a registered name",
    ),
    "a misspelt data set": (
        lambda: interpret.survey(vit(), "shape", "sparsity"),
        "unknown data set 'shape'; did you mean 'shapes'",
    ),
    "a number of classes": (lambda: interpret.load("x.pt", num_classes=3), "load takes no num_classes="),
    "a module of another family": (
        lambda: interpret.load(nn.Linear(1, 1)),
        "Linear is no model that can be looked at; expected a timm VisionTransformer",
    ),
    "a state dict instead of its path": (
        lambda: interpret.load({"a": 1}),
        "load takes the path of a checkpoint, or a live timm VisionTransformer; got a dict",
    ),
    "what to keep": (
        lambda: interpret.trace(vit(), PICTURE, keep="gradients"),
        "keep: unknown 'gradients'; available are",
    ),
    "show of a bare model": (lambda: interpret.show(nn.Linear(1, 1), PICTURE), "show takes what interpret.load gives"),
}


@pytest.mark.parametrize(("slip", "message"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_one_line(slip, message):
    with pytest.raises(interpret.InterpretError, match=message) as told:
        slip()
    assert "\n" not in str(told.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_says_why():
    with pytest.raises(interpret.InterpretError, match=r"device 'cuda' cannot be used here \(.+\); give cpu or auto"):
        interpret.load("checkpoints/shapes-softmax.pt", device="cuda")


def test_lists_of_pictures_go_anywhere():
    pictures = [Image.effect_noise((48, 32), 90).convert("RGB") for _ in range(2)]
    study = interpret.run_study(
        vit(), pictures, attributions="rollout", indicators="sparsity", sweeps={"threshold": [0.1]}, limit=2, sample=2
    )
    assert len(study.image_ids) == 2
    table = interpret.tau_sweep(vit(), pictures, [0.1])
    assert set(table["n"]) == {2}
