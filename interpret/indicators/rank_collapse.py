"""Rank collapse."""

import torch

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


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
    weights = trace.need("weights").double()
    residual = weights - weights.mean(dim=-2, keepdim=True)
    return torch.linalg.matrix_norm(residual) / torch.linalg.matrix_norm(weights)
