"""Rank collapse."""

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.tensors import LayerAttention, PerHead
from interpret.indicators import INDICATORS
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="residual of the mean row",
    unit="share of the norm",
    bounds=("0", "1"),
    higher="queries attend more differently",
    reference="after Dong et al. 2021, arXiv 2103.03404, who measure it on tokens; on attention, this toolkit",
    needs=("weights",),
)
def rank_collapse(trace: Trace) -> PerHead:
    """|A - 1 a|_F / |A|_F with a the mean row of A: 0 where every query attends alike; NaN for a head of zeros."""
    return swept(_residual, trace.need("weights")).double()


def _residual(weights: LayerAttention) -> Float[Tensor, "batch head"]:
    residual = weights - weights.mean(dim=-2, keepdim=True)
    return torch.linalg.matrix_norm(residual) / torch.linalg.matrix_norm(weights)
