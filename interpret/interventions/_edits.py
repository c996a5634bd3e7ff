"""What interventions share: mechanisms seen through an edit, and the scope in which a model has them.

An edit never writes into a weight of the user's model: it stands in front of the mechanism, so a `Trace` that outlives
the scope still holds the attention that it saw. Edits are stacked in one order whatever the order of their scopes:
sigma at the bottom, thresholds over it, pruned heads on top.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import Mechanism, _thresholding
from interpret.mechanisms.hard_threshold import HardThreshold
from interpret.mechanisms.soft_threshold import SoftThreshold
from interpret.models.attention import Attention
from interpret.models.loaded_model import LoadedModel
from interpret.models.scopes import changing
from interpret.models.seam import Change

PLAIN = (HardThreshold, SoftThreshold)
"""The mechanisms that are one rule at one tau, on plain scores, and nothing else."""
Heads = Bool[Tensor, "head"]
Sigma = Float[Tensor, "head direction"]


class Edited(Mechanism):
    """A mechanism seen through an edit; what it learned is here too, the same tensors under the same names."""

    heads: Heads

    def __init__(self, inner: Mechanism, heads: Heads) -> None:
        super().__init__(0, 0)
        for name, parameter in inner.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        self.register_buffer("heads", heads, persistent=False)
        self.train(inner.training)
        self._inner = (inner,)

    @property
    def inner(self) -> Mechanism:
        """What is edited; in a tuple above, so that it is no submodule and the state dict keeps its keys."""
        return self._inner[0]

    def around(self, inner: Mechanism) -> "Edited":
        """The same edit of another mechanism."""
        return type(self)(inner, self.heads)

    def project(self, q: LayerAttention, k: LayerAttention) -> tuple[LayerAttention, LayerAttention]:
        return self.inner.project(q, k)


class Thresholded(Edited):
    """Some heads under another selection rule, the others under their own."""

    def __init__(self, inner: Mechanism, heads: Heads, tau: float, rule: str) -> None:
        super().__init__(inner, heads)
        self.rule = rule
        self.tau = tau if heads.all() else None
        self._cut = tau, rule

    def around(self, inner: Mechanism) -> "Edited":
        return type(self)(inner, self.heads, *self._cut)

    def select(self, probs: LayerAttention) -> LayerAttention:
        tau, rule = self._cut
        cut = _thresholding.RULES[rule](probs, tau)
        return cut if self.tau is not None else torch.where(self.heads[:, None, None], cut, self.inner.select(probs))


class Pruned(Edited):
    """Some heads with weights of zero."""

    def select(self, probs: LayerAttention) -> LayerAttention:
        return self.inner.select(probs).masked_fill(self.heads[:, None, None], 0.0)


@contextmanager
def edited(model: LoadedModel, changes: Mapping[int, Change]) -> Iterator[LoadedModel]:
    """Scope in which the mechanism of each named layer is what its change makes of it.

    Raises:
        UnsupportedModelError: its attention is not shown.
    """
    model.check_shown(["weights"])
    with changing(model.model, changes, model.anatomy.apart):
        yield model


def with_threshold(mechanism: Mechanism, heads: Heads, tau: float, rule: str) -> Mechanism:
    """The mechanism with another selection rule for `heads`; pruned heads stay pruned."""
    if isinstance(mechanism, Pruned):
        return mechanism.around(with_threshold(mechanism.inner, heads, tau, rule))
    return Thresholded(mechanism, heads, tau, rule)


def with_sigma(mechanism: Mechanism, sigma: Sigma) -> Mechanism:
    """The mechanism with another sigma, under the edits that stand in front of it."""
    if isinstance(mechanism, Edited):
        return mechanism.around(with_sigma(mechanism.inner, sigma))
    other = deepcopy(mechanism)
    other.get_parameter("sigma").data.copy_(sigma)
    return other


def edited_sigma(model: LoadedModel, sigmas: Mapping[int, Sigma]) -> AbstractContextManager[LoadedModel]:
    """Scope in which these layers have these sigmas."""
    return edited(model, {layer: partial(with_sigma, sigma=sigma) for layer, sigma in sigmas.items()})


def has_sigma(model: LoadedModel) -> bool:
    """Whether every layer has a learned sigma."""
    return all(hasattr(mechanism, "sigma") for mechanism in model.mechanisms)


def sigmas_of(model: LoadedModel) -> list[Sigma]:
    """The learned sigma of every layer.

    Raises:
        InterpretError: the model has none.
    """
    if not has_sigma(model):
        raise InterpretError(
            f"{model.name} has no learned sigma: expected mechanism svda, found {model.spec.mechanism}; load an SVDA "
            "checkpoint"
        )
    return [mechanism.get_parameter("sigma").detach() for mechanism in model.mechanisms]


def indices(named: int | Sequence[int] | None, count: int, noun: str, model: LoadedModel) -> list[int]:
    """One layer or head, or several, as a list; all where none is named.

    Raises:
        InterpretError: one that is not there.
    """
    listed = list(range(count) if named is None else named if isinstance(named, Iterable) else [named])
    for each in listed:
        if each not in range(count):
            raise InterpretError(f"{noun} {each} is none of {model.name}, whose {noun}s are 0 to {count - 1}")
    return listed


def mask_of(model: LoadedModel, heads: int | Sequence[int] | None) -> Heads:
    """True for the named heads of a layer, for all where none is named; on the model's device."""
    mask = torch.zeros(model.heads, dtype=torch.bool)
    mask[indices(heads, model.heads, "head", model)] = True
    return mask.to(model.device)


def rows_of(attention: Attention) -> list[Float[Tensor, "qkv head direction ..."]]:
    """The weight of q, k and v, and its bias where there is one, as views that write into the layer."""
    tensors = [tensor.detach() for tensor in (attention.qkv.weight, attention.qkv.bias) if tensor is not None]
    return [tensor.unflatten(0, (3, attention.num_heads, attention.head_dim)) for tensor in tensors]


def own_copy(model: LoadedModel) -> LoadedModel:
    """The same with a module of its own, to be written into."""
    return dataclasses.replace(model, model=deepcopy(model.model))


def noted(model: LoadedModel, changes: str, **fields: Any) -> LoadedModel:
    """A copy that was written into: its provenance says what changed and no longer claims the test accuracy."""
    kept = {name: value for name, value in model.provenance.items() if name != "test_accuracy"}
    edits = "; ".join([*([kept["edited"]] if "edited" in kept else []), changes])
    return dataclasses.replace(model, provenance=kept | {"edited": edits}, sha256="", **fields)
