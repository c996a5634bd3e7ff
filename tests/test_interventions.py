from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import kstest
from torch.testing import assert_close

import interpret
from interpret import attribute, head_pruning, sigma_perturbation, sigma_retention, threshold
from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.interventions._export import export
from interpret.interventions.sigma_retention import accounting, kept_directions, reduced
from interpret.mechanisms import MECHANISMS
from interpret.models.attention import stages
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from interpret.models.tracing import trace
from tests.models import attention, pictures, tiny, twin_forward
from tests.references import retention
from tests.references import vit as twin_vit
from tests.references.golden import RETENTION
from tests.references.mechanisms import Stages, softmax_of_row

RULES = {"hard": "hard_threshold", "soft": "soft_threshold"}
SCOPES: dict[str, Callable[[LoadedModel], AbstractContextManager[LoadedModel]]] = {
    "threshold": lambda loaded: threshold(loaded, 0.06),
    "threshold of one head": lambda loaded: threshold(loaded, 0.06, layers=[1], heads=[0]),
    "sigma_retention": lambda loaded: sigma_retention(loaded, 0.5),
    "head_pruning": lambda loaded: head_pruning(loaded, [(0, 1), (1, 2)]),
    "sigma_perturbation": lambda loaded: sigma_perturbation(loaded, 0.3),
}


def spread(**options: Any) -> LoadedModel:
    """An SVDA model whose heads differ in how their energy is spread."""
    loaded = tiny("svda", **options)
    for layer, block in enumerate(loaded.model.blocks):
        generator = torch.Generator().manual_seed(layer)
        block.attn.mechanism.sigma.data *= torch.randn(3, 8, generator=generator)
    return loaded


def twin_with(mechanism: str, loaded: LoadedModel, tau: float) -> LoadedModel:
    """A model of another mechanism with the same weights."""
    other = tiny(mechanism, options={"tau": tau})
    shared = {key: value for key, value in loaded.model.state_dict().items() if ".mechanism." not in key}
    other.model.load_state_dict(shared)
    return other


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name != "svda"])
@pytest.mark.parametrize("rule", RULES)
def test_a_threshold_makes_any_dot_product_model_a_selective_one(rule, name):
    loaded, images = tiny(name), pictures()
    expected = twin_with(RULES[rule], loaded, 0.06).model(images)
    with threshold(loaded, 0.06, rule) as inside:
        assert inside is loaded
        assert torch.equal(loaded.model(images), expected)
    assert not torch.equal(loaded.model(images), expected)


def test_svda_keeps_its_scores():
    loaded, images = tiny("svda"), pictures()
    before = trace(loaded, images, keep=("scores", "probs", "weights"))
    with threshold(loaded, 0.06):
        inside = trace(loaded, images, keep=("scores", "probs", "weights"))
    assert_close(inside.scores[0], before.scores[0])
    cut = before.probs[0] <= 0.06
    assert 0.1 < cut.double().mean() < 1
    assert torch.equal(inside.weights[0] == 0, cut)


def test_a_tau_of_zero_is_the_plain_softmax_up_to_the_epsilon():
    loaded, images = tiny(dtype=torch.float32), pictures().float()
    for rule in RULES:
        with threshold(loaded, 0.0, rule):
            inside = trace(loaded, images)
        assert_close(inside.weights, inside.probs, rtol=0, atol=2e-6)
        assert_close(inside.logits, loaded.model(images).detach(), rtol=1e-4, atol=1e-4)


def test_the_last_row_of_scopes_counts_and_each_is_undone_in_turn():
    loaded, images = tiny(), pictures()
    plain, once, twice = (
        model.model(images) for model in (loaded, *(twin_with("hard_threshold", loaded, t) for t in (0.02, 0.1)))
    )
    with threshold(loaded, 0.02):
        with threshold(loaded, 0.1):
            assert torch.equal(loaded.model(images), twice)
        assert torch.equal(loaded.model(images), once)
    assert torch.equal(loaded.model(images), plain)


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_model_is_as_before_after_the_scope_and_after_a_failure(name):
    loaded = tiny(name)
    mechanisms = [block.attn.mechanism for block in loaded.model.blocks]
    keys = set(loaded.model.state_dict())
    with threshold(loaded, 0.06):
        pass
    with pytest.raises(RuntimeError, match="stop"), threshold(loaded, 0.06):
        raise RuntimeError("stop")
    assert all(block.attn.mechanism is own for block, own in zip(loaded.model.blocks, mechanisms, strict=True))
    assert set(loaded.model.state_dict()) == keys


