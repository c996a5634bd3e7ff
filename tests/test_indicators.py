import copy
import dataclasses
import gc
import math
import weakref

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from interpret import threshold
from interpret.foundation.errors import InterpretError, MissingTensorError
from interpret.indicators import INDICATORS, _spectra, measure
from interpret.mechanisms import MECHANISMS, Mechanism
from interpret.models.trace import STAGES, Trace
from interpret.models.tracing import trace
from tests.models import pictures, tiny, watched
from tests.references import indicators as twins
from tests.references.golden import BASELINES
from tests.references.golden import INDICATORS as GOLDEN

COUNTED = ("active_tokens", "sparsity", "dead_rows", "retained_mass")
VARIANTS = {"angular_alignment": "mean", "angular_alignment_abs": "absolute", "angular_alignment_weighted": "weighted"}
OF_THEIR_OWN = {*VARIANTS, "attention_distance", "head_similarity", "orthogonality_defect", "perturbation_robustness"}
OF_THEIR_OWN |= {"register_share"}
"""Golden numbers of more than one matrix or spectrum: each has a test that sets it up."""


def cases(names):
    return [
        pytest.param(name, golden, id=f"{name}: {sentence}")
        for name in names
        for sentence, golden in GOLDEN[name].items()
    ]


@pytest.fixture(scope="module", params=MECHANISMS)
def seen(request):
    return trace(tiny(request.param), pictures(3), keep=STAGES)


@pytest.fixture(scope="module")
def plain():
    return trace(tiny(), pictures(1), keep=STAGES)


def showing(seen: Trace, probs: torch.Tensor, tau: float | None = None) -> Trace:
    """The trace with this attention (query key) everywhere, cut by the real hard rule where a tau is given."""
    wide = torch.as_tensor(probs, dtype=torch.float64)[None, None, None]
    weights = wide if tau is None else MECHANISMS["hard_threshold"].function(1, 1, tau=tau).select(wide[0])[None]
    return dataclasses.replace(seen, **dict.fromkeys(STAGES) | {"probs": wide, "weights": weights})


def value(seen: Trace, name: str, **options) -> float:
    return INDICATORS[name].function(seen, **options).item()


def queries_and_keys(seen, layer, image, head):
    """By hand from the tokens that enter the attention."""
    attn = seen.model.model.blocks[layer].attn
    w, b = (parameter.detach().numpy().reshape(3, 3, 8, -1)[:2, head] for parameter in (attn.qkv.weight, attn.qkv.bias))
    x = seen.inputs[layer, image].numpy()
    return [x @ weight.T + bias[:, 0] for weight, bias in zip(w, b, strict=True)]


def attention_of(seen, layer, tokens):
    """What the real module attends to when these tokens enter it."""
    return watched(seen.model.model.blocks[layer].attn, tokens)[1][0].weights.detach().numpy()


def robustness(seen, layer, image, head):
    generator = torch.Generator().manual_seed(layer)
    x = seen.inputs[layer, image]
    before, moved = seen.weights[layer, image, head].numpy(), []
    for _ in range(8):
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        after = attention_of(seen, layer, (x + 0.05 * x.square().mean().sqrt() * noise)[None])[0, head]
        moved.append(twins.perturbation_robustness(before, after))
    return np.mean(moved)


def tau_of(mechanism, head):
    """What a probability must exceed to be kept: by hand from the mechanism, never from the weights."""
    if hasattr(mechanism, "tau_logit"):
        return (1 - 1e-6) / (1 + math.exp(-mechanism.tau_logit[head].item()))
    return getattr(mechanism, "tau", None) or 0.0


