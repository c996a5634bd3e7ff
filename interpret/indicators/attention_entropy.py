"""Attention entropy."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.models.trace import Trace


@INDICATORS.register(
    label="attention entropy",
    unit="nats",
    bounds=("0", "ln N"),
    higher="attention is spread over more keys",
    reference="Zhai et al. 2023, arXiv 2303.06296",
    needs=("weights",),
)
def attention_entropy(trace: Trace, *, rows: str | None = None) -> PerHead:
    """Mean over queries of H(weights_i) in nats; rows are renormalised first, dead rows left out, NaN if all are dead.

    With n keys kept it is at most ln n.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    return _rows.mean(_rows.entropy(trace), trace, rows)
