import copy
import dataclasses
import inspect

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.testing import assert_close

from interpret.attributions import ATTRIBUTIONS, NoEvidenceWarning, attribute
from interpret.foundation.errors import InterpretError, NoEvidenceError
from interpret.interventions.threshold import threshold
from interpret.mechanisms import MECHANISMS
from interpret.models.trace import Trace
from interpret.models.tracing import trace
from tests.models import KINDS, pictures, tiny
from tests.references import attributions as twins
from tests.references.golden import ATTRIBUTIONS as GOLDEN

CAMS = ("grad_cam", "layer_grad_cam")
KEEP = ("weights", "gradient")
TOKEN_MAPS = [name for name in ATTRIBUTIONS if name not in CAMS]
OPTIONS = {
    "cls_attention": [{"layer": 0}, {"head": 2}],
    "rollout": [{"fusion": "max"}, {"fusion": "min"}, {"discard_ratio": 0.6}, {"start_layer": 1}]
    + [{"discard_ratio": 0.9, "protect": protect} for protect in ("cls_row", "cls_col")],
    "gradient_rollout": [{"discard_ratio": 0.6}],
}
VARIANTS = [(name, options) for name in TOKEN_MAPS for options in ({}, *OPTIONS.get(name, []))]
CASES = [
    pytest.param(name, golden, id=f"{name}: {sentence}")
    for name in (*TOKEN_MAPS, *CAMS)
    for sentence, golden in GOLDEN[name.removeprefix("layer_")].items()
]


class Shown(Trace):
    """A trace whose numbers are all given: what the classifier reads, and a tail of known gradient."""

    @property
    def readout(self):
        return self.given["readout"]

    def tail(self):
        return LinearTail(self.given["gradient"])


class LinearTail(nn.Module):
    """logit = sum of features * gradient, so that the gradient is the given one."""

    def __init__(self, gradient):
        super().__init__()
        self.tap, self.gradient = torch.nn.Identity(), nn.Parameter(gradient)

    def forward(self, features):
        return (self.tap(features).flatten(2).transpose(1, 2) * self.gradient).sum(dim=(1, 2))[:, None].expand(-1, 5)


def shown(inputs):
    """The inputs of a golden number on a row of patches without prefix, so that a map holds every token."""
    arrays = {name: torch.from_numpy(value) for name, value in inputs.items() if isinstance(value, np.ndarray)}
    tokens = len(arrays["features"]) if "features" in arrays else len(arrays["readout"])
    loaded = tiny(kind="no CLS", img_size=(8, 8 * tokens))
    seen = trace(loaded, pictures(1, (8, 8 * tokens)))
    fields = {field.name: getattr(seen, field.name) for field in dataclasses.fields(seen)}
    for name, stage in (("weights", "weights"), ("gradients", "gradient")):
        if name in arrays:
            fields[stage] = arrays[name][:, None]
    fields["probs"] = None
    if "features" in arrays:
        fields["normed"] = fields["residual"] = arrays["features"][None]
    made = Shown(**fields)
    object.__setattr__(made, "given", arrays)
    return made


@pytest.mark.parametrize(("name", "golden"), CASES)
def test_golden_number(name, golden):
    seen = shown(golden.inputs)
    options = {key: value for key, value in golden.inputs.items() if not isinstance(value, np.ndarray)}
    found = ATTRIBUTIONS[name].function(seen, **options)
    assert found.shape == (1, 1, seen.grid.tokens)
    expected = np.maximum(golden.expected, 0) if name == "grad_cam" else np.asarray(golden.expected, float)
    assert_close(found[0, 0].double(), torch.from_numpy(expected).double(), rtol=0, atol=max(golden.tolerance, 1e-6))


def test_every_attribution_has_a_twin_and_a_golden_number():
    names = {name.removeprefix("layer_") for name in ATTRIBUTIONS}
    assert names <= set(vars(twins)) & set(GOLDEN)


@pytest.fixture(scope="module", params=KINDS)
def seen(request):
    return trace(tiny("hard_threshold", request.param), pictures(3), target=[0, 2, 4], keep=KEEP)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_every_token_map_agrees_with_its_twin(name, options, seen):
    maps = ATTRIBUTIONS[name].function(seen, **options)
    assert (maps.shape, maps.dtype) == ((3, 4, 6), torch.float64)
    twin = getattr(twins, name)
    defaults = {"layer": -1, "head": None} if name == "cls_attention" else {}
    for image in range(3):
        arrays = {"weights": seen.weights, "gradients": seen.gradient, "readout": seen.readout.expand(1, 3, -1)}
        taken = {
            key: arrays[key][:, image].double().numpy() for key in arrays if key in inspect.signature(twin).parameters
        }
        row = twin(**taken | {"readout": taken["readout"][0]}, **defaults | options)
        assert_close(maps[image].flatten(), torch.from_numpy(row[seen.grid.prefix :]), rtol=0, atol=1e-9)