def twin(name, seen, layer, image, head):
    weights, probs = (getattr(seen, stage)[layer, image, head].numpy() for stage in ("weights", "probs"))
    special = {
        "angular_alignment": lambda: twins.angular_alignment(*queries_and_keys(seen, layer, image, head)),
        "attention_distance": lambda: twins.attention_distance(weights, 4, 6, 8, 1),
        "orthogonality_defect": lambda: twins.orthogonality_defect(queries_and_keys(seen, layer, image, head)[0]),
        "register_share": lambda: twins.register_share(seen.outputs[layer, image].numpy(), prefix=1),
        "head_similarity": lambda: twins.head_similarity(seen.weights[layer, image].numpy())[head],
        "perturbation_robustness": lambda: robustness(seen, layer, image, head),
        "would_be_sparsity": lambda: twins.would_be_sparsity(probs, 0.005),
    }
    if name in special:
        return special[name]()
    if not INDICATORS[name].spectral and name not in COUNTED:
        return getattr(twins, name)(weights)
    if name in COUNTED:
        counted = getattr(twins, name)(probs, tau_of(seen.mechanisms[layer], head))
        return counted / len(probs) if name == "dead_rows" else counted
    return getattr(twins, name)(twins.spectrum_attention(weights))


@pytest.mark.parametrize("name", INDICATORS)
def test_every_indicator_agrees_with_its_twin(name, seen):
    values = INDICATORS[name].function(seen)
    expected = [[[twin(name, seen, layer, image, head) for head in range(3)] for image in range(3)] for layer in (0, 1)]
    assert_close(values.double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-10)


def test_every_indicator_has_a_twin_and_a_golden_number():
    assert set(INDICATORS) <= set(vars(twins)) & set(GOLDEN)
    spectra = {name for name in GOLDEN if name.startswith("spectrum_")}
    assert set(GOLDEN) == set(INDICATORS) | OF_THEIR_OWN | spectra


@pytest.mark.parametrize(("name", "golden"), cases(sorted(set(INDICATORS) - OF_THEIR_OWN)))
def test_golden_number(name, golden, plain):
    inputs = golden.inputs
    options = {option: inputs[option] for option in ("gamma", "delta") if option in inputs}
    if "spectrum" in inputs:
        found = value(showing(plain, np.diag(inputs["spectrum"])), name, **options)
    elif "weights" in inputs:
        found = value(showing(plain, inputs["weights"]), name)
    elif name == "would_be_sparsity":
        found = value(showing(plain, inputs["probs"]), name, tau=inputs["tau"])
    else:
        found = value(showing(plain, inputs["probs"], inputs["tau"]), name)
    rows = len(inputs["probs"]) if name == "dead_rows" else 1
    assert_allclose(found, golden.expected / rows, rtol=0, atol=golden.tolerance)


@pytest.mark.parametrize("golden", GOLDEN["attention_distance"].values(), ids=GOLDEN["attention_distance"])
def test_golden_distance(golden):
    given = golden.inputs
    size = tuple(given["patch"] * given[axis] for axis in ("rows", "cols"))
    kind = {0: "no CLS", 1: "CLS", 5: "CLS and registers"}[given["prefix"]]
    seen = trace(tiny(kind=kind, img_size=size, patch_size=given["patch"]), pictures(1, size), keep=())
    assert_allclose(
        value(showing(seen, given["weights"]), "attention_distance"), golden.expected, rtol=0, atol=golden.tolerance
    )


@pytest.mark.parametrize(("name", "golden"), cases(VARIANTS))
def test_golden_alignment(name, golden, plain):
    given = {stage: torch.as_tensor(golden.inputs[stage])[None, None, None] for stage in "qk"}
    kept = {"queries": given["q"], "keys": given["k"]}
    weights = torch.as_tensor(golden.inputs.get("weights", np.zeros((2, 2))))[None, None, None]
    seen = dataclasses.replace(plain, **dict.fromkeys(STAGES) | kept | {"weights": weights})
    found = value(seen, "angular_alignment", variant=VARIANTS[name])
    assert_allclose(found, golden.expected, rtol=0, atol=golden.tolerance)


class Fixed(Mechanism):
    """Attention that is what it is, whatever tokens enter it."""

    def __init__(self, weights):
        super().__init__(3, 8)
        self.weights = torch.as_tensor(weights.copy())

    def select(self, probs):
        return self.weights.expand_as(probs)


