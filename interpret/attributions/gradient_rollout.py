"""Gradient-weighted attention rollout."""

from interpret.attributions import ATTRIBUTIONS, _products
from interpret.foundation.tensors import PatchMap
from interpret.models.trace import Trace


@ATTRIBUTIONS.register(
    label="gradient rollout",
    reference="vit-explain (Gildenblat 2020), after arXiv 2005.00928",
    signed=False,
    class_specific=True,
    needs=("weights", "gradient"),
)
def gradient_rollout(trace: Trace, *, discard_ratio: float = 0.0) -> PatchMap:
    """Rollout of ReLU(mean over heads of weights * gradient): class-specific, values in [0, 1].

    The ReLU comes after the mean over heads. Entries that a threshold cut are zero whatever their gradient.

    Args:
        discard_ratio: as in `rollout`.
    """
    pairs = zip(reversed(trace.need("weights").unbind()), reversed(trace.need("gradient").unbind()), strict=True)
    fused = (_products.discard((heads * gradient).mean(dim=1).relu(), discard_ratio) for heads, gradient in pairs)
    return trace.grid.fold(_products.accumulate(trace.readout, fused, _products.with_residual))