def full_model_gradient(seen):
    """Features and gradient at the last norm1, by plain autograd through the whole model."""
    model, held = seen.model.model, []
    handle = model.blocks[-1].norm1.register_forward_hook(lambda module, args, out: held.append(out))
    logits = model(seen.images.requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.gather(1, seen.target[:, None]).sum(), held[0])
    return held[0].detach().numpy(), gradient.numpy()


@pytest.mark.parametrize("name", CAMS)
def test_grad_cam_agrees_with_its_twin(name, seen):
    features, gradient = full_model_gradient(seen)
    maps, prefix = ATTRIBUTIONS[name].function(seen), seen.grid.prefix
    assert maps.shape == (3, 4, 6)
    for image in range(3):
        row = twins.grad_cam(features[image, prefix:], gradient[image, prefix:])
        expected = np.maximum(row, 0) if name == "grad_cam" else row
        assert_close(maps[image].flatten().double(), torch.from_numpy(expected), rtol=1e-6, atol=1e-9)


class SplicedNorm(nn.Module):
    """norm1 whose patches pass an identity as (batch channel row col)."""

    def __init__(self, norm, grid):
        super().__init__()
        self.norm, self.grid, self.spliced = norm, grid, nn.Identity()

    def forward(self, x):
        tokens = self.norm(x)
        folded = self.spliced(self.grid.fold(tokens.transpose(1, 2)))
        return torch.cat([tokens[:, : self.grid.prefix], folded.flatten(2).transpose(1, 2)], dim=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mechanism", ["softmax", "svda"])
def test_layer_grad_cam_is_captum_on_the_whole_model(mechanism, kind):
    seen = trace(tiny(mechanism, kind), pictures(3), target=[4, 0, 1])
    found = attribute(seen, "layer_grad_cam")
    model = seen.model.model
    model.blocks[-1].norm1 = SplicedNorm(model.blocks[-1].norm1, seen.grid)
    whole = LayerGradCam(model, model.blocks[-1].norm1.spliced).attribute(seen.images, target=seen.target)
    assert_close(found, whole[:, 0].detach().float(), rtol=1e-5, atol=1e-5)
    assert found.min() < 0 < found.max()


@pytest.mark.parametrize("kind", KINDS)
def test_grad_cam_is_pytorch_grad_cam_on_the_whole_model_up_to_its_scaling(kind):
    seen = trace(tiny("hard_threshold", kind), pictures(3), target=[4, 0, 1])
    found = ATTRIBUTIONS["grad_cam"].function(seen)
    model, grid = seen.model.model, seen.grid
    targets = [ClassifierOutputTarget(target) for target in seen.target.tolist()]
    with GradCAM(model, [model.blocks[-1].norm1], reshape_transform=lambda x: grid.fold(x.transpose(1, 2))) as cam:
        cam.get_target_width_height = lambda images: (grid.cols, grid.rows)
        whole = torch.from_numpy(cam(seen.images.clone(), targets))
    low, high = found.amin(dim=(1, 2), keepdim=True), found.amax(dim=(1, 2), keepdim=True)
    assert (high > low).any()
    assert_close(whole.double(), ((found - low) / (1e-7 + high - low)).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_grad_cam_is_layer_grad_cam_after_relu(mechanism):
    seen = trace(tiny(mechanism), pictures(3))
    signed = ATTRIBUTIONS["layer_grad_cam"].function(seen)
    assert_close(ATTRIBUTIONS["grad_cam"].function(seen), signed.relu(), rtol=1e-5, atol=1e-5, check_dtype=False)
    assert signed.min() < 0 < signed.max()


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_a_map_is_raw_fp32_on_the_patch_grid_and_what_its_entry_says(name, seen):
    maps, entry = attribute(seen, name), ATTRIBUTIONS[name]
    assert (maps.shape, maps.dtype) == ((3, 4, 6), torch.float32)
    assert entry.signed == bool((maps < 0).any())
    other = trace(seen.model, seen.images, target=(seen.target + 1) % 5, keep=KEEP)
    assert entry.class_specific == (not torch.equal(attribute(other, name), maps))


def test_cls_attention_is_zero_exactly_where_a_threshold_cut():
    seen = trace(tiny("hard_threshold", options={"tau": 0.06}), pictures(3))
    maps = ATTRIBUTIONS["cls_attention"].function(seen, head=1)
    cut = seen.grid.fold(seen.probs[-1, :, 1, 0]) <= 0.06
    assert torch.equal(maps == 0, cut)
    assert 0 < cut.sum() < cut.numel()
    assert (maps.sum(dim=(1, 2)) <= 1).all()


def test_rows_and_columns_of_the_grid_are_not_exchanged():
    loaded, images = tiny(), pictures(1)
    with torch.no_grad():
        loaded.model.pos_embed.zero_()
    seen = trace(loaded, images, keep=KEEP)
    moved = images.view(1, 3, 4, 8, 6, 8).roll(2, dims=4).reshape(1, 3, 32, 48)
    after = trace(loaded, moved, target=seen.target, keep=KEEP)
    for name in ATTRIBUTIONS:
        assert_close(attribute(after, name), attribute(seen, name).roll(2, dims=2), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", [name for name, entry in ATTRIBUTIONS.items() if entry.class_specific])
def test_a_gradient_that_died_is_no_evidence(name):
    loaded = tiny()
    with torch.no_grad():
        loaded.model.head.weight.zero_()
    message = (
        rf"^{name} of tiny: the map of image 0, 1 is constant over the patches or not finite, it shows no evidence;.*\Z"
    )
    with pytest.raises(NoEvidenceError, match=message):
        attribute(trace(loaded, pictures(), keep=KEEP), name, strict=True)


@pytest.mark.parametrize("name", ["cls_attention", "rollout"])
def test_attention_that_is_uniform_is_no_evidence(name):
    loaded = tiny(dtype=torch.float32)
    with torch.no_grad():
        for block in loaded.model.blocks:
            block.attn.qkv.weight.zero_()
            block.attn.qkv.bias.zero_()
    with pytest.raises(NoEvidenceError, match=r"the map of image 0, 1 is constant"):
        attribute(trace(loaded, pictures()), name, strict=True)


def test_only_the_image_without_evidence_is_named():
    seen = trace(tiny(), pictures(3))
    weights = seen.weights.clone()
    weights[:, 1] = 0
    dead = dataclasses.replace(seen, probs=None, weights=weights)
    with pytest.warns(NoEvidenceWarning, match=r"cls_attention of tiny: the map of image 1 is constant"):
        maps = attribute(dead, "cls_attention")
    assert maps.isnan().flatten(1).all(dim=1).tolist() == [False, True, False]
    assert_close(maps[[0, 2]], attribute(seen, "cls_attention")[[0, 2]])
    with pytest.raises(NoEvidenceError, match=r"the map of image 1 is constant"):
        attribute(dead, "cls_attention", strict=True)


WRONG = {
    "rollout": [
        ({"fusion": "sum"}, r"^fusion 'sum' is not one of mean, max, min\Z"),
        ({"discard_ratio": 1.0}, r"^discard_ratio 1.0 is outside \[0, 1\)\Z"),
        ({"discard_ratio": 0.5, "protect": "row"}, r"^protect 'row' is not one of none, cls_row, cls_col\Z"),
        ({"start_layer": 2}, r"^start_layer=2: the trace has layers 0 to 1\Z"),
    ],
    "gradient_rollout": [({"discard_ratio": -0.1}, r"^discard_ratio -0.1 is outside \[0, 1\)\Z")],
}


@pytest.mark.parametrize(("name", "options", "message"), [(n, o, m) for n, rows in WRONG.items() for o, m in rows])
def test_wrong_options_are_said_in_one_line(name, options, message):
    with pytest.raises(InterpretError, match=message):
        attribute(trace(tiny(), pictures(1), keep=KEEP), name, **options)


@pytest.mark.parametrize("name", CAMS)
def test_a_map_is_of_the_mechanism_that_was_traced_even_after_an_intervention_is_over(name):
    model = tiny()
    with threshold(model, 0.05):
        seen = trace(model, pictures(), keep=KEEP)
        inside = attribute(seen, name)
    assert_close(attribute(seen, name), inside)
    with pytest.raises(AssertionError):
        assert_close(attribute(trace(model, pictures(), keep=KEEP), name), inside)


@pytest.mark.parametrize("batch", [1, 5])
def test_rounding_of_uniform_attention_is_no_evidence(batch):
    model = tiny(img_size=(128, 128), depth=12, dtype=torch.float32)
    with torch.no_grad():
        for block in model.model.blocks:
            block.attn.qkv.weight[:48].zero_()
            block.attn.qkv.bias[:48].zero_()
    seen = trace(model, pictures(batch, (128, 128)))
    with pytest.raises(NoEvidenceError):
        attribute(seen, "rollout", strict=True)


@pytest.mark.parametrize("options", [{"layer": 2}, {"layer": -3}, {"head": 3}])
def test_a_layer_or_head_that_is_not_there_is_said(options):
    with pytest.raises(InterpretError, match="the model has 2 layers of 3 heads"):
        attribute(trace(tiny(), pictures()), "cls_attention", **options)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
@pytest.mark.parametrize(("dtype", "close"), [(torch.bfloat16, 0.08), (torch.float16, 0.01)])
def test_a_map_in_half_precision_is_that_of_fp32_on_the_cpu(name, dtype, close):
    half = tiny("soft_threshold", dtype=dtype)  # continuous: the hard rule jumps where rounding crosses tau
    wide = dataclasses.replace(half, model=copy.deepcopy(half.model).float())
    images = pictures(2).to(dtype)
    expected = attribute(wide, images.float(), name, target=1)
    difference = attribute(half, images, name, target=1) - expected
    assert difference.norm() <= close * expected.norm()