@pytest.mark.parametrize("golden", GOLDEN["perturbation_robustness"].values(), ids=GOLDEN["perturbation_robustness"])
def test_golden_robustness(golden, plain):
    before = torch.as_tensor(golden.inputs["before"]).expand(2, 1, 3, 2, 2)
    tokens = torch.ones(2, 1, 2, 24, dtype=torch.float64)
    kept = dict.fromkeys(STAGES) | {"weights": before, "inputs": tokens, "residual": tokens[0], "normed": tokens[0]}
    after = Fixed(golden.inputs["after"])
    changes = ({0: lambda own: after, 1: lambda own: after},)
    seen = dataclasses.replace(plain, **kept, changes=changes, state=())
    found = INDICATORS["perturbation_robustness"].function(seen)
    assert_allclose(found, np.full((2, 1, 3), golden.expected), rtol=0, atol=golden.tolerance)


@pytest.mark.parametrize("golden", GOLDEN["head_similarity"].values(), ids=GOLDEN["head_similarity"])
def test_golden_similarity_of_heads(golden, plain):
    layer = torch.as_tensor(golden.inputs["layer"], dtype=torch.float64)[None, None]
    kept = dict.fromkeys(STAGES) | {"probs": layer, "weights": layer}
    found = INDICATORS["head_similarity"].function(dataclasses.replace(plain, **kept))
    assert_allclose(found[0, 0], golden.expected, rtol=0, atol=golden.tolerance)


@pytest.mark.parametrize("golden", GOLDEN["orthogonality_defect"].values(), ids=GOLDEN["orthogonality_defect"])
@pytest.mark.parametrize("vectors", ["queries", "keys"])
def test_golden_defect(vectors, golden, plain):
    given = torch.as_tensor(golden.inputs["vectors"])[None, None, None]
    kept = dict.fromkeys(STAGES) | dict.fromkeys(("queries", "keys"), torch.ones_like(given)) | {vectors: given}
    found = value(dataclasses.replace(plain, **kept), "orthogonality_defect", vectors=vectors)
    assert_allclose(found, golden.expected, rtol=0, atol=golden.tolerance)


def test_other_vectors_are_refused(plain):
    message = "orthogonality_defect has no vectors 'values'; available: queries, keys"
    with pytest.raises(InterpretError, match=message):
        value(plain, "orthogonality_defect", vectors="values")


@pytest.mark.parametrize("golden", GOLDEN["register_share"].values(), ids=GOLDEN["register_share"])
def test_golden_registers(golden, plain):
    tokens = torch.as_tensor(golden.inputs["tokens"])
    prefix = torch.full((1 - golden.inputs.get("prefix", 0), tokens.shape[1]), 1000.0, dtype=tokens.dtype)
    whole = torch.cat([prefix, tokens])[None]
    seen = dataclasses.replace(plain, **dict.fromkeys(STAGES) | {"outputs": whole[None]}, residual=whole, normed=whole)
    options = {"z": golden.inputs["z"]} if "z" in golden.inputs else {}
    found = INDICATORS["register_share"].function(seen, **options)
    assert_allclose(found, np.full((1, 1, 3), golden.expected), rtol=0, atol=golden.tolerance)


