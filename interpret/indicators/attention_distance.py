"""Attention distance."""

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.tensors import LayerAttention, PerHead
from interpret.indicators import INDICATORS
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="attention distance",
    unit="pixels",
    bounds=("0", "the distance of the farthest two patches"),
    higher="queries read patches farther away",
    reference="Raghu et al. 2021, arXiv 2108.08810; rows renormalised over patches, which their code does not",
    needs=("weights",),
)
def attention_distance(trace: Trace) -> PerHead:
    """sum_j A_ij |pos_i - pos_j| over patches j, in pixels of the input, mean over patches i.

    Prefix tokens are left out as queries and as keys, and rows renormalised; a patch that reads no patch is left out,
    NaN where none is left.
    """
    weights, prefix = trace.need("weights"), trace.grid.prefix
    distances = _distances(trace).to(weights.dtype)

    def attended(of_image: LayerAttention) -> Float[Tensor, "batch head patch"]:
        patches = of_image[..., prefix:, prefix:]
        return (patches * distances).sum(dim=-1) / patches.sum(dim=-1)

    return swept(attended, weights).double().nanmean(dim=-1)


def _distances(trace: Trace) -> Float[Tensor, "query key"]:
    """Between the centres of patches, which need not be square."""
    grid, (height, width) = trace.grid, trace.model.patch_size
    row = torch.arange(grid.rows, device=trace.images.device).double() * height
    col = torch.arange(grid.cols, device=trace.images.device).double() * width
    place = torch.cartesian_prod(row, col)
    return torch.cdist(place, place, compute_mode="donot_use_mm_for_euclid_dist")
