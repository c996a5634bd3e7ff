"""Another threshold, inside the forward pass of any model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from interpret.foundation.errors import InterpretError
from interpret.interventions._edits import check_index, edited, mask_of, with_threshold
from interpret.mechanisms import _thresholding
from interpret.models.loaded_model import LoadedModel


@contextmanager
def threshold(
    model: LoadedModel,
    tau: float,
    rule: str = "hard",
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> Iterator[LoadedModel]:
    """Scope in which `model` selects by `rule` at `tau`, in place of its own selection.

    A plain ViT gains a threshold, a SelectiveViT changes it, SVDA keeps its scores. tau = 0 cuts nothing; up to the
    1e-6 of the rules it is the plain softmax. The higher tau, the fewer keys a query attends to.

    Args:
        tau: threshold in [0, 1).
        rule: "hard" or "soft".
        layers, heads: the blocks, and the heads of these blocks, that the rule applies to, counted from 0; None is
            all. Every other head keeps its own selection.

    Raises:
        InterpretError: a tau, rule, layer or head that does not exist.
    """
    if rule not in _thresholding.RULES:
        raise InterpretError(f"rule {rule!r} is not one of {', '.join(_thresholding.RULES)}")
    _thresholding.check_tau(tau)
    depth = len(model.model.blocks)
    chosen = range(depth) if layers is None else [check_index(layer, depth, "layer", model) for layer in layers]
    masks = {layer: mask_of(model, layer, heads) for layer in chosen}
    changes = {layer: partial(with_threshold, heads=mask, tau=tau, rule=rule) for layer, mask in masks.items()}
    with edited(model, changes):
        yield model