@pytest.mark.parametrize("tau", [-0.1, 1.0, float("nan")])
def test_a_tau_that_is_no_threshold_is_refused_before_anything_changes(tau):
    loaded = tiny("svda")
    own = loaded.model.blocks[0].attn.mechanism
    with pytest.raises(InterpretError, match=rf"^tau {tau} is outside \[0, 1\); .*\Z"), threshold(loaded, tau):
        pass
    assert loaded.model.blocks[0].attn.mechanism is own


def test_an_unknown_rule_lists_the_known():
    with (
        pytest.raises(InterpretError, match=r"^rule 'medium' is not one of hard, soft\Z"),
        threshold(tiny(), 0.1, "medium"),
    ):
        pass


def test_a_threshold_of_some_layers_and_heads_leaves_the_others_their_own_selection():
    loaded, image = tiny("soft_threshold"), pictures(1)

    def cut(layer: int, stages: Stages, v: np.ndarray) -> Stages:
        weights = stages["weights"].copy()
        if layer == 1:
            kept = np.where(stages["probs"] > 0.06, stages["probs"], 0)
            weights[[0, 2]] = (kept / (kept.sum(axis=-1, keepdims=True) + 1e-6))[[0, 2]]
        return stages | {"weights": weights, "out": weights @ v}

    expected, stages = twin_forward(loaded, image[0], cut)
    with threshold(loaded, 0.06, layers=[1], heads=[2, 0]):
        seen = trace(loaded, image)
        logits = loaded.model(image)
    for layer, one in enumerate(stages):
        assert_allclose(seen.weights[layer, 0], one["weights"], atol=1e-9)
    assert_allclose(logits[0].detach(), expected, rtol=1e-9)


def test_all_layers_and_heads_by_name_are_all():
    loaded, images = tiny(), pictures()
    with threshold(loaded, 0.06):
        expected = loaded.model(images)
    with threshold(loaded, 0.06, layers=range(2), heads=range(3)):
        assert torch.equal(loaded.model(images), expected)
    with threshold(loaded, 0.06, layers=[]), threshold(loaded, 0.06, heads=()):
        assert_close(loaded.model(images), tiny().model(images))


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (lambda loaded: threshold(loaded, 0.1, layers=[0, 2]), "layer 2 is none of tiny, whose layers are 0 to 1"),
        (lambda loaded: threshold(loaded, 0.1, heads=[-1]), "head -1 is none of tiny, whose heads are 0 to 2"),
        (lambda loaded: head_pruning(loaded, [(2, 0)]), "layer 2 is none of tiny, whose layers are 0 to 1"),
        (lambda loaded: head_pruning(loaded, [(0, 0), (1, 3)]), "head 3 is none of tiny, whose heads are 0 to 2"),
    ],
)
def test_an_index_that_does_not_exist_is_refused_before_anything_changes(scope, message):
    loaded = tiny()
    own = [block.attn.mechanism for block in loaded.model.blocks]
    with pytest.raises(InterpretError) as refused, scope(loaded):
        pass
    assert str(refused.value) == message
    assert [block.attn.mechanism for block in loaded.model.blocks] == own


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_every_scope_does_something_and_leaves_no_trace(scope, fails):
    loaded, images = tiny("svda"), pictures()
    loaded.model.blocks[0].requires_grad_(False)
    loaded.model.blocks[1].train()
    modules = list(loaded.model.named_modules())
    before = {key: tensor.clone() for key, tensor in loaded.model.state_dict().items()}
    flags = [[module.training for _, module in modules], [p.requires_grad for p in loaded.model.parameters()]]
    logits, random = loaded.model(images), torch.get_rng_state()
    expected = pytest.raises(RuntimeError, match="stop") if fails else nullcontext()
    with expected, scope(loaded) as inside:
        assert inside is loaded
        assert (loaded.model(images) - logits).abs().max() > 1e-3
        assert [p.requires_grad for p in loaded.model.parameters()] == flags[1]
        assert loaded.model.state_dict().keys() == before.keys()
        if fails:
            raise RuntimeError("stop")
    assert torch.equal(torch.get_rng_state(), random)
    assert list(loaded.model.named_modules()) == modules
    assert [[module.training for _, module in modules], [p.requires_grad for p in loaded.model.parameters()]] == flags
    assert all(torch.equal(tensor, before[key]) for key, tensor in loaded.model.state_dict().items())
    assert torch.equal(loaded.model(images), logits)


