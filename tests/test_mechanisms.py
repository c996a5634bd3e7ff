import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from interpret.foundation.errors import InterpretError
from interpret.mechanisms import MECHANISMS
from interpret.mechanisms.learned_threshold import LearnedThreshold
from interpret.mechanisms.svda import SVDA
from tests.models import OPTIONS, attention, stages_of, tiny, twin_stages, watched
from tests.references import mechanisms as twins
from tests.references.golden import MECHANISMS as GOLDEN

HEADS, TOKENS, D = 3, 7, 4
CASES = [
    pytest.param(name, golden, id=f"{name}: {sentence}")
    for name, table in GOLDEN.items()
    for sentence, golden in table.items()
]
P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
HARD, SOFT = MECHANISMS["hard_threshold"].function, MECHANISMS["soft_threshold"].function
THRESHOLDS = pytest.mark.parametrize("rule", [HARD, SOFT], ids=["hard", "soft"])


def heads(seed):
    return torch.randn(3, HEADS, TOKENS, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def moved(layer):
    with torch.no_grad():
        for parameter in layer.mechanism.parameters():
            parameter.add_(torch.randn_like(parameter))
    return layer


def row(values):
    return torch.as_tensor(values)[None, None, None]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MECHANISMS)
def test_every_mechanism_agrees_with_its_twin(name, seed):
    layer = moved(attention(name, HEADS, D, OPTIONS.get(name, {})))
    q, k, v = heads(seed).numpy()
    expected = {stage: torch.from_numpy(value) for stage, value in twin_stages(name, layer.mechanism, q, k, v).items()}
    assert_close(stages_of(layer, q, k, v), expected, rtol=0, atol=1e-10)
    assert name == "softmax" or not torch.equal(expected["weights"], torch.from_numpy(twins.softmax(q, k, v)["probs"]))


@pytest.mark.parametrize(("name", "golden"), CASES)
def test_golden_number(name, golden):
    inputs = dict(golden.inputs)
    q, k, v = (inputs.pop(tensor) for tensor in "qkv")
    options = {key: value for key, value in inputs.items() if isinstance(value, float)}
    layer = attention(name, len(q), q.shape[-1], options)
    set_parameters(layer.mechanism, inputs)
    seen = stages_of(layer, q, k, v)
    tolerance = max(golden.tolerance, 5e-6 if name in ("soft_threshold", "learned_threshold") else 0)
    for stage, value in golden.expected.items():
        expected = torch.from_numpy(np.asarray(value, dtype=float)).view_as(seen[stage])
        assert_close(seen[stage], expected, rtol=0, atol=tolerance)


def set_parameters(mechanism, values):
    with torch.no_grad():
        if "sigma" in values:
            mechanism.sigma.copy_(torch.from_numpy(values["sigma"]))
        if isinstance(mechanism, LearnedThreshold):
            mechanism.tau_logit.copy_(torch.logit(torch.from_numpy(values["tau"]).clamp(min=1e-12)))


def test_every_mechanism_has_a_twin_and_a_golden_number():
    assert set(MECHANISMS) <= set(vars(twins)) & set(GOLDEN)


@THRESHOLDS
def test_a_threshold_of_zero_is_the_softmax_up_to_the_epsilon(rule):
    probs = (3 * torch.randn(2, 3, 5, 25)).softmax(dim=-1)
    weights = rule(3, D, tau=0.0).select(probs)
    assert_close(weights, probs, rtol=0, atol=2e-6)
    assert not torch.equal(weights, probs)


@THRESHOLDS
@pytest.mark.parametrize("seed", range(3))
def test_no_row_is_cut_whole_below_one_over_n(rule, seed):
    generator = torch.Generator().manual_seed(seed)
    probs = (torch.randn(4, 3, 25, 25, generator=generator) * 10 ** torch.linspace(-6, 1, 25)[:, None]).softmax(dim=-1)
    assert (rule(3, D, tau=0.999 / 25).select(probs) > 0).any(dim=-1).all()
    assert not (rule(3, D, tau=1.001 / 25).select(probs) > 0).any(dim=-1).all()


