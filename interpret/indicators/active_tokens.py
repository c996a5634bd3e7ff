"""Active tokens."""

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


@INDICATORS.register(
    label="active tokens per query",
    unit="tokens",
    bounds=("0", "N"),
    higher="a query reads more keys",
    reference="SelectiveViT: average active tokens per head",
    needs=("weights",),
)
def active_tokens(trace: Trace) -> PerHead:
    """Keys whose weight is above zero, mean over all queries: #{j: p_ij > tau} under a threshold, N under softmax."""
    return (trace.need("weights") > 0).sum(dim=-1).double().mean(dim=-1)