def test_scopes_of_different_kinds_act_together_in_any_order():
    loaded, images = spread(), pictures()
    kinds = ("threshold", "sigma_retention", "head_pruning")
    found = []
    for order in permutations(kinds):
        with ExitStack() as scopes:
            for kind in order:
                scopes.enter_context(SCOPES[kind](loaded))
            found.append(loaded.model(images))
    assert all(torch.equal(logits, found[0]) for logits in found)
    for missing in kinds:
        with ExitStack() as scopes:
            for kind in kinds:
                scopes.enter_context(SCOPES[kind](loaded)) if kind != missing else None
            assert not torch.allclose(loaded.model(images), found[0])


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_map_made_after_the_scope_explains_what_was_seen_in_it(scope):
    loaded, images = spread(), pictures()
    with scope(loaded):
        seen = trace(loaded, images, 2)
        expected = attribute(seen, "layer_grad_cam")
    assert torch.equal(attribute(seen, "layer_grad_cam"), expected)
    assert not torch.allclose(attribute(trace(loaded, images, 2), "layer_grad_cam"), expected)


@pytest.mark.parametrize("golden", RETENTION["kept_directions"].values(), ids=RETENTION["kept_directions"])
def test_the_kept_directions_are_the_golden_ones(golden):
    arguments = {"power": 2.0} | golden.inputs
    sigma, smallest = torch.tensor(arguments["sigma"].copy()), 1e-9  # for the case of rho = 0, which is refused here
    rho = max(arguments["rho"], smallest)
    assert kept_directions(sigma, rho, float(arguments["power"])).int().tolist() == np.asarray(golden.expected).tolist()


@pytest.mark.parametrize(
    ("sigma", "rho", "power", "kept"),
    [
        ([3, 2, 1, 0.5], 0.9, 2.0, [1, 1, 0, 0]),
        ([3, 2, 1, 0.5], 0.9, 1.0, [1, 1, 1, 0]),
        ([0.5, -2, 1, 3], 0.9, 2.0, [0, 1, 0, 1]),
        ([0.1] * 10, 0.9, 2.0, [1] * 9 + [0]),
        ([0.0, 0, 0], 0.1, 2.0, [1, 1, 1]),
        ([1.0, 1], 1e-3, 2.0, [1, 0]),
    ],
)
def test_the_kept_directions_by_hand(sigma, rho, power, kept):
    assert kept_directions(torch.tensor([sigma, sigma]), rho, power).int().tolist() == [kept, kept]


@pytest.mark.parametrize("rho", [0.05, 0.3, 0.77, 0.999, 1.0])
def test_the_kept_directions_are_those_of_the_slow_twin(rho):
    sigma = torch.randn(7, 12, dtype=torch.float64)
    assert kept_directions(sigma, rho).tolist() == retention.kept_directions(sigma.numpy(), rho).tolist()


def one_token() -> tuple[LoadedModel, torch.Tensor]:
    """A layer of one head of width two with q = k = x, its energy four to one; and the token (3, 4)."""
    layer = attention("svda", 1, 2, {})
    layer.qkv.weight.data = torch.eye(2).repeat(3, 1).double()
    layer.mechanism.sigma.data = torch.tensor([[2.0, 1.0]], dtype=torch.float64)
    size = {"img_size": 8, "patch_size": 8, "embed_dim": 2, "depth": 1, "num_heads": 1}
    spec = ModelSpec("vit_tiny_patch16_224", size, "svda")
    vit = spec.build()
    vit.blocks[0].attn = layer
    return from_memory(vit, spec, "one"), torch.tensor([[[3.0, 4.0]]]).double()


def score_of(loaded: LoadedModel, token: torch.Tensor) -> float:
    layer = loaded.model.blocks[0].attn
    return stages(*layer.split(token)[:2], loaded.mechanisms[0], scale=layer.scale).scores.item()


def test_masking_and_reducing_give_the_golden_logits():
    loaded, token = one_token()
    with sigma_retention(loaded, 0.8):
        assert score_of(loaded, token) == pytest.approx(0.5091169, abs=1e-7)
    assert score_of(reduced(loaded, 0.8), token) == pytest.approx(1.4142136, abs=1e-7)
    assert score_of(loaded, token) == pytest.approx((0.36 * 2 + 0.64) / 2**0.5, abs=1e-12)


