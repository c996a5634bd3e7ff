"""A module whose layers see windows, or several resolutions: what enters its last attention is shown, no attention."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Images, Tokens
from interpret.models.anatomy import Anatomy
from interpret.models.attention import Stages
from interpret.models.patches import Asked, laid_out
from interpret.models.scopes import observing
from interpret.models.site import given_tokens, here

if TYPE_CHECKING:
    from interpret.models.probe import Probe


def sees_windows(calls: Sequence[Stages], batch: int) -> bool:
    """Whether attention is not of the same tokens to each other in every layer."""
    return len({call.weights.shape for call in calls}) > 1 or len(calls[0].weights) != batch


def of_windows(probe: "Probe", calls: Sequence[Stages], img_size: tuple[int, int], asked: Asked) -> Anatomy:
    """Its anatomy: the grid and the patches are those of the tokens that enter its last attention.

    Raises:
        UnsupportedModelError: these see windows too, or are not given to one module as (batch token feature).
        InterpretError: they do not say how they lie.
    """
    names, last = tuple(call.module for call in calls), calls[-1]
    tokens = last.weights.shape[-1]
    width = probe.width([last.module], tokens) if names.count(last.module) == 1 else None
    if width is None:
        sizes = ", ".join(sorted({str(tuple(call.weights.shape)) for call in calls}))
        raise UnsupportedModelError(
            f"{probe.name}: its attention is not of all tokens to each other in every layer (windows, or several "
            f"resolutions): maps of {sizes} for {len(probe.images)} images; rollout and its kin are undefined there, "
            f"and {last.module}, the last, is not given all tokens as (batch, token, feature), which grad_cam needs; "
            "use pytorch_grad_cam.GradCAM at the last norm with a reshape_transform"
        )
    channels = probe.images.shape[1]
    grid, patch = laid_out(probe.module, tokens, channels, img_size, asked, merged=True)
    probe.prove_place(grid, patch, partial(_entering, probe, last.module))
    return Anatomy(
        img_size=img_size,
        patch_size=patch,
        channels=channels,
        classes=probe.logits.shape[1],
        width=width,
        grid=grid,
        heads=last.weights.shape[1],
        head_dim=None,
        class_token=False,
        reads=f"{probe.name} reads what its last layers make of windows; use grad_cam or layer_grad_cam",
        attentions=names,
        classifier=not probe.features,
        windowed=True,
        notes=(f"layers see windows or several resolutions; {grid.rows} x {grid.cols} tokens enter {last.module}",),
    )


def _entering(probe: "Probe", name: str, images: Images) -> Tokens:
    """What a module is given where all attention is cut, so that tokens mix only as their patches merge."""
    given: list[Tokens] = []

    def keep(module: nn.Module, args: Any, kwargs: Any) -> None:
        given.append(given_tokens(args, kwargs))

    hook = probe.module.get_submodule(name).register_forward_pre_hook(here(keep), with_kwargs=True)
    try:
        with observing(probe.module, _cut):
            probe.run(images)
    finally:
        hook.remove()
    return given[0]


def _cut(layer: int, stages: Stages) -> Tensor:
    return torch.zeros_like(stages.weights)
