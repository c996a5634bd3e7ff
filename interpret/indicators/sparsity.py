"""Attention sparsity."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.models.trace import Trace


@INDICATORS.register(
    label="attention sparsity",
    unit="share of links",
    bounds=("0", "1"),
    higher="more links are cut",
    reference="SelectiveViT; not by itself better: unstructured logits give 68 % at tau 0.005 and N 197",
    needs=("weights",),
)
def sparsity(trace: Trace, *, rows: str | None = None) -> PerHead:
    """Share of weights that are exactly zero, over queries and keys: 1 - active tokens / N.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    return 1 - _rows.mean(_rows.kept(trace), trace, rows) / trace.need("weights").shape[-1]
