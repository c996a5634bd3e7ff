"""Generic attention relevance."""

import torch

from interpret.attributions import ATTRIBUTIONS, _products
from interpret.foundation.tensors import PatchMap
from interpret.models.trace import Trace


@ATTRIBUTIONS.register(
    label="relevance (Chefer et al. 2021)",
    reference="Chefer, Gur, Wolf, ICCV 2021, arXiv 2103.15679, self-attention rule",
    signed=False,
    class_specific=True,
    needs=("weights", "gradient"),
)
def relevance(trace: Trace) -> PatchMap:
    """Row of the classifier's token in R, with R <- R + A R per layer and A = mean over heads of (weights * gradient)+.

    Nonnegative, without row normalisation, in units of the explained logit. Entries that a threshold cut are zero
    whatever their gradient.
    """
    pairs = zip(reversed(trace.need("weights").unbind()), reversed(trace.need("gradient").unbind()), strict=True)
    fused = ((heads * gradient).relu_().mean(dim=1) for heads, gradient in pairs)
    return trace.grid.fold(_products.accumulate(trace.readout, fused, _add))


def _add(row: _products.Row, fused: _products.Fused) -> _products.Row:
    return row + torch.einsum("bq,bqk->bk", row, fused)