def retained(loaded: LoadedModel, image: torch.Tensor, rho: float, power: float, logits_of: Any) -> Any:
    """Logits and stages of one image by the slow twin."""

    def attend(layer: int, q: Any, k: Any, v: Any) -> Stages:
        sigma = loaded.model.blocks[layer].attn.mechanism.sigma.detach().numpy()
        scores = logits_of(q, k, sigma, retention.kept_directions(sigma, rho, power))
        weights = np.apply_along_axis(softmax_of_row, -1, scores)
        return {"scores": scores, "probs": weights, "weights": weights, "out": weights @ v}

    state = {name: value.numpy() for name, value in loaded.model.state_dict().items()}
    return twin_vit.forward(state, image.numpy(), 3, loaded.model.global_pool, attend)


@pytest.mark.parametrize(("rho", "power"), [(0.5, 2.0), (0.9, 1.0)])
def test_masked_attention_is_that_of_the_slow_twin(rho, power):
    loaded, image = spread(), pictures(1)
    expected, stages = retained(loaded, image[0], rho, power, retention.masked_logits)
    with sigma_retention(loaded, rho, power=power):
        seen = trace(loaded, image, keep=("scores", "weights"))
    for layer, one in enumerate(stages):
        assert_allclose(seen.scores[layer, 0], one["scores"], atol=1e-9)
    assert_allclose(seen.logits[0], expected, rtol=1e-9)


@pytest.mark.parametrize(("rho", "power"), [(0.5, 2.0), (0.9, 1.0)])
def test_reduced_attention_is_that_of_the_slow_twin(rho, power):
    loaded, image = spread(), pictures(1)
    expected, stages = retained(loaded, image[0], rho, power, retention.reduced_logits)
    before = deepcopy(loaded.model.state_dict())
    seen = trace(reduced(loaded, rho, power), image, keep=("scores", "weights"))
    for layer, one in enumerate(stages):
        assert_allclose(seen.scores[layer, 0], one["scores"], atol=1e-9)
    assert_allclose(seen.logits[0], expected, rtol=1e-9)
    assert all(torch.equal(tensor, before[key]) for key, tensor in loaded.model.state_dict().items())


def test_all_of_the_energy_changes_nothing():
    loaded, images = spread(), pictures()
    logits = loaded.model(images)
    with sigma_retention(loaded, 1.0):
        assert torch.equal(loaded.model(images), logits)
    assert torch.equal(reduced(loaded, 1.0).model(images), logits)


def test_a_reduced_model_does_not_claim_the_accuracy_of_the_whole_one():
    loaded = replace(tiny("svda"), provenance={"test_accuracy": 0.9, "edited": "before", "seed": 3}, sha256="abc")
    changes = "before; directions outside rho=0.5, power=2 deleted from q, k and sigma"
    other = reduced(loaded, 0.5)
    assert (other.provenance, other.sha256) == ({"seed": 3, "edited": changes}, "")


def test_a_norm_of_q_and_k_cannot_be_reduced():
    with pytest.raises(
        UnsupportedModelError, match=r"^tiny normalises q and k before SVDA does; use sigma_retention\Z"
    ):
        reduced(tiny("svda", qk_norm=True), 0.5)


@pytest.mark.parametrize("use", [sigma_retention, reduced, accounting])
@pytest.mark.parametrize("rho", [0.0, -0.5, 1.1, float("nan")])
def test_a_rho_that_is_no_share_is_refused(use, rho):
    message = rf"^rho {rho} is outside \(0, 1\]; rho is the share of spectral energy that is kept\Z"
    with pytest.raises(InterpretError, match=message), ExitStack() as scope:
        scope.enter_context(use(tiny("svda"), rho))


def test_a_power_that_orders_nothing_is_refused():
    with pytest.raises(InterpretError, match=r"^power 0.0 is not positive; "):
        kept_directions(torch.ones(1, 2), 0.5, power=0.0)


@pytest.mark.parametrize("use", [sigma_retention, sigma_perturbation, reduced, accounting])
def test_a_model_without_sigma_is_refused(use):
    message = "^tiny has no learned sigma: expected mechanism svda, found soft_threshold; load an SVDA checkpoint$"
    with pytest.raises(InterpretError, match=message), ExitStack() as scope:
        scope.enter_context(use(tiny("soft_threshold"), 0.5))


