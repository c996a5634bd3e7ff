"""Heads taken out of a model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from interpret.interventions._edits import Pruned, check_index, edited, mask_of
from interpret.models.loaded_model import LoadedModel


@contextmanager
def head_pruning(model: LoadedModel, pairs: Sequence[tuple[int, int]]) -> Iterator[LoadedModel]:
    """Scope in which the named heads are removed: out_h = xi_h A_h V_h with xi_h = 0 (Michel et al. 2019, 1905.10650).

    Their weights are all zero, so they hand nothing on, and what is left of a layer without heads is the bias of its
    projection. Scores and probabilities are still there to be looked at; no head is rescaled in return. Deviation:
    the paper's xi scales the output of a head, here its weights, which gives the same output.

    Args:
        pairs: (layer, head), counted from 0.

    Raises:
        InterpretError: a layer or head that does not exist.
    """
    depth = len(model.model.blocks)
    layers = {check_index(layer, depth, "layer", model) for layer, _ in pairs}
    masks = {layer: mask_of(model, layer, [head for other, head in pairs if other == layer]) for layer in layers}
    with edited(model, {layer: partial(Pruned, heads=mask) for layer, mask in masks.items()}):
        yield model
