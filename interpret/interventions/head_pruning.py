"""Heads taken out of a model: by name, or a share of them in some order."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.options import check_share
from interpret.foundation.tensors import Images
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import Pruned, edited, indices, mask_of
from interpret.models.loaded_model import LoadedModel
from interpret.models.tracing import trace

AT_ONCE = 16
"""Images whose weights and gradients are in memory together."""
RANDOM = ("random 0", "random 1", "random 2")
"""Orders that know nothing, beside the one of importance."""


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

    Example:
        >>> import interpret
        >>> vit, photo = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")[0].image
        >>> with interpret.head_pruning(vit, [(0, 1)]):
        ...     t = interpret.trace(vit, photo)
        >>> [round(total.item()) for total in t.weights[0, 0].sum(dim=(1, 2))]
        [65, 0, 65]
    """
    layers = set(indices([layer for layer, _ in pairs], model.depth, "layer", model))
    masks = {layer: mask_of(model, [head for other, head in pairs if other == layer]) for layer in layers}
    with edited(model, {layer: partial(Pruned, heads=mask) for layer, mask in masks.items()}):
        yield model


def importance(model: LoadedModel, images: Images, labels: Sequence[int] | None = None) -> Float[Tensor, "layer head"]:
    """E |dL / dxi_h|, xi_h the factor on head h's weights and L the cross-entropy (Michel et al. 2019, section 4.1).

    The mean is over images; each layer is divided by its l2 norm, as in the paper. Higher: the loss depends more on the
    head. Deviation: where labels are not known, L is that of the predicted class; of several labels an image, that of
    those more probable than not.

    Raises:
        UnsupportedModelError: a model without classes, which has no such loss.
    """
    known = None if labels is None else torch.as_tensor(labels)
    parts = torch.arange(len(images)).split(AT_ONCE)
    slopes = [_by_mask(model, images[part], None if known is None else known[part]) for part in parts]
    return F.normalize(torch.cat(slopes, dim=1).abs().mean(dim=1), dim=-1)


def _by_mask(model: LoadedModel, images: Images, labels: Tensor | None) -> Float[Tensor, "layer batch head"]:
    """-dL / dxi of each image."""
    logits = trace(model, images, keep=("weights",)).logits
    task = model.task
    if task.shares is None:
        raise UnsupportedModelError(f"{model.name} has no classes, so there is no loss to which heads matter")
    target = logits.argmax(dim=-1) if labels is None else labels.to(logits.device)
    right = F.one_hot(target, logits.shape[-1]) if task.exclusive else (logits > 0).to(logits)
    slope = right - task.shares(logits)
    traced = trace(model, images, slope, keep=("weights", "gradient"))
    return (traced.need("weights") * traced.need("gradient")).sum(dim=(-2, -1)).double()


def _of(model: LoadedModel, layer: int | None) -> int:
    """Heads in question."""
    return model.heads * (model.depth if layer is None else 1)


def _count(model: LoadedModel, share: float, layer: int | None) -> int:
    """Heads that a share removes: the nearest whole number."""
    return round(share * _of(model, layer))


def _prepared(model: LoadedModel, images: Images, labels: Sequence[int] | None) -> dict[str, Any]:
    return {"ranks": importance(model, images, labels).tolist()}


@INTERVENTIONS.register(
    label="head pruning",
    strength="share",
    unit="share of heads removed",
    neutral=0.0,
    applies=lambda model: model.task.shares is not None,
    acts_on="models with classes, whose loss says which heads matter",
    grid=lambda models: (0.0, 0.1, 0.25, 0.5, 0.75),
    reference="Michel et al. 2019, arXiv 1905.10650: ascending |gradient of the head's mask|",
    rules=lambda model: ("gradient", *RANDOM),
    unchanged=lambda model, share, layer: _count(model, share, layer) == 0,
    facts=lambda model, share, layer: {"removed": _count(model, share, layer) / _of(model, layer)},
    fact_labels={"removed": "heads removed (share)"},
    prepare=_prepared,
)
def prune_share(
    model: LoadedModel,
    share: float,
    *,
    ranks: Sequence[Sequence[float]],
    rule: str = "gradient",
    layers: int | Sequence[int] | None = None,
) -> AbstractContextManager[LoadedModel]:
    """`head_pruning` of a share of the heads, the least important first, or in one of three random orders.

    Args:
        share: of the heads of `layers`, in [0, 1]; as many as come nearest.
        ranks: importance of each layer's heads, as `importance` gives it.
        rule: "gradient", or a name of `RANDOM`.
        layers: the blocks whose heads are in question, counted from 0; None is all.

    Raises:
        InterpretError: a share outside [0, 1], or a rule or layer that does not exist.
    """
    check_share(share)
    if rule not in ("gradient", *RANDOM):
        raise InterpretError(f"rule {rule!r}: expected gradient or one of {', '.join(RANDOM)}")
    chosen = indices(layers, model.depth, "layer", model)
    heads = [(layer, head) for layer in chosen for head in range(model.heads)]
    if rule == "gradient":
        order = sorted(heads, key=lambda pair: ranks[pair[0]][pair[1]])
    else:
        order = [heads[index] for index in np.random.default_rng(RANDOM.index(rule)).permutation(len(heads))]
    return head_pruning(model, order[: round(share * len(heads))])
