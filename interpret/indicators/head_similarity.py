"""Head similarity."""

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.tensors import LayerAttention, PerHead
from interpret.indicators import INDICATORS
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="head similarity",
    unit="cosine",
    bounds=("0", "1"),
    higher="a head attends like the others of its layer",
    reference="this toolkit; cf. Voita et al. 2019, arXiv 1905.09418",
    needs=("weights",),
)
def head_similarity(trace: Trace) -> PerHead:
    """Mean cosine of a head's weights, all N x N of them, with those of each other head of its layer.

    NaN for a single head and for a head of zeros, which is left out of the means of the others.
    """
    products = swept(_products, trace.need("weights")).double()
    norms = products.diagonal(dim1=-2, dim2=-1).sqrt()
    cosines = products / (norms[..., None] * norms[..., None, :])
    itself = torch.eye(cosines.shape[-1], dtype=torch.bool, device=cosines.device)
    return cosines.masked_fill(itself, torch.nan).nanmean(dim=-1)


def _products(weights: LayerAttention) -> Float[Tensor, "batch head head"]:
    flat = weights.flatten(-2)
    return flat @ flat.transpose(-2, -1)