@THRESHOLDS
def test_rows_sum_to_nearly_one_or_to_exactly_zero(rule):
    probs = torch.randn(2, 3, 50, 25, dtype=torch.float64).softmax(dim=-1)
    weights = rule(3, D, tau=0.15).select(probs)
    kept = probs.where(probs > 0.15, 0) if rule is HARD else (probs - 0.15).relu()
    total = kept.sum(dim=-1)
    assert_close(weights.sum(dim=-1), total / (total + 1e-6))
    dead = total == 0
    assert 0 < dead.sum() < dead.numel()
    assert weights[dead].count_nonzero() == 0


@THRESHOLDS
def test_a_row_that_is_cut_whole_is_zero_with_finite_gradients(rule):
    scores = torch.zeros(1, 1, 2, 4, requires_grad=True)
    weights = rule(1, D, tau=0.5).select(scores.softmax(dim=-1))
    assert weights.count_nonzero() == 0
    (gradient,) = torch.autograd.grad(weights.sum(), scores)
    assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=0)


def test_the_hard_rule_keeps_ratios_and_the_soft_rule_takes_tau_off():
    assert_close(HARD(1, D, tau=0.1).select(row(P))[0, 0, 0, :3] * (0.95 + 1e-6), P[:3])
    assert_close(SOFT(1, D, tau=0.1).select(row(P))[0, 0, 0, :3] * (0.65 + 1e-6), P[:3] - 0.1)


@pytest.mark.parametrize(
    ("rule", "column", "tolerance"),
    [(HARD, [-2.77e-8, -1.66e-8, -8.3e-9, 0], 1e-10), (SOFT, [0.0065089, -0.0005917, -0.0059172, 0], 2e-7)],
    ids=["hard", "soft"],
)
def test_the_gradient_of_the_score_of_a_key_that_is_cut(rule, column, tolerance):
    def weights(scores):
        return rule(1, D, tau=0.1).select(row(scores.softmax(dim=-1)))[0, 0, 0]

    jacobian = torch.autograd.functional.jacobian(weights, P.log())
    assert_close(jacobian[:, 3], torch.tensor(column, dtype=torch.float64), rtol=0, atol=tolerance)


def test_a_hard_threshold_passes_the_softmax_gradient_between_kept_keys():
    mechanism = HARD(1, D, tau=0.1)
    jacobian = torch.autograd.functional.jacobian(lambda s: mechanism.select(row(s.softmax(dim=-1)))[0, 0, 0], P.log())
    a = mechanism.select(row(P))[0, 0, 0, :3]
    assert_close(jacobian[:3, :3], a.diag() - a[:, None] * a, rtol=0, atol=2e-6)


