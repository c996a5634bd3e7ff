"""Angular alignment."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from interpret.errors import InterpretError
from interpret.indicators import INDICATORS, _rows
from interpret.tensors import LayerAttention, PerHead
from interpret.tracing import Trace

VARIANTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": lambda cosines, weights: cosines.mean(dim=(-2, -1)),
    "absolute": lambda cosines, weights: cosines.abs().mean(dim=(-2, -1)),
    "weighted": lambda cosines, weights: (_rows.renormalised(weights) * cosines).sum(dim=-1).nanmean(dim=-1),
}


@INDICATORS.register(
    label="angular alignment",
    unit="cosine",
    bounds=("-1", "1"),
    higher="queries and keys point the same way",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    needs=("inputs", "weights"),
)
def angular_alignment(trace: Trace, *, variant: str = "mean") -> PerHead:
    """cos(q_i, k_j) over all pairs of tokens, q and k as the mechanism receives them, so without sigma.

    Args:
        variant: the "mean" of the cosines; "absolute", the mean of |cos|; "weighted", mean_i sum_j A_ij cos_ij with
            rows of A renormalised and rows that are all zero left out.
    """
    if variant not in VARIANTS:
        raise InterpretError(f"angular_alignment has no variant {variant!r}; available: {', '.join(VARIANTS)}")
    layers = zip(trace.model.model.blocks, trace.need("inputs"), trace.need("weights"), strict=True)
    with torch.no_grad():
        return torch.stack(
            [VARIANTS[variant](_cosines(block.attn, x), weights.double()) for block, x, weights in layers]
        )


def _cosines(attention: torch.nn.Module, x: Tensor) -> LayerAttention:
    q, k, _ = attention.split(x.to(attention.qkv.weight.dtype))
    return F.normalize(q.double(), dim=-1) @ F.normalize(k.double(), dim=-1).transpose(-2, -1)
