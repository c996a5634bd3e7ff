"""A live timm ViT -> a LoadedModel: a copy of it, so that the user's own module stays as it is."""

import dataclasses
from copy import deepcopy
from typing import Any, cast

from timm.layers import Attention as TimmAttention
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.models import state_dict as state_dicts
from interpret.models.backbones import configured
from interpret.models.loaded_model import LoadedModel
from interpret.models.model_spec import ModelSpec
from interpret.models.vit import make_attention_explicit


def from_module(module: nn.Module, mechanism: str, options: dict[str, Any], given: dict[str, Any]) -> LoadedModel:
    """A copy of the module with its attention explicit, in eval mode.

    Mean, std and class names come from its `pretrained_cfg`, where they are not given.

    Args:
        mechanism, options: how attention is formed.
        given: fields of `ModelSpec` that take precedence.

    Raises:
        UnsupportedModelError: not a plain timm `VisionTransformer`.
    """
    if not isinstance(module, VisionTransformer):
        raise UnsupportedModelError(
            f"{type(module).__name__} is no model that can be looked at; expected a timm VisionTransformer, or the "
            "path of a checkpoint"
        )
    told = {name: value for name, value in configured(module).items() if value}
    notes = tuple(f"{name} {getattr(ModelSpec, name)} assumed" for name in ("mean", "std") if name not in told | given)
    spec = dataclasses.replace(_spec(module), mechanism=mechanism, options=options, **(told | given))
    vit = make_attention_explicit(deepcopy(module), mechanism, options)
    return LoadedModel(model=vit.eval(), spec=spec, name=_name(module), assumed=notes)


def _name(module: VisionTransformer) -> str:
    known = getattr(module, "pretrained_cfg", None) or {}
    return known.get("architecture") or type(module).__name__


def _spec(module: VisionTransformer) -> ModelSpec:
    """What the module is built of, as far as its tensors and its shape say it; `save` proves that it is all."""
    attention = cast(TimmAttention, module.get_submodule("blocks.0.attn"))
    size = tuple(module.patch_embed.img_size)
    backbone, arguments = state_dicts.architecture(module.state_dict(), "the module", attention.num_heads, size)
    return ModelSpec(backbone, arguments | {"global_pool": module.global_pool})
