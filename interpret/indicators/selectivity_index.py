"""Selectivity index."""

import math

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS
from interpret.indicators.attention_entropy import attention_entropy
from interpret.models.trace import Trace


@INDICATORS.register(
    label="selectivity index",
    unit="index",
    bounds=("0", "1"),
    higher="queries read fewer keys",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    own=True,
    needs=("weights",),
)
def selectivity_index(trace: Trace, *, rows: str | None = None) -> PerHead:
    """1 - mean_i H(A_i) / ln N: 0 for uniform rows, 1 for one-hot ones.

    Rows are renormalised, rows that are all zero left out; NaN where every row is.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    keys = trace.need("weights").shape[-1]
    return 1 - attention_entropy(trace, rows=rows) / math.log(max(keys, 2))
