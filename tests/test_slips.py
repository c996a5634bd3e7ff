"""What people get wrong is told in one line that says what to do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import interpret
from interpret.data import as_dataset
from interpret.foundation.data_spec import check_data
from interpret.foundation.options import check_tau
from interpret.models.arguments import checked
from tests.models import tiny

NAMED = ("ant", "bee", "cat", "dog", "elk")
PICTURE = Image.new("RGB", (60, 40), "grey")
FILE = "checkpoints/shapes-softmax.pt"


def vit():
    return tiny(dtype=torch.float32)


def named():
    model = vit()
    return replace(model, spec=replace(model.spec, classes=NAMED))


class InWords(torch.utils.data.Dataset):
    """Labels that are no numbers."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return PICTURE, "circle"


class Numbered(InWords):
    """Labels that are numbers of nothing."""

    def __getitem__(self, index):
        return PICTURE, index


def timm_vit():
    return VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3, num_classes=5)


class Altered(nn.Module):
    """A module of one's own around a ViT."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return 2 * self.inner(images)


def closed():
    picture = Image.new("RGB", (60, 40))
    picture.close()
    return picture


SLIPS = {
    "a path that is not there": (
        lambda: interpret.trace(vit(), "cat.jpg"),
        r"image cat.jpg cannot be read \(No such file",
    ),
    "a list of them": (lambda: interpret.trace(vit(), ["cat.jpg"]), r"image cat.jpg cannot be read"),
    "floats as an array": (
        lambda: interpret.trace(vit(), np.zeros((32, 48, 3))),
        r"image 0 is an array of shape \(32, 48, 3\) and type float64; expected \(height, width, 3\) uint8",
    ),
    "one channel": (
        lambda: interpret.trace(vit(), torch.zeros(1, 1, 32, 48)),
        r"tiny takes images of 3 channels, got 1: \(1, 1, 32, 48\)",
    ),
    "four channels": (
        lambda: interpret.trace(vit(), torch.zeros(1, 4, 32, 48)),
        r"tiny takes images of 3 channels, got 4: \(1, 4, 32, 48\); repeat or convert them, or pass PIL images",
    ),
    "bytes in a tensor": (
        lambda: interpret.trace(vit(), torch.zeros(1, 3, 32, 48, dtype=torch.uint8)),
        r"floats as tiny wants them, got \(1, 3, 32, 48\) torch.uint8; pass PIL images, or uint8 arrays",
    ),
    "a tensor of another size": (
        lambda: interpret.trace(vit(), torch.zeros(1, 3, 64, 64)),
        r"tiny takes images of \(32, 48\) \(height, width\), got \(64, 64\); resize them, or pass PIL images",
    ),
    "the input as an array": (
        lambda: interpret.trace(vit(), np.zeros((2, 3, 32, 48), dtype=np.float32)),
        r"image 0 is an array of floats \(3, 32, 48\); floats as a model wants them, .*, are a tensor: torch",
    ),
    "a class that is no whole number": (
        lambda: interpret.trace(vit(), PICTURE, 1.5),
        r"target of shape \(\) and floats: expected a weight for each of 5 classes, .*; a class is a whole number",
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
    "a number of classes": (
        lambda: interpret.load("x.pt", num_classes=3),
        "load takes no num_classes=; it takes mechanism, tau, .* std, .*task, name, device: the number",
    ),
    "a module of another family": (
        lambda: interpret.load(nn.Linear(1, 1)),
        "Linear does not say the size of its input; pass img_size=",
    ),
    "a layer that is not there": (
        lambda: interpret.trace(vit(), PICTURE, layers=[0]).place(99),
        "layer 99: tiny has 2, 0 to 1",
    ),
    "a part of a layer": (lambda: interpret.trace(vit(), PICTURE, layers=[1.0]), r"layers=\[1.0\]: tiny has 2 layers"),
    "an eps beyond any": (lambda: checked({"eps": 10**400}, FILE, live=False), "load: eps=1000.*; expected a number"),
    "heads in words": (
        lambda: checked({"heads": "three"}, FILE, live=False),
        "load: heads='three'; expected a whole number above 0",
    ),
    "fewer heads than none": (
        lambda: interpret.load(FILE, heads=-3),
        "load: heads=-3; expected a whole number above 0",
    ),
    "an eps below 0": (lambda: interpret.load(FILE, eps=-1e-6), "load: eps=-1e-06; expected a number above 0"),
    "a name that is none": (lambda: checked({"name": 5}, FILE, live=False), "load: name=5; expected a name"),
    "a backbone that is none": (
        lambda: checked({"backbone": 7}, FILE, live=False),
        "load: backbone=7; expected timm's name",
    ),
    "a size of three numbers": (
        lambda: interpret.load(FILE, img_size=(3, 32, 32)),
        r"load: img_size=\(3, 32, 32\); expected two whole numbers above 0, height before width",
    ),
    "a size of no number": (lambda: interpret.load(FILE, img_size="32"), "load: img_size='32'; expected two whole"),
    "saving what is looked at as it is": (
        lambda: interpret.save("never.pt", interpret.load(Altered(timm_vit()), img_size=32)),
        "Altered cannot be saved: it is a Altered, looked at as it is, .*; keep your own code and its state_dict",
    ),
    "a state dict instead of its path": (
        lambda: interpret.load({"a": 1}),
        "load takes the path of a checkpoint, or a live module; got a dict",
    ),
    "what to keep": (
        lambda: interpret.trace(vit(), PICTURE, keep="gradients"),
        "keep: unknown 'gradients'; available are",
    ),
    "show of a bare model": (lambda: interpret.show(nn.Linear(1, 1), PICTURE), "show takes what interpret.load gives"),
    "show the wrong way round": (
        lambda: interpret.show(PICTURE, vit()),
        r"show takes the model first and then the photographs, show\(model, images\); got a Image and a LoadedModel",
    ),
    "a name of timm": (
        lambda: interpret.load("vit_tiny_patch16_224"),
        r"vit_tiny_patch16_224: no such file, but the name of a model of timm: "
        r"interpret.load\(timm.create_model\('vit_tiny_patch16_224', pretrained=True\)\)",
    ),
    "show of a model alone": (
        lambda: interpret.show(vit()),
        "show takes .* photographs, or a trace; got a LoadedModel",
    ),
    "show of nothing": (
        lambda: interpret.show(vit(), PICTURE, []),
        "no attribution is named; available: cls_attention",
    ),
    "show of other photographs": (
        lambda: interpret.show(interpret.trace(vit(), PICTURE), Image.new("RGB", (60, 40), "red")),
        "the trace is of 1 images, which are not these 1; pass the photographs it was made of",
    ),
    "show of a trace with a target": (
        lambda: interpret.show(interpret.trace(vit(), PICTURE), target=1),
        "the target belongs to the trace",
    ),
    "a size for a live model": (
        lambda: interpret.load(timm_vit(), img_size=64),
        r"load: img_size=\(64, 64\), but a live VisionTransformer has its own, \(32, 32\); call its set_input_size",
    ),
    "heads for a live model": (lambda: interpret.load(timm_vit(), heads=3), "load: heads= is for files"),
    "a backbone for a live model": (
        lambda: interpret.load(timm_vit(), backbone="vit_tiny_patch16_224"),
        "load: backbone= is for files",
    ),
    "one class name": (lambda: interpret.load(timm_vit(), classes="abcde"), "1 class names given, the head has 5"),
    "a sweep of words": (
        lambda: interpret.sweep(vit(), [PICTURE] * 2, "threshold", ["a"]),
        r"tau=\['a'\]; expected a finite number, or a list of them",
    ),
    "points of a table of something else": (
        lambda: interpret.operating_points(pd.DataFrame()),
        "operating_points takes the table of sweep",
    ),
    "a pack of a word": (lambda: interpret.write_pack("x", "y"), "write_pack takes a study, got a str"),
    "a tau in words": (
        lambda: check_tau("0.01"),
        "tau '0.01' is outside",
    ),
    "a label in words": (
        lambda: as_dataset(InWords())[0],
        "a label is a number of `classes`, got 'circle'",
    ),
    "one mean": (
        lambda: interpret.load(timm_vit(), mean=0.5),
        "mean has 1 numbers and the input 3 channels; give one for each",
    ),
    "means of another number": (
        lambda: interpret.load(timm_vit(), mean=[0.5]),
        "mean has 1 numbers and the input 3 channels; give one for each",
    ),
    "a spread of zero": (
        lambda: interpret.load(timm_vit(), std=(1, 0, 1)),
        "for each channel of the input, each above 0",
    ),
    "trace of a bare model": (
        lambda: interpret.trace(timm_vit(), PICTURE),
        "trace takes what interpret.load gives, got a VisionTransformer; load it first",
    ),
    "a picture that is closed": (lambda: interpret.trace(vit(), closed()), "image 0 cannot be read"),
    "keep nothing known": (lambda: interpret.trace(vit(), PICTURE, keep=None), "expected a name .*, found a NoneType"),
    "a function that fails": (
        lambda: interpret.trace(vit(), PICTURE, lambda logits: logits[:, 99], keep="relevance"),
        r"target <lambda> fails on logits of shape \(1, 5\): IndexError",
    ),
    "a function without a derivative": (
        lambda: interpret.trace(vit(), PICTURE, lambda logits: logits.argmax(dim=-1), keep="relevance"),
        "target <lambda> gave numbers without a derivative",
    ),
    "a class name and none": (lambda: interpret.trace(named(), [PICTURE] * 2, ["cat", None]), "is no class; expected"),
    "several attributions at once": (
        lambda: interpret.attribute(vit(), PICTURE, ["rollout", "relevance"]),
        "a list names no attribution; expected one of cls_attention",
    ),
    "an option that is not there": (
        lambda: interpret.attribute(vit(), PICTURE, "rollout", fuse="max"),
        "rollout takes no fuse=; it takes fusion, discard_ratio, protect, start_layer",
    ),
    "photograph and map exchanged": (lambda: interpret.upsample(PICTURE, torch.zeros(4, 6)), "a Image is no map; pass"),
    "a map of several photographs": (
        lambda: interpret.upsample(torch.zeros(4, 6), [PICTURE, PICTURE]),
        "a map is of one photograph, got 2",
    ),
    "a map of another model": (
        lambda: interpret.upsample(torch.zeros(8, 8), PICTURE, vit()),
        r"a map of \(8, 8\) is none of tiny, whose patches are \(4, 6\)",
    ),
    "a map without cells": (
        lambda: interpret.upsample(torch.zeros(0, 3), PICTURE),
        r"a map is \(row, col\), got \(0, 3",
    ),
    "upsample for a bare model": (
        lambda: interpret.upsample(torch.zeros(4, 6), PICTURE, timm_vit()),
        "model= is what interpret.load gives, got a VisionTransformer",
    ),
    "a path as a name": (lambda: check_data("/nope"), "/nope is no name of a data set; a folder of images is"),
    "a folder as a name": (lambda: interpret.load_data("tests"), "'tests' is a folder; write 'imagefolder:tests'"),
    "pictures as a name": (lambda: interpret.load_data([PICTURE]), "load_data opens a registered name, got a list"),
    "a survey of nothing": (lambda: interpret.survey(vit(), PICTURE, []), "no indicator is named"),
    "batches of nothing": (
        lambda: interpret.survey(vit(), PICTURE, "sparsity", batch_size=0),
        "batch_size 0: a batch has at least one image",
    ),
    "a constant that is not there": (
        lambda: interpret.survey(vit(), PICTURE, "spectral_sparsity", options={"spectral_sparsity": {"dleta": 1}}),
        "spectral_sparsity has no constant 'dleta'; those of its definition: delta",
    ),
    "constants of no indicator": (
        lambda: interpret.survey(vit(), PICTURE, "sparsity", options={"sparse": {}}),
        "unknown indicator 'sparse'",
    ),
    "measure of a model": (lambda: interpret.measure(vit(), "sparsity"), "measure takes a trace, got a LoadedModel"),
    "a layer that is none": (
        lambda: interpret.threshold(vit(), 0.1, layers=9).__enter__(),
        "layer 9 is none of tiny, whose layers are 0 to 1",
    ),
    "a head that is none": (
        lambda: interpret.threshold(vit(), 0.1, heads=[0, 9]).__enter__(),
        "head 9 is none of tiny, whose heads are 0 to 2",
    ),
    "model and path exchanged": (
        lambda: interpret.save(vit(), "never.pt"),
        "save takes a path and what interpret.load gives; got a str second",
    ),
    "batches in words": (
        lambda: interpret.survey(vit(), PICTURE, "sparsity", batch_size="4"),
        "batch_size '4': a batch has at least one image",
    ),
    "constants that are none": (
        lambda: interpret.survey(vit(), PICTURE, "sparsity", options=3),
        "options=3; expected {indicator: {constant: value}}",
    ),
    "points of nothing": (lambda: interpret.operating_points(None), "operating_points takes the table of sweep"),
    "a first layer in words": (
        lambda: interpret.attribute(vit(), PICTURE, "rollout", start_layer="a"),
        "start_layer='a': the trace has layers 0 to 1",
    ),
    "a first layer beyond the last": (
        lambda: interpret.attribute(vit(), PICTURE, "rollout", start_layer=2),
        "start_layer=2: the trace has layers 0 to 1",
    ),
    "an image beyond the last": (lambda: interpret.load_data("photos")[999], r"photos\[999\]: its images are 0 to 7"),
    "an image by name": (lambda: interpret.load_data("photos")["a"], r"photos\['a'\]: its images are 0 to 7"),
    "a strength as a word": (
        lambda: interpret.sweep(vit(), [PICTURE] * 2, "threshold", "0.1"),
        "tau='0.1'; expected a finite number",
    ),
    "statistics of pictures in 0 to 255": (
        lambda: interpret.load(timm_vit(), mean=(123.0, 116.0, 103.0)),
        "pictures are in 0 to 1 before them; divide both by 255",
    ),
    "a tensor of NaN": (
        lambda: interpret.trace(vit(), torch.tensor([0.0, torch.nan])[:, None, None, None].expand(2, 3, 32, 48)),
        "image 1 holds NaN or infinity; mend it, or leave it out",
    ),
    "a folder as an image": (lambda: interpret.trace(vit(), "tests"), "image tests is a folder; name its files"),
    "an address as an image": (
        lambda: interpret.trace(vit(), "https://example.org/cat.jpg"),
        "cat.jpg is an address; download it and name the file",
    ),
    "a data set where pictures are wanted": (
        lambda: interpret.trace(vit(), interpret.load_data("photos")[:1]),
        "image 0 is an Example of a data set; pass its picture, example.image",
    ),
    "tensors as a data set": (
        lambda: interpret.survey(vit(), torch.zeros(2, 3, 32, 48), "sparsity"),
        "gives tensors, which are no pictures; .*tensors go to trace, attribute and show alone",
    ),
    "a state dict": (
        lambda: interpret.load(timm_vit().state_dict()),
        r"got a OrderedDict; load it into its module \(load_state_dict\) and pass that, or save it",
    ),
    "what is loaded": (lambda: interpret.load(vit()), "got a LoadedModel, which is loaded; pass its .model"),
    "a module without its weights": (
        lambda: interpret.load(timm_vit().to("meta")),
        "VisionTransformer holds no weights; load them into it first",
    ),
    "layers by name": (
        lambda: interpret.load(Altered(timm_vit()), img_size=32, layers="blocks"),
        "layers='blocks'; expected how many layers it has, a whole number above 0",
    ),
    "a grid that is another": (
        lambda: interpret.load(Altered(timm_vit()), img_size=32, grid=(2, 2), name="mine"),
        r"mine: the corners of its 2 x 2 patches .* as grid=\(rows, cols\) and prefix= must say",
    ),
    "heads of what has no classes": (
        lambda: interpret.sweep(tiny(num_classes=1, dtype=torch.float32), [PICTURE] * 2, "head_pruning"),
        "head_pruning does not act on tiny; it acts on models with classes, whose loss says which heads matter",
    ),
    "a scope that is entered once": (
        lambda: interpret.verify_intervention(vit(), interpret.threshold(vit(), 0.1), [PICTURE]),
        "an intervention is entered once a batch: pass a function that gives its scope",
    ),
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


def test_labels_that_nobody_can_name_are_said_to_be_unused(caplog):
    """Once a data set, not once an image."""
    data = as_dataset(Numbered())
    assert [data[index].label for index in (0, 1)] == [0, 1]
    assert [record.message for record in caplog.records if "numbered" in record.message] == [
        "numbered names no classes, so its labels are not used; give it `.classes`, in their order"
    ]


@pytest.mark.parametrize("one", [{"layers": 1}, {"heads": 1}], ids=str)
def test_one_layer_or_head_is_a_list_of_one(one):
    with interpret.threshold(vit(), 0.1, **one) as model:
        alone = interpret.trace(model, PICTURE).weights
    with interpret.threshold(vit(), 0.1, **{name: [number] for name, number in one.items()}) as model:
        assert torch.equal(interpret.trace(model, PICTURE).weights, alone)


def test_floats_that_were_never_normalised_are_said_and_looked_at():
    images = torch.full((1, 3, 32, 48), 255.0)
    with pytest.warns(
        UserWarning, match="floats go to tiny as they are, and these reach 255, where pictures lie in -1"
    ):
        assert interpret.trace(vit(), images).images.max() == 255


def test_a_study_needs_no_more_than_a_model_and_pictures():
    study = interpret.run_study(vit(), [PICTURE], sweeps={"threshold": [0.1]})
    assert set(study.tables["maps"]["attribution"]) == set(interpret.ATTRIBUTIONS)


def test_a_model_and_a_data_set_say_what_they_are():
    assert str(vit()) == f"{vit()!r}: input 3 x 32 x 48, 5 classes, classification"
    assert repr(interpret.load_data("photos")) == "Dataset('photos', 8 images, no labels)"
    assert repr(interpret.load_data("shapes")[:3]) == "Dataset('shapes', 3 images, 10 classes)"


def test_floats_are_shown_as_what_the_model_saw():
    model = tiny(in_chans=13, dtype=torch.float32)
    images = torch.randn(2, 13, 32, 48, generator=torch.Generator().manual_seed(0))
    assert len(interpret.show(model, images).axes) == len(interpret.show(interpret.trace(model, images)).axes)
