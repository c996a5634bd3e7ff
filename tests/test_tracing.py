import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

import interpret
from interpret.attributions import ATTRIBUTIONS
from interpret.data import preprocess
from interpret.foundation.errors import InterpretError, MissingTensorError
from interpret.indicators import INDICATORS
from interpret.mechanisms import MECHANISMS
from interpret.models import tracing
from interpret.models.preserving import untouched
from interpret.models.trace import STAGES
from interpret.models.tracing import trace
from tests.models import KINDS, pictures, tiny, twin_forward


class BoomError(RuntimeError):
    """What a module that fails in mid-forward raises."""


def state(loaded):
    """All that a trace must leave as it was."""
    modules = list(loaded.model.modules())
    hooks = [
        len(getattr(module, registry))
        for module in modules
        for registry in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    ]
    parameters = list(loaded.model.parameters())
    return {
        "hooks": hooks,
        "training": [module.training for module in modules],
        "requires_grad": [parameter.requires_grad for parameter in parameters],
        "grad": [None if parameter.grad is None else parameter.grad.clone() for parameter in parameters],
        "grad is": [id(parameter.grad) for parameter in parameters],
        "values": copy.deepcopy(loaded.model.state_dict()),
        "random": torch.get_rng_state(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    }


@pytest.fixture
def used():
    """A model in the middle of something: part in training, part frozen, some gradients there."""
    loaded = tiny("hard_threshold")
    loaded.model.blocks[0].train()
    loaded.model.blocks[1].attn.proj.bias.requires_grad_(False)
    for parameter in loaded.model.blocks[0].parameters():
        parameter.grad = torch.randn_like(parameter)
    return loaded


def test_nothing_is_left_behind_after_success(used):
    before, images = state(used), pictures(3)
    copied = images.clone()
    seen = trace(used, images, keep=STAGES)
    for entry in ATTRIBUTIONS.values():
        entry.function(seen)
    for entry in INDICATORS.values():
        entry.function(seen)
    assert_close(state(used), before, rtol=0, atol=0)
    assert_close(images, copied, rtol=0, atol=0)


@pytest.mark.parametrize("part", ["norm", "blocks.1.mlp", "blocks.0.attn.proj"])
def test_nothing_is_left_behind_after_a_module_raised(used, part):
    def explode(module, args):
        raise BoomError

    handle = used.model.get_submodule(part).register_forward_pre_hook(explode)
    before = state(used)
    with pytest.raises(BoomError):
        trace(used, pictures(), keep=STAGES)
    assert_close(state(used), before, rtol=0, atol=0)
    handle.remove()


@pytest.mark.parametrize("name", ["layer_grad_cam", "grad_cam"])
def test_nothing_is_left_behind_when_the_tail_raises(used, name):
    def explode(module, args):
        raise BoomError

    seen = trace(used, pictures())
    handle = used.model.norm.register_forward_pre_hook(explode)
    before = state(used)
    with pytest.raises(BoomError):
        ATTRIBUTIONS[name].function(seen)
    assert_close(state(used), before, rtol=0, atol=0)
    handle.remove()


@pytest.mark.parametrize("target", [5, -1, [0, 5], [0, 1, 2]], ids=str)
def test_a_target_that_is_no_class_is_refused_and_leaves_nothing_behind(used, target):
    before = state(used)
    with pytest.raises(InterpretError, match=r"^target .* is not one class in \[0, 5\) or one for each of 2 images\Z"):
        trace(used, pictures(), target=target)
    assert_close(state(used), before, rtol=0, atol=0)


def test_an_interrupted_block_restores_the_model(used):
    before = state(used)

    def interrupted():
        with untouched(used.model):
            assert not any(module.training for module in used.model.modules())
            assert not any(parameter.requires_grad for parameter in used.model.parameters())
            torch.rand(3)
            raise BoomError

    with pytest.raises(BoomError):
        interrupted()
    assert_close(state(used), before, rtol=0, atol=0)


CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("inside", [False, True], ids=["images from outside", "images made inside"])
def test_a_trace_is_the_same_whatever_surrounds_it(context, inside):
    loaded = tiny("svda", dtype=torch.float32)
    images = pictures().float()
    expected = trace(loaded, images, keep=STAGES)
    with CONTEXTS[context]():
        seen = trace(loaded, images.clone() if inside else images, keep=STAGES)
        maps = {name: entry(seen) for name, entry in ATTRIBUTIONS.items()}
    for stage in (*STAGES, "logits", "target", "residual", "normed"):
        assert_close(getattr(seen, stage), getattr(expected, stage), rtol=0, atol=0)
    for name, entry in ATTRIBUTIONS.items():
        assert_close(maps[name], entry(expected), msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_batch_gives_what_each_image_gives_alone(name):
    loaded = tiny(name, dtype=torch.float32)
    images = pictures(3).float()
    batch = trace(loaded, images, keep=STAGES)
    alone = [trace(loaded, image[None], keep=STAGES) for image in images]
    for stage in STAGES:
        joined = torch.cat([getattr(one, stage) for one in alone], dim=1)
        assert_close(getattr(batch, stage), joined, rtol=1e-5, atol=1e-5)
    for kind, registry, axis in (("map", ATTRIBUTIONS, 0), ("indicator", INDICATORS, 1)):
        for label, entry in registry.items():
            joined = torch.cat([entry.function(one) for one in alone], dim=axis)
            assert_close(
                entry.function(batch), joined, rtol=1e-5, atol=1e-5, msg=lambda text, at=(kind, label): f"{at}: {text}"
            )


def test_how_many_images_go_into_a_pass_does_not_matter(monkeypatch):
    loaded, images, target = tiny("svda"), pictures(3), [1, 0, 3]
    whole = trace(loaded, images, target, keep=STAGES)
    monkeypatch.setattr(tracing, "PASS_BYTES", {"cpu": 1})
    passes = []
    handle = loaded.model.norm.register_forward_hook(lambda module, args, out: passes.append(len(out)))
    parts = trace(loaded, images, target, keep=STAGES)
    handle.remove()
    assert passes == [1, 1, 1]
    for name in (*STAGES, "logits", "target", "residual", "normed"):
        assert_close(getattr(parts, name), getattr(whole, name))


def test_the_order_of_images_does_not_matter():
    loaded, images = tiny("hard_threshold"), pictures(5)
    straight, reversed_ = trace(loaded, images, keep=STAGES), trace(loaded, images.flip(0), keep=STAGES)
    for stage in STAGES:
        assert_close(getattr(reversed_, stage).flip(1), getattr(straight, stage))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_seen_is_what_the_twin_of_the_whole_model_does(kind):
    loaded, images = tiny("hard_threshold", kind), pictures(3)
    seen = trace(loaded, images, keep=STAGES)
    logits, stages = twin_forward(loaded, images[2])
    assert_close(seen.logits[2], torch.from_numpy(logits))
    for layer, expected in enumerate(stages):
        for stage in ("scores", "probs", "weights"):
            assert_close(getattr(seen, stage)[layer, 2], torch.from_numpy(expected[stage]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_queries_and_keys_are_what_the_mechanism_receives(qk_norm):
    seen = trace(tiny("svda", qk_norm=qk_norm), pictures(3), keep=STAGES)
    for layer, block in enumerate(seen.model.model.blocks):
        q, k = block.attn.mechanism.project(seen.queries[layer], seen.keys[layer])
        assert_close(q @ k.mT * 8**-0.5, seen.scores[layer])


def test_outputs_leave_a_block_and_enter_the_next():
    seen = trace(tiny(), pictures(3), keep=STAGES)
    blocks, vit = seen.model.model.blocks, seen.model.model
    assert_close(blocks[1].norm1(seen.outputs[0]), seen.inputs[1])
    assert_close(seen.outputs[0], seen.residual)
    assert_close(vit.forward_head(vit.norm(seen.outputs[1])), seen.logits)


@pytest.mark.parametrize(("name", "kind"), [("softmax", "CLS"), ("hard_threshold", "no CLS"), ("svda", "distilled")])
def test_the_gradient_is_that_of_finite_differences(name, kind):
    loaded, images = tiny(name, kind), pictures(2)
    seen = trace(loaded, images, target=[1, 3], keep=("weights", "gradient"))
    rng, tokens, step = np.random.default_rng(0), loaded.grid.tokens, 1e-4
    for layer in (0, 1):
        for head, query, key in [(0, 0, 0), *rng.integers(0, (3, tokens, tokens), (3, 3))]:

            def moved(by, layer=layer, place=(head, query, key)):
                def change(at, stages, v):
                    weights = stages["weights"].copy()
                    weights[place] += by if at == layer else 0
                    return stages | {"out": weights @ v}

                return twin_forward(loaded, images[1], change)[0][3]

            slope = (moved(step) - moved(-step)) / (2 * step)
            np.testing.assert_allclose(seen.gradient[layer, 1, head, query, key], slope, rtol=1e-5, atol=1e-7)


def test_a_weight_that_was_cut_still_has_a_gradient():
    seen = trace(tiny("hard_threshold"), pictures(), keep=("weights", "gradient"))
    cut = seen.weights[0] == 0
    assert cut.any()
    assert (seen.gradient[0][cut] != 0).double().mean() > 0.9


def test_a_gradient_needs_no_parameter_that_requires_one():
    loaded, images = tiny("svda"), pictures()
    expected = trace(loaded, images, keep=("gradient",)).gradient
    loaded.model.requires_grad_(False)
    assert_close(trace(loaded, images, keep=("gradient",)).gradient, expected)
    assert expected.abs().max() > 0


@pytest.mark.parametrize("keep", [(), *((stage,) for stage in STAGES), STAGES], ids=str)
@pytest.mark.parametrize("name", ["softmax", "hard_threshold"])
def test_keep_decides_what_stays(name, keep):
    seen = trace(tiny(name), pictures(), keep=keep)
    assert {stage for stage in STAGES if getattr(seen, stage) is not None} == set(keep)
    shapes = dict.fromkeys(STAGES, (2, 2, 3, 25, 25)) | dict.fromkeys(("inputs", "outputs"), (2, 2, 25, 24))
    shapes |= dict.fromkeys(("queries", "keys"), (2, 2, 3, 25, 8))
    assert all(getattr(seen, stage).shape == shapes[stage] for stage in keep)
    assert not any(getattr(seen, stage).requires_grad for stage in keep)


def test_probs_and_weights_are_one_tensor_where_nothing_is_selected():
    seen = trace(tiny("svda"), pictures())
    assert seen.probs is seen.weights
    cut = trace(tiny("hard_threshold"), pictures())
    assert (cut.weights == 0).sum() > (cut.probs == 0).sum() == 0


def test_what_was_not_kept_is_named_with_the_way_to_keep_it():
    seen = trace(tiny(), pictures(), keep=("weights",))
    message = r"^the trace holds no 'gradient'; call trace\(\.\.\., keep=\('weights', 'gradient'\)\)\Z"
    with pytest.raises(MissingTensorError, match=message):
        seen.need("gradient")
    assert seen.need("weights") is seen.weights


@pytest.mark.parametrize("name", [name for name, entry in ATTRIBUTIONS.items() if entry.needs])
def test_an_attribution_needs_the_stages_it_says(name):
    seen = trace(tiny(), pictures(), keep=ATTRIBUTIONS[name].needs)
    ATTRIBUTIONS[name].function(seen)
    for stage in ATTRIBUTIONS[name].needs:
        rest = tuple(set(ATTRIBUTIONS[name].needs) - {stage})
        with pytest.raises(MissingTensorError, match=f"'{stage}'"):
            ATTRIBUTIONS[name].function(trace(tiny(), pictures(), keep=rest))


def test_an_unknown_stage_is_refused():
    with pytest.raises(
        InterpretError, match=r"^keep=.*: unknown 'gradients'; available: inputs, queries, keys, scores, probs, .*\Z"
    ):
        trace(tiny(), pictures(), keep=("gradients",))


def test_images_of_another_size_are_refused():
    message = r"^tiny takes images of \(32, 48\) \(height, width\), got \(48, 32\); resize them, or pass PIL images\Z"
    with pytest.raises(InterpretError, match=message):
        trace(tiny(), pictures(size=(48, 32)))


def test_pil_images_are_fitted_and_normalised():
    loaded = tiny(dtype=torch.float32)
    rng = np.random.default_rng(0)
    photos = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in ((70, 90), (64, 64))]
    expected = torch.stack([preprocess(photo, (32, 48), loaded.spec.mean, loaded.spec.std) for photo in photos])
    seen = trace(loaded, photos)
    assert_close(seen.images, expected)
    assert_close(seen.logits, loaded.model(expected).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", [2, [2, 2, 2], (2, 2, 2), torch.tensor([2, 2, 2]), np.array([2, 2, 2])], ids=repr)
def test_a_target_is_a_class_or_one_for_each_image(target):
    if isinstance(target, np.ndarray):
        target = target.tolist()
    seen = trace(tiny(), pictures(3), target=target, keep=("gradient",))
    assert_close(seen.target, torch.tensor([2, 2, 2]))


def test_without_a_target_the_predicted_class_is_explained():
    loaded, images = tiny(), pictures(3)
    seen = trace(loaded, images, keep=("gradient",))
    assert_close(seen.target, seen.logits.argmax(dim=-1))
    assert_close(seen.gradient, trace(loaded, images, target=seen.target, keep=("gradient",)).gradient)
    assert not torch.equal(seen.gradient, trace(loaded, images, (seen.target + 1) % 5, keep=("gradient",)).gradient)


def test_images_are_cast_to_the_type_of_the_model():
    seen = trace(tiny(dtype=torch.float32), pictures())
    assert (seen.images.dtype, seen.weights.dtype) == (torch.float32, torch.float32)


LAYERS = {"the last": -1, "a list": [-1], "two": [2, 0], "all": [0, 1, 2]}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_layers_that_are_kept_are_those_of_the_whole_trace(layers):
    model = tiny("hard_threshold", depth=3)
    whole = interpret.trace(model, pictures(), keep=STAGES)
    part = interpret.trace(model, pictures(), keep=STAGES, layers=layers)
    listed = [layers] if isinstance(layers, int) else layers
    numbers = sorted(layer % 3 for layer in listed)
    assert part.numbers == tuple(numbers)
    for stage in STAGES:
        assert_close(part.need(stage), whole.need(stage)[numbers])
    assert_close(part.logits, whole.logits)


CHECKOUT = Path(__file__).parents[1]
MEMORY = """
import resource, torch, interpret
from tests.models import tiny
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
model = tiny(img_size=(384, 384), depth=6, dtype=torch.float32)
interpret.trace(model, torch.zeros(1, 3, 384, 384), keep=[])
before = peak()
kept = interpret.trace(model, torch.zeros(4, 3, 384, 384), keep=["weights"], layers=-1)
print(peak() - before, kept.weights.nbytes / 2 ** 20)
"""


@pytest.mark.long
def test_the_last_layer_of_a_large_grid_takes_the_memory_of_one_layer():
    """Of 2305 tokens; the maps of all six layers would take 1460 MiB for four images."""
    told = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    taken, kept = map(float, told.stdout.split())
    assert kept == pytest.approx(4 * 3 * 2305**2 * 4 / 2**20)
    assert taken < 3 * kept


def test_what_needs_every_layer_refuses_some_of_them():
    part = interpret.trace(tiny(depth=3), pictures(), keep=["weights", "gradient"], layers=[-1])
    for name in ("rollout", "relevance", "gradient_rollout"):
        with pytest.raises(
            InterpretError, match=f"{name} needs every layer, the trace holds layer 2 of 3; leave layers="
        ):
            interpret.attribute(part, name)
    with pytest.raises(InterpretError, match=r"the trace holds layer 2 of 3, not layer 0; trace\(..., layers=\[0\]\)"):
        interpret.attribute(part, "cls_attention", layer=0)


def test_what_needs_one_layer_or_none_takes_some_of_them():
    model = tiny(depth=3)
    whole = interpret.trace(model, pictures())
    part = interpret.trace(model, pictures(), keep="weights", layers=[0, 2])
    for layer in (0, 2, -1, -3):
        of_whole = interpret.attribute(whole, "cls_attention", layer=layer)
        assert_close(interpret.attribute(part, "cls_attention", layer=layer), of_whole)
    assert_close(interpret.attribute(part, "layer_grad_cam"), interpret.attribute(whole, "layer_grad_cam"))


@pytest.mark.parametrize("mechanism", ["hard_threshold", "svda"])
def test_indicators_of_some_layers_are_those_of_the_whole_trace(mechanism):
    model, names = tiny(mechanism, depth=3), list(interpret.INDICATORS)
    whole = interpret.measure(interpret.trace(model, pictures(), keep=STAGES), names)
    part = interpret.measure(interpret.trace(model, pictures(), keep=STAGES, layers=[0, 2]), names)
    expected = whole.loc[whole["layer"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)


@pytest.mark.parametrize("layers", [3, [-4], [], [True], [0, "last"], "last", 0.5])
def test_a_layer_that_there_is_not_is_refused(layers):
    with pytest.raises(InterpretError, match="tiny has 3 layers, 0 to 2; -1 is the last"):
        interpret.trace(tiny(depth=3), pictures(), layers=layers)
