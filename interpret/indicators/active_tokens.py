"""Active tokens."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.models.trace import Trace


@INDICATORS.register(
    label="active tokens per query",
    unit="tokens",
    bounds=("0", "N"),
    higher="a query reads more keys",
    reference="SelectiveViT: average active tokens per head",
    needs=("weights",),
)
def active_tokens(trace: Trace, *, rows: str | None = None) -> PerHead:
    """Keys whose weight is above zero, mean over queries: #{j: p_ij > tau} under a threshold, N under softmax.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    return _rows.mean(_rows.kept(trace), trace, rows)
