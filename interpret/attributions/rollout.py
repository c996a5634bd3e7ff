"""Attention rollout."""

from typing import Any

from interpret.attributions import ATTRIBUTIONS, _products
from interpret.foundation.tensors import PatchMap
from interpret.models.trace import Trace


@ATTRIBUTIONS.register(
    label="attention rollout",
    reference="Abnar & Zuidema 2020, arXiv 2005.00928",
    signed=False,
    class_specific=False,
    needs=("weights",),
)
def rollout(
    trace: Trace, *, fusion: str = "mean", discard_ratio: float = 0.0, protect: str = "none", start_layer: Any = 0
) -> PatchMap:
    """Row of the classifier's token in R = A_L ... A_s with A = rownorm(fuse(weights) + I); values in [0, 1].

    Later layers multiply on the left. Only the row that is read is computed, vector times matrix. The map does not
    depend on the class.

    Args:
        fusion: "mean", "max" or "min" over heads; after max and min rows no longer sum to one, hence the row norm.
        discard_ratio: share of the entries of each fused matrix, the lowest ones, that is dropped before the identity
            is added (vit-explain's, with its row sums and its batch corrected).
        protect: what is never dropped besides entry [0, 0]: "none", "cls_row" or "cls_col".
        start_layer: first layer of the product.
    """
    layers = _products.layers_from(trace.need("weights"), start_layer)
    fused = (_products.discard(_products.fuse(heads, fusion), discard_ratio, protect) for heads in layers)
    return trace.grid.fold(_products.accumulate(trace.readout, fused, _products.with_residual))
