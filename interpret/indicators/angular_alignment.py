"""Angular alignment."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _rows
from interpret.indicators._once import swept
from interpret.models.trace import Trace

VARIANTS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "mean": lambda q, k, weights: (q.mean(dim=-2) * k.mean(dim=-2)).sum(dim=-1),
    "absolute": lambda q, k, weights: (q @ k.mT).abs().mean(dim=(-2, -1)),
    "weighted": lambda q, k, weights: (_rows.renormalised(weights) * (q @ k.mT)).sum(dim=-1).nanmean(dim=-1),
}
"""Of q and k of unit length. The mean of all cosines is the product of the mean vectors."""


@INDICATORS.register(
    label="angular alignment",
    unit="cosine",
    bounds=("-1", "1"),
    higher="queries and keys point the same way",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    own=True,
    needs=("queries", "keys", "weights"),
)
def angular_alignment(trace: Trace, *, variant: str = "mean") -> PerHead:
    """cos(q_i, k_j) over all pairs of tokens, q and k as the mechanism receives them, so without sigma.

    Args:
        variant: the "mean" of the cosines; "absolute", the mean of |cos|; "weighted", mean_i sum_j A_ij cos_ij with
            rows of A renormalised and rows that are all zero left out.
    """
    if variant not in VARIANTS:
        raise InterpretError(f"angular_alignment has no variant {variant!r}; available: {', '.join(VARIANTS)}")

    def alignment(q: Tensor, k: Tensor, weights: Tensor) -> Tensor:
        return VARIANTS[variant](F.normalize(q, dim=-1), F.normalize(k, dim=-1), weights)

    return swept(alignment, trace.need("queries"), trace.need("keys"), trace.need("weights")).double()
