"""Sink share."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="sink share",
    unit="share of attention",
    bounds=("1/N", "1"),
    higher="one token draws the attention of all queries",
    reference="Gu et al. 2024, arXiv 2410.10781: the largest alpha_k, there compared with 0.3",
    needs=("weights",),
)
def sink_share(trace: Trace) -> PerHead:
    """max_k alpha_k, alpha_k the mean over queries of A_ik: what the most attended token receives; times N, of uniform.

    Rows are renormalised, rows that are all zero left out; NaN where every row is.
    """
    weights, total = trace.need("weights"), _rows.sums(trace)
    alive = total > 0
    share = total.reciprocal().where(alive, 0).to(weights.dtype)
    received = swept(lambda of_image, row: (row[..., None, :] @ of_image).squeeze(-2), weights, share)
    return received.amax(dim=-1).double() / alive.sum(dim=-1)