BEFORE = torch.tensor([[0.4, 0.4, 0.2], [0.9, 0.05, 0.05], [0.34, 0.33, 0.33]], dtype=torch.float64)
AFTER = torch.tensor([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.float64)
OF_ROWS = {
    "active_tokens": (1, 2, 0.5),
    "sparsity": (2 / 3, 1 / 3, 5 / 6),
    "dead_rows": (1 / 3, 0, 1 / 2),
    "retained_mass": (1.7 / 3, 0.8, 0.45),
    "would_be_sparsity": (2 / 3, 1 / 3, 5 / 6),
    "attention_entropy": (math.log(2) / 2, math.log(2), 0),
    "selectivity_index": (1 - math.log(2) / math.log(9), 1 - math.log(2) / math.log(3), 1),
}


@pytest.mark.parametrize("name", OF_ROWS)
def test_the_row_of_the_class_token_and_those_of_patches(name, plain):
    seen = dataclasses.replace(showing(plain, BEFORE), weights=AFTER[None, None, None])
    constants = {"tau": 0.35} if name == "would_be_sparsity" else {}
    found = [value(seen, name, rows=rows, **constants) for rows in (None, "cls", "patches")]
    assert_allclose(found, OF_ROWS[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "prefix"), [("no CLS", 0), ("CLS", 1), ("distilled", 2), ("CLS and registers", 5)])
def test_rows_of_every_kind_of_prefix(kind, prefix):
    seen = trace(tiny("hard_threshold", kind), pictures())
    counts = (seen.weights > 0).sum(dim=-1).double()
    patches = INDICATORS["active_tokens"].function(seen, rows="patches")
    cls = INDICATORS["active_tokens"].function(seen, rows="cls")
    assert_allclose(patches, counts[..., prefix:].mean(dim=-1))
    assert_allclose(cls, counts[..., 0] if prefix else torch.full(cls.shape, torch.nan))


def test_rows_are_told_as_a_variant_and_others_refused(plain):
    table = measure(plain, ["active_tokens"], {"active_tokens": [{}, {"rows": "cls"}, {"rows": "patches"}]})
    assert list(table["variant"].unique()) == ["", "rows=cls", "rows=patches"]
    message = "^there are no rows 'first'; available: cls, patches, and all of them unless given$"
    with pytest.raises(InterpretError, match=message):
        value(plain, "active_tokens", rows="first")


@pytest.mark.parametrize(("variant", "name"), [("absolute", "abs"), ("weighted", "weighted")])
def test_other_variants_of_alignment_agree_with_their_twins(variant, name, seen):
    found = INDICATORS["angular_alignment"].function(seen, variant=variant)
    for layer, image, head in np.ndindex(found.shape):
        q, k = queries_and_keys(seen, layer, image, head)
        weights = [seen.weights[layer, image, head].numpy()] if variant == "weighted" else []
        expected = getattr(twins, f"angular_alignment_{name}")(q, k, *weights)
        assert_allclose(found[layer, image, head], expected, rtol=0, atol=1e-10)


def test_an_unknown_variant_is_refused(plain):
    with pytest.raises(InterpretError, match="angular_alignment has no variant 'max'; available: mean, absolute"):
        value(plain, "angular_alignment", variant="max")


def test_robustness_belongs_to_the_mechanism_that_was_looked_at():
    loaded = tiny()
    with threshold(loaded, 0.1):
        inside = trace(loaded, pictures(), keep=STAGES)
        expected = INDICATORS["perturbation_robustness"].function(inside)
    assert_close(INDICATORS["perturbation_robustness"].function(inside), expected, rtol=0, atol=0)
    plain = INDICATORS["perturbation_robustness"].function(trace(loaded, pictures(), keep=STAGES))
    assert (expected - plain).abs().min() > 1e-4


@pytest.mark.parametrize("baseline", BASELINES, ids=str)
def test_a_threshold_on_unstructured_attention(baseline, plain):
    logits = baseline.spread * torch.randn(2000, 197, dtype=torch.float64)
    cut = showing(plain, logits.softmax(dim=-1), baseline.tau)
    tolerance = max(baseline.relative_tolerance, 0.02)
    uncut = showing(plain, logits.softmax(dim=-1))
    assert_allclose(value(uncut, "would_be_sparsity", tau=baseline.tau), baseline.sparsity, rtol=tolerance)
    assert_allclose(value(cut, "active_tokens"), baseline.active_tokens, rtol=tolerance)
    assert_allclose(value(cut, "sparsity"), baseline.sparsity, rtol=tolerance)


@pytest.mark.parametrize("tokens", [5, 25])
def test_uniform_attention(tokens, plain):
    uniform = showing(plain, torch.full((tokens, tokens), 1 / tokens))
    assert_allclose(value(uniform, "attention_entropy"), math.log(tokens))
    assert_allclose(value(uniform, "effective_rank"), 1, atol=1e-6)
    assert_allclose(value(uniform, "active_tokens"), tokens)


@pytest.mark.parametrize("tokens", [5, 25])
def test_attention_of_every_token_to_itself(tokens, plain):
    identity = showing(plain, torch.eye(tokens))
    assert_allclose(value(identity, "effective_rank"), tokens)
    assert_allclose(value(identity, "spectral_entropy"), math.log(tokens))
    assert_allclose(value(identity, "attention_entropy"), 0, atol=1e-12)
    assert_allclose(value(identity, "active_tokens"), 1)


def test_a_sink_and_uniform_attention_have_one_direction_and_opposite_entropy(plain):
    sink = showing(plain, torch.eye(25)[[0] * 25])
    assert_allclose(value(sink, "effective_rank"), 1, atol=1e-6)
    assert_allclose(value(sink, "attention_entropy"), 0, atol=1e-12)


def test_dead_rows_are_counted_and_left_out_of_the_entropy(plain):
    probs = torch.tensor([[0.6, 0.3, 0.1], [0.25, 0.25, 0.5], [0.34, 0.33, 0.33]])
    cut = showing(plain, probs, 0.45)
    assert_allclose(value(cut, "dead_rows"), 1 / 3)
    assert_allclose(value(cut, "attention_entropy"), 0, atol=1e-12)
    assert_allclose(value(cut, "retained_mass"), 1.1 / 3, rtol=1e-6)


def test_what_is_undefined_is_nan(plain):
    dead = showing(plain, torch.full((25, 25), 0.04), 0.5)
    defined = {"active_tokens", "dead_rows", "retained_mass", "sparsity", "would_be_sparsity"}
    of_inputs = {"angular_alignment", "orthogonality_defect", "perturbation_robustness", "register_share"}
    assert {name for name in set(INDICATORS) - of_inputs if not math.isnan(value(dead, name))} == defined
    assert (value(dead, "dead_rows"), value(dead, "sparsity"), value(dead, "retained_mass")) == (1, 1, 0)
    assert measure(dead, ["spectral_entropy"]).query("kind == 'attention'")["value"].isna().all()


def test_a_head_that_is_dead_in_the_real_model_is_measured():
    loaded = tiny("softmax")
    with threshold(loaded, 0.99):
        table = measure(trace(loaded, pictures()), ["dead_rows", "retained_mass", "attention_entropy"])
    means = table.groupby("indicator")["value"].mean()
    assert 0.5 < means["dead_rows"] <= 1
    assert_allclose(means["dead_rows"] + means["retained_mass"], 1, atol=0.05)


@pytest.mark.parametrize("name", INDICATORS)
def test_values_lie_within_the_bounds_that_are_stated(name, seen):
    entry, tokens = INDICATORS[name], seen.grid.tokens
    sizes = {"0": 0, "1": 1, "N": tokens, "ln N": math.log(tokens), "d, or N for attention": tokens}
    sizes |= {
        "ln d, or ln N for attention": math.log(tokens),
        "-1": -1,
        "1/N": 1 / tokens,
        "1 - 1/d": 1,
        "sqrt(d - 1)": 7**0.5,
    }
    sizes["the distance of the farthest two patches"] = 8 * math.hypot(3, 5)
    low, high = (sizes[bound] for bound in entry.bounds)
    values = entry.function(seen)
    assert ((values >= low - 1e-9) & (values <= high + 1e-9)).all()


def test_heads_and_images_keep_their_places(seen):
    order = torch.tensor([2, 0, 1])
    stages = {stage: getattr(seen, stage) for stage in STAGES}
    moved = {stage: tensor[:, order][:, :, order] for stage, tensor in stages.items() if "puts" not in stage}
    moved["outputs"] = seen.outputs[:, order]
    for name in set(INDICATORS) - {"perturbation_robustness"}:
        entry = INDICATORS[name]
        expected = entry.function(seen)[:, order][:, :, order]
        assert_close(
            entry.function(dataclasses.replace(seen, **moved)),
            expected,
            equal_nan=True,
            msg=lambda text, name=name: f"{name}: {text}",
        )


SPECTRA = {
    "attention": ("weights", twins.spectrum_attention),
    "attention_centred": ("weights", twins.spectrum_attention_centred),
    "scores": ("scores", twins.spectrum_scores),
}


@pytest.mark.parametrize("kind", SPECTRA)
def test_a_spectrum_of_each_image_agrees_with_its_twin(kind, seen):
    stage, of = SPECTRA[kind]
    found = _spectra.spectrum(seen, kind)
    for layer, image, head in np.ndindex(2, 3, 3):
        expected = of(getattr(seen, stage)[layer, image, head].numpy())
        directions = 8 if kind == "scores" else 25
        assert_close(found[layer, image, head], torch.from_numpy(expected[:directions]), rtol=0, atol=1e-10)
        assert_allclose(expected[directions:], 0, atol=1e-10)


@pytest.mark.parametrize("kind", ["attention", "attention_centred"])
def test_golden_spectrum(kind, plain):
    for golden in GOLDEN[f"spectrum_{kind}"].values():
        found = _spectra.spectrum(showing(plain, golden.inputs["weights"]), kind)[0, 0, 0]
        assert_allclose(found, golden.expected, rtol=0, atol=golden.tolerance)


def test_the_centred_spectrum_holds_the_residual_of_the_mean_row(plain):
    seen = showing(plain, [[0.9, 0.1], [0.2, 0.8]])
    norms = [torch.linalg.vector_norm(_spectra.spectrum(seen, kind)) for kind in ("attention_centred", "attention")]
    assert_allclose(norms[0] / norms[1], 0.5715476, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", ["attention", "attention_centred"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_queries_that_attend_alike_have_no_centred_spectrum(kind, dtype, plain):
    weights = (
        torch.rand(23, generator=torch.Generator().manual_seed(0)).to(dtype).softmax(dim=-1).expand(1, 1, 1, 23, -1)
    )
    seen = dataclasses.replace(plain, **dict.fromkeys(STAGES) | {"weights": weights})
    assert_allclose(value(seen, "effective_rank", kind=kind), 1 if kind == "attention" else torch.nan, rtol=1e-12)


@pytest.mark.parametrize("kind", ["attention", "attention_centred"])
def test_effective_ranks_of_full_size_are_those_of_singular_values(kind, plain):
    """Those of attention in fp64, before it is rounded to the fp32 that is seen."""
    logits = (torch.randn(6, 197, 64) @ torch.randn(6, 64, 197) / 8).double()
    exact = (torch.tensor([0.02, 1, 4])[:, None, None, None] * logits).softmax(dim=-1)[:, None]
    weights = exact.float()
    seen = dataclasses.replace(plain, **dict.fromkeys(STAGES) | {"weights": weights})
    wide = exact - (exact.mean(dim=-2, keepdim=True) if kind == "attention_centred" else 0)
    w = torch.linalg.svdvals(wide)
    expected = torch.special.entr(w / w.sum(dim=-1, keepdim=True)).sum(dim=-1).exp()
    found = INDICATORS["effective_rank"].function(seen, kind=kind)
    assert_allclose(found[0], expected[0], rtol=0, atol=1e-4)
    assert_allclose(found[1:], expected[1:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_ranks_of_a_model_in_half_precision_are_finite_and_near_those_of_fp32(dtype):
    half = tiny(dtype=dtype)
    wide = dataclasses.replace(half, model=copy.deepcopy(half.model).float())
    found, expected = (
        measure(trace(model, pictures().to(each), keep=("weights",)), "effective_rank")
        for model, each in ((half, dtype), (wide, torch.float32))
    )
    assert found["value"].notna().all()
    assert_allclose(found["value"], expected["value"], rtol=0.05)


def test_indicators_share_a_decomposition_for_as_long_as_the_trace_is_in_use():
    seen = trace(tiny(), pictures(), keep=("weights",))
    found = _spectra.spectrum(seen, "attention")
    assert _spectra.spectrum(seen, "attention") is found
    kept = weakref.ref(found)
    del seen, found
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_single_precision_is_enough(mechanism):
    seen = trace(tiny(mechanism, dtype=torch.float32), pictures(3), keep=STAGES)
    wide = dataclasses.replace(seen, **{stage: getattr(seen, stage).double() for stage in STAGES})
    for name in set(INDICATORS) - {"perturbation_robustness"}:
        found, expected = (INDICATORS[name].function(each) for each in (seen, wide))
        assert_close(found, expected, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


def test_the_spectrum_of_the_weights_agrees_with_its_twin(seen):
    found = _spectra.spectrum(seen, "qk_weight")
    for layer, block in enumerate(seen.model.model.blocks):
        w_q, w_k, _ = block.attn.qkv.weight.detach().numpy().reshape(3, 3, 8, 24)
        sigma = getattr(block.attn.mechanism, "sigma", None)
        for head in range(3):
            given = None if sigma is None else sigma[head].detach().numpy()
            expected = twins.spectrum_qk_weight(w_q[head], w_k[head], block.norm1.weight.detach().numpy(), given)
            assert_allclose(found[layer, 0, head].numpy(), expected[:8], rtol=1e-9, atol=1e-9)
            assert_allclose(expected[8:], 0, atol=1e-9)


def test_the_spectrum_of_sigma_is_its_absolute_values():
    loaded = tiny("svda")
    with torch.no_grad():
        loaded.model.blocks[1].attn.mechanism.sigma[2] = torch.tensor([4.0, -2, 1, -1, 0, 0, 0, 0])
    seen = trace(loaded, pictures(), keep=("weights",))
    assert_allclose(INDICATORS["effective_rank"].function(seen, kind="sigma")[1, :, 2], 3.3635857, rtol=1e-6)
    assert_allclose(INDICATORS["spectral_entropy"].function(seen, kind="sigma")[1, :, 2], 1.2130076, rtol=1e-6)


def test_the_table_is_tidy_and_never_mixes_kinds(seen):
    table = measure(seen, list(INDICATORS))
    assert list(table) == ["image", "layer", "head", "indicator", "kind", "variant", "value", "unit"]
    kinds = table.groupby("indicator")["kind"].agg(set).to_dict()
    learned = {"sigma", "sigma_effective"} if seen.model.spec.mechanism == "svda" else set()
    spectral = {"attention", "attention_centred", "scores", "qk_weight"} | learned
    assert kinds == {name: spectral if INDICATORS[name].spectral else {""} for name in INDICATORS}
    assert len(table) == 2 * 3 * 3 * sum(len(found) for found in kinds.values())
    assert not table.duplicated(["image", "layer", "head", "indicator", "kind"]).any()
    one = table.query(
        "indicator == 'effective_rank' and kind == 'attention' and image == 2 and layer == 1 and head == 0"
    )
    assert_allclose(one["value"], INDICATORS["effective_rank"].function(seen)[1, 2, 0])
    assert table.groupby("indicator")["unit"].first().to_dict() == {name: INDICATORS[name].unit for name in INDICATORS}


def test_a_kind_that_is_not_there_is_refused(plain):
    with pytest.raises(
        InterpretError, match=r"^unknown spectrum kind 'qk'; available: attention, attention_centred, scores, .*\Z"
    ):
        value(plain, "effective_rank", kind="qk")
    with pytest.raises(
        InterpretError, match=r"^spectrum kind 'sigma' is not defined for tiny or was not kept by its .*\Z"
    ):
        value(plain, "effective_rank", kind="sigma")


@pytest.mark.parametrize("name", [name for name, entry in INDICATORS.items() if not entry.spectral])
def test_an_indicator_needs_the_stages_it_says(name, plain):
    for stage in INDICATORS[name].needs:
        with pytest.raises(MissingTensorError, match=f"^the trace holds no '{stage}'"):
            INDICATORS[name].function(dataclasses.replace(plain, **{stage: None}))
