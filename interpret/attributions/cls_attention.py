"""Raw attention: the post-threshold heatmap."""

from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import PatchMap
from interpret.models.trace import Trace


@ATTRIBUTIONS.register(
    label="attention of the classifier's token",
    reference="post-threshold heatmap; raw attention as in Abnar & Zuidema 2020, arXiv 2005.00928",
    signed=False,
    class_specific=False,
    needs=("weights",),
    of_one_layer=True,
)
def cls_attention(trace: Trace, *, layer: int = -1, head: int | None = None) -> PatchMap:
    """`weights` from the token(s) that the classifier reads to every patch, after any threshold.

    Each value lies in [0, 1]; a row sums to at most 1, the rest went to prefix tokens. Without a CLS token the row is
    the mean over the patch tokens that are pooled.

    Args:
        layer: index of the block, -1 the last.
        head: index of the head; None takes the mean over heads.
    """
    layers = trace.need("weights")
    depth, heads = len(layers), layers.shape[2]
    layer = trace.place(layer) if trace.layers else layer
    if not -depth <= layer < depth or not (head is None or 0 <= head < heads):
        raise InterpretError(f"layer {layer}, head {head}: the model has {depth} layers of {heads} heads")
    weights = layers[layer]
    fused = weights.mean(dim=1) if head is None else weights[:, head]
    return trace.grid.fold(trace.readout.to(fused.dtype) @ fused)
