"""Grad-CAM by pytorch-grad-cam. The door to pytorch_grad_cam."""

from functools import partial
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.tensors import PatchMap
from interpret.models.objective import Objective
from interpret.models.preserving import untouched
from interpret.models.trace import Trace


class UnscaledGradCAM(GradCAM):
    """pytorch-grad-cam's Grad-CAM before its rescalings, which leave no absolute scale."""

    def compute_cam_per_layer(self, input_tensor: Any, targets: Any, eigen_smooth: bool) -> np.ndarray:
        captured = self.activations_and_grads
        activations, gradients = map(_as_array, (captured.activations[0], captured.gradients[0]))
        cam = self.get_cam_image(input_tensor, self.target_layers[0], targets, activations, gradients, eigen_smooth)
        return np.maximum(cam, 0)[None]

    def aggregate_multi_layers(self, cam_per_target_layer: np.ndarray) -> np.ndarray:
        return cam_per_target_layer[0]


@ATTRIBUTIONS.register(
    label="Grad-CAM (pytorch-grad-cam)",
    reference="Selvaraju et al. 2017, arXiv 1610.02391; pytorch_grad_cam.GradCAM",
    signed=False,
    class_specific=True,
    needs=(),
)
def grad_cam(trace: Trace) -> PatchMap:
    """ReLU of the Grad-CAM at the last block's `norm1`, unscaled: equal to `layer_grad_cam` after ReLU.

    One target an image is passed; given one for a batch, the library would explain the first image only.
    """
    parts = (trace.objective.of(slice(index, index + 1)) for index in range(len(trace.images)))
    targets = cast(list[nn.Module], [partial(_explained, part) for part in parts])  # the library calls them, no more
    with untouched(trace.model.model), torch.enable_grad():
        tail = trace.tail()
        with UnscaledGradCAM(tail, [tail.tap]) as cam:
            maps = cam(trace.features.detach().requires_grad_(), targets)
    return torch.from_numpy(maps).to(trace.images.device)


def _as_array(values: Tensor) -> Any:
    """In fp32 or wider: NumPy has no bfloat16."""
    return values.to(torch.promote_types(values.dtype, torch.float32)).numpy(force=True)


def _explained(objective: Objective, logits: Float[Tensor, "class_"]) -> Float[Tensor, ""]:
    return objective(logits[None])[0]