@pytest.mark.parametrize("value", [-1e9, -50.0, 0.0, 17.0, 50.0, 1e9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_learned_tau_stays_in_range_for_any_parameter(value, dtype):
    mechanism = LearnedThreshold(2, D).to(dtype)
    nn.init.constant_(mechanism.tau_logit, value)
    assert (mechanism.tau_per_head >= 0).all()
    assert (mechanism.tau_per_head < 1).all()
    weights = mechanism.select(torch.randn(1, 2, 5, 5, dtype=dtype).softmax(dim=-1))
    assert weights.isfinite().all()


@pytest.mark.parametrize("tau", [0.0, 0.005, 0.4, 0.99])
def test_a_learned_tau_starts_where_it_is_told(tau):
    mechanism = LearnedThreshold(2, D, tau_init=tau)
    assert_close(mechanism.tau_per_head, torch.full((2,), tau), rtol=1e-5, atol=1e-9)


def test_a_learned_tau_is_differentiable_per_head():
    mechanism = LearnedThreshold(2, D, tau_init=0.1).double()
    probs = torch.randn(1, 2, 3, 6, dtype=torch.float64).softmax(dim=-1)

    def loss(tau_logit):
        return torch.func.functional_call(mechanism, {"tau_logit": tau_logit}, (probs,)).square().sum()

    mechanism.forward = mechanism.select
    assert torch.autograd.gradcheck(loss, (torch.tensor([-2.0, -3.0], dtype=torch.float64, requires_grad=True),))
    loss(mechanism.tau_logit).backward()
    assert (mechanism.tau_logit.grad != 0).all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_svda_scores_are_bounded_by_the_largest_sigma(scale):
    layer = moved(attention("svda", HEADS, D, {"sigma_init": 2.0}))
    q, k, v = heads(2) * scale
    largest = layer.mechanism.sigma.abs().amax() / math.sqrt(D)
    scores = stages_of(layer, q, k, v)["scores"].abs()
    assert scores.max() <= largest
    assert scores.max() > 0.1 * largest


def test_svda_of_a_zero_query_is_uniform_with_a_finite_gradient():
    mechanism = SVDA(1, D).double()
    q = torch.zeros(1, 1, 5, D, dtype=torch.float64, requires_grad=True)
    k = heads(0)[:1, :1, :5]
    q_hat, k_hat = mechanism.project(q, k)
    probs = (q_hat @ k_hat.transpose(-2, -1)).softmax(dim=-1)
    assert_close(probs, torch.full_like(probs, 1 / 5))
    (gradient,) = torch.autograd.grad(probs[..., 0].sum(), q)
    assert gradient.isfinite().all()


def test_svda_keeps_the_sign_of_sigma():
    layer = attention("svda", 1, 2, {"sigma_init": -1.5})
    scores = stages_of(layer, *torch.ones(3, 1, 1, 2))["scores"]
    assert_close(scores, torch.full_like(scores, -1.5 / math.sqrt(2)))


@pytest.mark.parametrize(("sigma_init", "value"), [("one", 1), ("sqrt_d", 8), ("parity", 64), (0.25, 0.25)])
def test_sigma_starts_where_it_is_told(sigma_init, value):
    assert_close(SVDA(3, 64, sigma_init=sigma_init).sigma, nn.Parameter(torch.full((3, 64), float(value))))


def test_an_unknown_sigma_init_lists_the_known():
    with pytest.raises(InterpretError, match=r"^sigma_init 'two' is not one of one, sqrt_d, parity or a number$"):
        SVDA(3, 64, sigma_init="two")


@pytest.mark.parametrize("tau", [-0.01, 1.0, 1.5, math.nan])
@pytest.mark.parametrize("name", ["hard_threshold", "soft_threshold", "learned_threshold"])
def test_a_tau_that_is_no_threshold_is_refused(name, tau):
    option = "tau_init" if name == "learned_threshold" else "tau"
    with pytest.raises(InterpretError, match=rf"^tau {tau} is outside \[0, 1\); tau is a threshold on .*\Z"):
        MECHANISMS[name].function(3, D, **{option: tau})


@pytest.mark.parametrize("name", MECHANISMS)
def test_selects_says_whether_weights_can_differ_from_probs(name):
    mechanism = MECHANISMS[name].function(3, D, **OPTIONS.get(name, {}))
    probs = torch.randn(2, 3, 5, 25).softmax(dim=-1)
    assert mechanism.selects == (not torch.equal(mechanism.select(probs), probs))


@pytest.mark.parametrize("name", ["hard_threshold", "soft_threshold", "learned_threshold"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_thresholding_is_in_fp32_under_autocast(name, dtype):
    layer = tiny(name, dtype=torch.float32).model.blocks[0].attn
    with torch.no_grad(), torch.autocast("cpu", dtype):
        out, (seen,) = watched(layer, torch.randn(2, 25, 24))
    assert (seen.probs.dtype, seen.weights.dtype, out.dtype) == (torch.float32, torch.float32, dtype)
    assert_close(seen.weights, layer.mechanism.select(seen.probs), rtol=0, atol=0)
    dead = (seen.weights == 0).all(dim=-1)
    assert_close(seen.weights.sum(dim=-1)[~dead], torch.ones(int((~dead).sum())), rtol=0, atol=1e-3)
