"""Dead rows."""

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


@INDICATORS.register(
    label="dead rows",
    unit="share of queries",
    bounds=("0", "1"),
    higher="more queries read nothing",
    reference="this toolkit; possible only where tau >= 1/N",
    needs=("weights",),
)
def dead_rows(trace: Trace) -> PerHead:
    """Share of queries whose every weight was cut: their attention output is zero and their q gets no gradient."""
    return (trace.need("weights") == 0).all(dim=-1).double().mean(dim=-1)
