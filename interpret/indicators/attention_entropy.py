"""Attention entropy."""

import torch

from interpret.indicators import INDICATORS, _rows
from interpret.tensors import PerHead
from interpret.tracing import Trace


@INDICATORS.register(
    label="attention entropy",
    unit="nats",
    bounds=("0", "ln N"),
    higher="attention is spread over more keys",
    reference="Zhai et al. 2023, arXiv 2303.06296",
    needs=("weights",),
)
def attention_entropy(trace: Trace) -> PerHead:
    """Mean over queries of H(weights_i) in nats; rows are renormalised first, dead rows left out, NaN if all are dead.

    With n keys kept it is at most ln n.
    """
    rows = _rows.renormalised(trace.need("weights").double())
    return torch.special.entr(rows).sum(dim=-1).nanmean(dim=-1)
