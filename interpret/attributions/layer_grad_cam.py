"""Grad-CAM by Captum. The door to captum."""

from typing import cast

from captum.attr import LayerGradCam
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.tensors import PatchMap
from interpret.models.preserving import untouched
from interpret.models.trace import Trace


@ATTRIBUTIONS.register(
    label="Grad-CAM (Captum LayerGradCam)",
    reference="Selvaraju et al. 2017, arXiv 1610.02391; captum.attr.LayerGradCam",
    signed=True,
    class_specific=True,
    needs=(),
)
def layer_grad_cam(trace: Trace) -> PatchMap:
    """Sum over channels of (mean gradient over patches) * activation at the last block's `norm1`; signed, no ReLU.

    Captum sees that layer as a (batch, channel, row, col) map through an identity tap: on (batch, token, channel) it
    would average over channels. Prefix tokens enter neither average nor sum. Later layers would be wrong: after the
    last attention a CLS-pooled model gives its patches no gradient.
    """
    with untouched(trace.model.model):
        tail = trace.tail()
        maps = LayerGradCam(lambda features: trace.objective(tail(features)), tail.tap).attribute(
            trace.features.detach().requires_grad_(), relu_attributions=False
        )
    return cast(Tensor, maps).detach().squeeze(1)
