"""Another threshold, inside the forward pass of any model."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from interpret.errors import InterpretError
from interpret.loaded_model import LoadedModel
from interpret.mechanisms import Mechanism, _thresholding
from interpret.tensors import LayerAttention


class Thresholded(Mechanism):
    """The scores of a mechanism under another selection rule."""

    def __init__(self, inner: Mechanism, tau: float, rule: str) -> None:
        super().__init__(0, 0)
        self.project = inner.project
        self.tau = tau
        self.rule = partial(_thresholding.RULES[rule], tau=tau)

    def select(self, probs: LayerAttention) -> LayerAttention:
        return self.rule(probs)


@contextmanager
def threshold(model: LoadedModel, tau: float, rule: str = "hard") -> Iterator[LoadedModel]:
    """Scope in which every layer of `model` selects by `rule` at `tau`, in place of its own selection.

    A plain ViT gains a threshold, a SelectiveViT changes it, SVDA keeps its scores. tau = 0 cuts nothing; up to the
    1e-6 of the rules it is the plain softmax.

    Args:
        tau: threshold in [0, 1).
        rule: "hard" or "soft".
    """
    if rule not in _thresholding.RULES:
        raise InterpretError(f"rule {rule!r} is not one of {', '.join(_thresholding.RULES)}")
    _thresholding.check_tau(tau)
    layers = [block.attn for block in model.model.blocks]
    own = [attention.mechanism for attention in layers]
    try:
        for attention in layers:
            attention.mechanism = Thresholded(attention.mechanism, tau, rule)
        yield model
    finally:
        for attention, mechanism in zip(layers, own, strict=True):
            attention.mechanism = mechanism