def test_the_accounting_adds_up_by_hand():
    loaded = tiny("svda")
    strong = [[8, 5, 3], [1, 1, 2]]
    for block, counts in zip(loaded.model.blocks, strong, strict=True):
        block.attn.mechanism.sigma.data = torch.tensor([[1.0] * k + [1e-9] * (8 - k) for k in counts]).double()
    table = accounting(loaded, 0.999)
    tokens, width, hidden = 25, 24, 96
    parameters = 2 * width + 2 + 1
    macs = 2 * tokens * width + tokens**2
    layer = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * hidden
    whole_macs = 24 * (3 * 8 * 8) * width + 2 * layer + width * 5
    whole = sum(parameter.numel() for parameter in loaded.model.parameters())
    assert list(table["layer"]) == [0, 0, 0, 1, 1, 1]
    assert list(table["head"]) == [0, 1, 2] * 2
    assert list(table["kept"]) == [8, 5, 3, 1, 1, 2]
    assert_allclose(table["removed"], np.array([0, 3, 5, 7, 7, 6]) / 8)
    assert list(table["parameters_saved"]) == [parameters * gone for gone in (0, 3, 5, 7, 7, 6)]
    assert list(table["parameters_saved_padded"]) == [parameters * gone for gone in (0, 0, 0, 6, 6, 6)]
    assert list(table["macs_saved"]) == [macs * gone for gone in (0, 3, 5, 7, 7, 6)]
    assert_allclose(table["parameters_saved_share"].sum(), parameters * 28 / whole)
    assert_allclose(table["macs_saved_share"].sum(), macs * 28 / whole_macs)
    assert_allclose(table["macs_saved_padded_share"].sum(), macs * 18 / whole_macs)


@pytest.mark.long
def test_on_a_vit_b_the_savings_are_the_golden_shares_of_what_is_removed():
    spec = ModelSpec("vit_base_patch16_224", mechanism="svda")
    loaded = from_memory(spec.build(), spec, "base")
    for block in loaded.model.blocks:
        block.attn.mechanism.sigma.data[:, 32:] = 0
    table = accounting(loaded, 1.0)
    assert table["parameters_saved_share"].sum() == pytest.approx(0.1637 / 2, abs=2e-4)
    assert table["macs_saved_share"].sum() == pytest.approx(0.179 / 2, abs=1e-4)


@pytest.mark.parametrize("name", MECHANISMS)
def test_pruning_heads_is_zeroing_their_values_by_hand(name):
    loaded, images = tiny(name), pictures()
    by_hand = deepcopy(loaded.model)
    for layer, head in ((0, 1), (1, 0), (1, 2)):
        rows = slice(48 + 8 * head, 48 + 8 * head + 8)
        by_hand.blocks[layer].attn.qkv.weight.data[rows] = 0
        by_hand.blocks[layer].attn.qkv.bias.data[rows] = 0
    with head_pruning(loaded, [(1, 2), (0, 1), (1, 0), (0, 1)]):
        seen = trace(loaded, images)
    assert_close(seen.logits, by_hand(images).detach())
    silent = (seen.weights == 0).all(dim=(1, 3, 4))
    assert silent.tolist() == [[False, True, False], [True, False, True]]
    assert (seen.probs.sum(dim=-1) > 0.99).all()


def test_a_layer_without_heads_hands_on_the_bias_of_its_projection():
    loaded = tiny()
    layer = loaded.model.blocks[1].attn
    given = []
    layer.register_forward_hook(lambda module, args, out: given.append(out))
    with head_pruning(loaded, [(1, 0), (1, 1)]), head_pruning(loaded, [(1, 2)]):
        loaded(pictures())
    assert torch.equal(given[0], layer.proj.bias.expand(2, 25, 24))


def sigma_of(loaded: LoadedModel) -> torch.Tensor:
    return torch.stack([mechanism.sigma.detach() for mechanism in loaded.mechanisms])


def test_the_noise_on_sigma_is_relative_normal_and_that_of_the_seed():
    loaded = tiny("svda", embed_dim=384, num_heads=3, dtype=torch.float64)
    own, drawn = sigma_of(loaded), []
    for eta, seed in ((0.1, 0), (0.2, 0), (0.1, 1)):
        with sigma_perturbation(loaded, eta, seed=seed):
            drawn.append((sigma_of(loaded) / own - 1) / eta)
    assert_close(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2])
    assert kstest(drawn[0].flatten(), "norm").pvalue > 0.01
    with sigma_perturbation(loaded, 0.0):
        assert torch.equal(sigma_of(loaded), own)


