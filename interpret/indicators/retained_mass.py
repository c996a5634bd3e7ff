"""Retained mass."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="retained mass",
    unit="share of probability",
    bounds=("0", "1"),
    higher="the threshold cut less of the probability",
    reference="this toolkit",
    needs=("probs", "weights"),
)
def retained_mass(trace: Trace, *, rows: str | None = None) -> PerHead:
    """Probability on the keys kept, sum_j p_ij 1[weight_ij > 0], mean over queries; 1 without threshold.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    probs, weights = trace.need("probs"), trace.need("weights")
    mass = swept(lambda before, after: after.sign().mul_(before).sum(dim=-1), probs, weights)
    return _rows.mean(mass.double(), trace, rows)
