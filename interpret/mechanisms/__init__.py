"""HOW attention is formed. A mechanism is one file: how q and k meet, and which probabilities are kept.

The three stages of attention are `scores` (logits), `probs` (after softmax) and `weights` (after selection: what
multiplies V).
"""

import inspect
from dataclasses import dataclass
from typing import Any

from torch import nn

from interpret.foundation.registry import Registry
from interpret.foundation.tensors import LayerAttention


class Mechanism(nn.Module):
    """Plain scaled dot product; a mechanism overrides `project` (before the scores) or `select` (after the softmax).

    Args:
        num_heads: heads of the layer.
        head_dim: width d of a head.
    """

    rule: str | None = None
    """How probabilities are selected: "hard", "soft", or None where nothing is cut."""
    size: float = 1.0
    """Magnitude of what the mechanism learns, before it learns: a step of the optimiser is taken relative to it."""

    def __init__(self, num_heads: int, head_dim: int) -> None:
        super().__init__()

    @property
    def selects(self) -> bool:
        """Whether `weights` can differ from `probs`. Where they cannot, the fused kernel may be used."""
        return type(self).select is not Mechanism.select

    def project(self, q: LayerAttention, k: LayerAttention) -> tuple[LayerAttention, LayerAttention]:
        """q and k (batch head token d) as they enter the dot product; scores = q k^T / sqrt(d)."""
        return q, k

    def select(self, probs: LayerAttention) -> LayerAttention:
        """Weights from probabilities, both in fp32 or fp64."""
        return probs


@dataclass(frozen=True)
class MechanismEntry:
    """A registered mechanism: its class and how figures call it."""

    name: str
    function: type[Mechanism]
    label: str
    reference: str

    @property
    def options(self) -> dict[str, Any]:
        """What the class takes beside the size of a layer: name -> default."""
        arguments = inspect.signature(self.function).parameters.values()
        return {each.name: each.default for each in arguments if each.default is not each.empty}

    @property
    def learns_threshold(self) -> bool:
        """Whether it selects by a rule whose tau is none of its options, but learned."""
        return self.function.rule is not None and "tau" not in self.options


MECHANISMS: Registry[MechanismEntry] = Registry("mechanism", __name__, MechanismEntry)
