"""Head similarity."""

import torch

from interpret.indicators import INDICATORS
from interpret.tensors import PerHead
from interpret.tracing import Trace


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
    flat = trace.need("weights").double().flatten(-2)
    unit = flat / torch.linalg.vector_norm(flat, dim=-1, keepdim=True)
    cosines = unit @ unit.transpose(-2, -1)
    itself = torch.eye(cosines.shape[-1], dtype=torch.bool, device=cosines.device)
    return cosines.masked_fill(itself, torch.nan).nanmean(dim=-1)
