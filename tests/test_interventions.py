import pytest
import torch
from torch.testing import assert_close

from interpret import threshold
from interpret.errors import InterpretError
from interpret.loaded_model import LoadedModel
from interpret.mechanisms import MECHANISMS
from interpret.tracing import trace
from tests.models import pictures, tiny

RULES = {"hard": "hard_threshold", "soft": "soft_threshold"}


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
