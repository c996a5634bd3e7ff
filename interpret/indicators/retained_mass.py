"""Retained mass."""

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


@INDICATORS.register(
    label="retained mass",
    unit="share of probability",
    bounds=("0", "1"),
    higher="the threshold cut less of the probability",
    reference="this toolkit",
    needs=("probs", "weights"),
)
def retained_mass(trace: Trace) -> PerHead:
    """Probability on the keys kept, sum_j p_ij 1[weight_ij > 0], mean over all queries; 1 without threshold."""
    return (trace.need("probs").double() * (trace.need("weights") > 0)).sum(dim=-1).mean(dim=-1)
