"""A soft threshold that each head learns."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.foundation.options import check_tau
from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import MECHANISMS, Mechanism, _thresholding

CEILING = 1 - 1e-6
"""Keeps tau below one where the sigmoid rounds to one."""


@MECHANISMS.register(
    label="learned threshold", reference="this toolkit; the soft rule of SelectiveViT with one tau per head"
)
class LearnedThreshold(Mechanism):
    """The soft rule with one tau per head, tau = sigmoid(tau_logit) (1 - 1e-6): in [0, 1) for any parameter value.

    The soft rule is used because the hard rule has no gradient in tau.

    Args:
        tau_init: tau of every head before training, in [0, 1).
    """

    rule = "soft"

    def __init__(self, num_heads: int, head_dim: int, tau_init: float = 0.005) -> None:
        super().__init__(num_heads, head_dim)
        share = min(max(check_tau(tau_init), 1e-12) / CEILING, 1 - 1e-9)
        self.tau_logit = nn.Parameter(torch.full((num_heads,), math.log(share / (1 - share))))

    @property
    def tau_per_head(self) -> Float[Tensor, "head"]:
        """The learned thresholds."""
        return torch.sigmoid(self.tau_logit) * CEILING

    def select(self, probs: LayerAttention) -> LayerAttention:
        return _thresholding.soft(probs, self.tau_per_head.to(probs.dtype)[:, None, None])