@pytest.mark.parametrize("eta", [-0.1, float("inf"), float("nan")])
def test_noise_of_no_size_is_refused(eta):
    message = rf"^eta {eta} is not a finite number >= 0; eta is the relative size of the noise on sigma\Z"
    with pytest.raises(InterpretError, match=message), sigma_perturbation(tiny("svda"), eta):
        pass


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("svda", ["sigma_retention"]),
        ("svda", ["sigma_perturbation", "head_pruning", "sigma_retention"]),
        ("softmax", ["threshold"]),
        ("soft_threshold", ["threshold"]),
        ("learned_threshold", ["head_pruning", "threshold"]),
        *((name, ["head_pruning"]) for name in MECHANISMS),
    ],
)
def test_what_is_exported_loads_with_the_same_logits(tmp_path: Path, name, kinds):
    loaded, images = tiny(name, dtype=torch.float32), pictures().float()
    loaded = replace(loaded, provenance={"seed": 4, "test_accuracy": 0.9}, history=[{"epoch": 1}])
    before = deepcopy(loaded.model.state_dict())
    with ExitStack() as scopes:
        for kind in kinds:
            scopes.enter_context(SCOPES[kind](loaded))
        expected = loaded.model(images)
        export(loaded, tmp_path / "edited.pt", "so and so")
        assert torch.equal(loaded.model(images), expected)
    found = interpret.load(tmp_path / "edited.pt")
    assert_close(found.model(images), expected)
    assert not torch.allclose(found.model(images), loaded.model(images), atol=1e-3)
    trained = {"trained": (name, loaded.spec.options)} if "threshold" in kinds else {}
    assert found.provenance == {"seed": 4, "edited": "so and so"} | trained
    assert found.as_trained == ("threshold" not in kinds)
    assert found.trained_tau == (None if "threshold" in kinds else loaded.trained_tau)
    assert (found.name, found.history) == ("tiny", [{"epoch": 1}])
    assert found.spec.rule == ("hard_threshold tau=0.06" if "threshold" in kinds else loaded.spec.rule)
    assert all(torch.equal(tensor, before[key]) for key, tensor in loaded.model.state_dict().items())


def test_an_export_of_an_overridden_model_knows_the_training(tmp_path: Path):
    trained = tiny("hard_threshold", dtype=torch.float32)
    interpret.models.checkpoint.save(tmp_path / "own.pt", trained)
    for number, scope in enumerate((nullcontext, lambda model: threshold(model, 0.3, "hard"))):
        loaded = interpret.load(tmp_path / "own.pt", tau=0.2)
        with scope(loaded):
            export(loaded, tmp_path / f"{number}.pt", "so")
        found = interpret.load(tmp_path / f"{number}.pt")
        assert (found.trained_tau, found.as_trained) == (trained.spec.options["tau"], False)


def test_a_reduced_model_is_exported_too(tmp_path: Path):
    other, images = reduced(spread(dtype=torch.float32), 0.5), pictures().float()
    export(other, tmp_path / "edited.pt", "rounded")
    assert_close(interpret.load(tmp_path / "edited.pt").model(images), other.model(images))


@pytest.mark.parametrize(
    ("name", "options"),
    [("svda", {}), ("softmax", {"layers": [0]}), ("softmax", {"heads": [0, 1]}), ("hard_threshold", {"heads": [2]})],
)
def test_a_threshold_that_no_specification_can_say_is_not_exported(tmp_path: Path, name, options):
    loaded = tiny(name)
    message = "^tiny: a file can say one threshold for all layers and heads of plain scores, found another; "
    with threshold(loaded, 0.06, **options), pytest.raises(InterpretError, match=message):
        export(loaded, tmp_path / "edited.pt", "cut")
    assert not list(tmp_path.iterdir())


def test_two_thresholds_are_not_exported_as_one(tmp_path: Path):
    loaded = tiny()
    with (
        threshold(loaded, 0.06, layers=[0]),
        threshold(loaded, 0.02, layers=[1]),
        pytest.raises(InterpretError, match="found another"),
    ):
        export(loaded, tmp_path / "edited.pt", "cut")


def test_an_export_replaces_no_file(tmp_path: Path):
    (tmp_path / "mine.pt").write_text("precious")
    with pytest.raises(InterpretError, match=r"mine.pt exists, and an edited model replaces no file; choose another"):
        export(tiny(), tmp_path / "mine.pt", "nothing")
    assert (tmp_path / "mine.pt").read_text() == "precious"
