"""Attention sparsity."""

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


@INDICATORS.register(
    label="attention sparsity",
    unit="share of links",
    bounds=("0", "1"),
    higher="more links are cut",
    reference="SelectiveViT; not by itself better: unstructured logits give 68 % at tau 0.005 and N 197",
    needs=("weights",),
)
def sparsity(trace: Trace) -> PerHead:
    """Share of weights that are exactly zero, over all queries and keys: 1 - active tokens / N."""
    return (trace.need("weights") == 0).double().mean(dim=(-2, -1))
