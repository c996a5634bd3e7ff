"""A live timm ViT -> a LoadedModel: a copy of it, so that the user's own module stays as it is."""

import dataclasses
from copy import deepcopy
from typing import Any, cast

import torch
from timm.layers import Attention as TimmAttention
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.models import state_dict as state_dicts
from interpret.models.backbones import configured
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from interpret.models.tracing import trace
from interpret.models.vit import make_attention_explicit

CLOSE = 1e-4
"""Logits of two ways to compute the same in fp32 differ by less than this share of the largest."""


def from_module(module: nn.Module, mechanism: str, options: dict[str, Any], given: dict[str, Any]) -> LoadedModel:
    """A copy of the module with its attention explicit, in eval mode and without its hooks.

    Mean, std and class names come from its `pretrained_cfg`, where they are not given.

    Args:
        mechanism, options: how attention is formed.
        given: fields of `ModelSpec` that take precedence.

    Raises:
        UnsupportedModelError: not a plain timm `VisionTransformer`, or one that was changed to compute something else.
    """
    if not isinstance(module, VisionTransformer):
        raise UnsupportedModelError(
            f"{type(module).__name__} is no model that can be looked at; expected a timm VisionTransformer, or the "
            "path of a checkpoint"
        )
    known = {name: value for name, value in configured(module).items() if value}
    notes = [f"{name} {getattr(ModelSpec, name)} assumed" for name in ("mean", "std") if name not in known | given]
    spec = dataclasses.replace(_spec(module), mechanism=mechanism, options=options, **(known | given))
    _prove(module, spec)
    vit = _explicit(module, mechanism, options)
    untrained = [name for name, _ in vit.blocks[0].attn.mechanism.named_parameters()]
    notes += [f"{' and '.join(untrained)} of {mechanism} assumed as before any training"] * bool(untrained)
    return LoadedModel(model=vit.eval(), spec=spec, name=_name(module), assumed=tuple(notes))


def _explicit(module: nn.Module, mechanism: str = "softmax", options: dict[str, Any] | None = None) -> Any:
    """A copy of timm's modules alone: the hooks of a user see what the user's own module does, and nothing else."""
    vit = make_attention_explicit(_copy(module), mechanism, options)
    for each in vit.modules():
        for hooks in (each._forward_hooks, each._forward_pre_hooks, each._backward_hooks, each._backward_pre_hooks):
            hooks.clear()
        vars(each).pop("forward", None)
    return vit


def _copy(module: nn.Module) -> Any:
    try:
        return deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise UnsupportedModelError(
            f"{type(module).__name__} cannot be copied ({str(error).split('.')[0]}); take from it what was added, such "
            "as activations that a hook has kept"
        ) from error


def _prove(module: VisionTransformer, spec: ModelSpec) -> None:
    """The copy with plain attention, and its last block alone, give the module's own logits.

    All of it on copies whose vectors and heads are moved: biases of zero, heads of zero and LayerScale near zero, as a
    fresh model has them, would hide what is otherwise.

    Raises:
        UnsupportedModelError: they do not: a hook, a forward or a number was put in the place of timm's.
    """
    own = _copy(module).float().eval().requires_grad_(False)
    plain = dataclasses.replace(spec, mechanism="softmax", options={})
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        _move(own)
        images = torch.randn(1, own.patch_embed.proj.in_channels, *own.patch_embed.img_size)
        copied = trace(from_memory(_explicit(own), plain, "the copy"), images)
        expected = own(copied.images)
        outputs = copied.model(copied.images), copied.logits, copied.tail()(copied.features)
    if not all(_alike(logits, expected) for logits in outputs):
        raise UnsupportedModelError(
            f"{type(module).__name__} computes something else than its timm modules alone; a forward hook, a replaced "
            "forward or another attention scale is the usual cause: take it back, and load again"
        )


def _alike(logits: Tensor, expected: Any) -> bool:
    if not isinstance(expected, Tensor) or logits.shape != expected.shape:
        return False
    return bool((logits - expected).abs().max() <= CLOSE * expected.abs().max())


def _move(vit: nn.Module) -> None:
    for name, parameter in vit.named_parameters():
        if name.endswith("gamma"):
            parameter.fill_(1.0)
        if parameter.ndim < 2 or name.startswith("head"):
            parameter.add_(0.05 * torch.randn(parameter.shape).to(parameter))


def _name(module: VisionTransformer) -> str:
    known = getattr(module, "pretrained_cfg", None) or {}
    return known.get("architecture") or type(module).__name__


def _spec(module: VisionTransformer) -> ModelSpec:
    """What the module is built of, as far as its tensors and its shape say it; `save` proves that it is all."""
    attention = cast(TimmAttention, module.get_submodule("blocks.0.attn"))
    size = tuple(module.patch_embed.img_size)
    backbone, arguments = state_dicts.architecture(module.state_dict(), "the module", attention.num_heads, size)
    return ModelSpec(backbone, arguments | {"global_pool": module.global_pool})
