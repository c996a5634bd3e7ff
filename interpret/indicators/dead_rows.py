"""Dead rows."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.models.trace import Trace


@INDICATORS.register(
    label="dead rows",
    unit="share of queries",
    bounds=("0", "1"),
    higher="more queries read nothing",
    reference="this toolkit; possible only where tau >= 1/N",
    needs=("weights",),
)
def dead_rows(trace: Trace, *, rows: str | None = None) -> PerHead:
    """Share of queries whose every weight was cut: their attention output is zero and their q gets no gradient.

    Args:
        rows: "cls" for the class token's row, "patches" for those of patches; all rows unless given.
    """
    return _rows.mean((_rows.kept(trace) == 0).double(), trace, rows)
