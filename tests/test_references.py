"""The twins against the golden numbers, and the twin of the whole model against timm."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.testing import assert_allclose

from tests.references import attributions, indicators, mechanisms, retention, vit
from tests.references.golden import ATTRIBUTIONS, BASELINES, INDICATORS, MECHANISMS, RETENTION, Baseline, Golden

TABLES = [(mechanisms, MECHANISMS), (attributions, ATTRIBUTIONS), (indicators, INDICATORS), (retention, RETENTION)]
CASES = [
    pytest.param(getattr(room, name), golden, id=f"{name}: {sentence}")
    for room, tables in TABLES
    for name, table in tables.items()
    for sentence, golden in table.items()
]
DEFECTS = [case for case in CASES if case.values[1].defect is not None]

SMALL = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": 5}
MODELS = {
    "CLS": {},
    "distilled": {},
    "registers, layer scale": {"reg_tokens": 4, "no_embed_class": True, "init_values": 0.1},
    "no CLS, average": {"class_token": False, "global_pool": "avg"},
    "CLS, average, one norm": {"global_pool": "avg", "fc_norm": False},
    "query and key norm, norm before the blocks": {"qk_norm": True, "pre_norm": True},
    "no qkv bias": {"qkv_bias": False},
}


@pytest.mark.parametrize(("twin", "golden"), CASES)
def test_golden_number(twin: Callable[..., Any], golden: Golden) -> None:
    assert_close(twin(**golden.inputs), golden.expected, golden.tolerance)


@pytest.mark.parametrize(("twin", "golden"), DEFECTS)
def test_golden_number_tells_the_known_defect(twin: Callable[..., Any], golden: Golden) -> None:
    with pytest.raises(AssertionError, match="Not equal"):
        assert_close(twin(**golden.inputs), golden.defect, golden.tolerance)


@pytest.mark.parametrize("baseline", BASELINES, ids=str)
def test_threshold_on_unstructured_attention(baseline: Baseline) -> None:
    logits = baseline.spread * np.random.default_rng(0).standard_normal((2000, 197))
    probs = np.array([mechanisms.softmax_of_row(row) for row in logits])
    assert_allclose(
        [getattr(indicators, name)(probs, baseline.tau) for name in ("active_tokens", "sparsity", "would_be_sparsity")],
        [baseline.active_tokens, baseline.sparsity, baseline.sparsity],
        rtol=baseline.relative_tolerance,
    )


@pytest.mark.parametrize(("name", "options"), MODELS.items(), ids=MODELS)
def test_model_agrees_with_timm(name: str, options: dict[str, Any]) -> None:
    model = small_model(name, options)
    image = torch.randn(3, 32, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    logits, stages = vit.forward(state, image.numpy(), heads=3, pool=options.get("global_pool", "token"))
    with torch.no_grad():
        expected = model(image[None])[0]
    assert_allclose(logits, expected.numpy(), rtol=1e-9, atol=1e-9)
    num_tokens = 24 + model.num_prefix_tokens
    assert [stage["weights"].shape for stage in stages] == 2 * [(3, num_tokens, num_tokens)]


def test_model_uses_the_mechanism_it_is_given() -> None:
    model = small_model("CLS", {})
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    image = np.random.default_rng(1).standard_normal((3, 32, 48))
    plain, _ = vit.forward(state, image, heads=3)
    kept, stages = vit.forward(
        state, image, heads=3, attend=lambda layer, q, k, v: mechanisms.hard_threshold(q, k, v, [0.0, 0.9][layer])
    )
    assert_allclose(stages[0]["weights"], stages[0]["probs"], atol=1e-6)
    assert np.mean(stages[1]["weights"] == 0) > 0.9
    assert np.abs(plain - kept).max() > 1e-3


def small_model(name: str, options: dict[str, Any]) -> torch.nn.Module:
    """A timm model in float64, every parameter drawn at random so that none is neutral."""
    torch.manual_seed(0)
    architecture = "deit_tiny_distilled_patch16_224" if name == "distilled" else "vit_tiny_patch16_224"
    model = timm.create_model(architecture, **SMALL, **options).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """The stages that `expected` names, or the value itself."""
    if isinstance(expected, dict):
        for stage, value in expected.items():
            assert_allclose(actual[stage], value, rtol=0, atol=tolerance, err_msg=stage)
    else:
        assert_allclose(actual, expected, rtol=0, atol=tolerance)
