"""What timm knows of an architecture: how it is built, how its input is normalised, what its classes are called."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import timm
import torch
from timm.data import ImageNetInfo, infer_imagenet_subset
from timm.layers import Attention, LayerNorm, SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.models import heads
from interpret.models.architecture import check_architecture
from interpret.models.sizes import check_sizes
from interpret.models.vit import ViT


def input_statistics(backbone: str) -> dict[str, Any]:
    """The mean and std of the input that timm's weights of that backbone were trained with; empty where unknown."""
    known = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    return {"mean": tuple(known.mean), "std": tuple(known.std)} if known else {}


def create_vit(backbone: str, **architecture: Any) -> VisionTransformer:
    """timm's backbone of that name, untrained, with `architecture` overriding its `VisionTransformer` arguments.

    Four arguments are plain names and numbers for what timm takes as classes or not at all: `norm_eps`;
    `mlp_layer` "swiglu"; `head`, the layers of a head as `heads.build` takes them; `head_dim`, the width of a head
    where some heads were pruned.

    Raises:
        UnsupportedModelError: timm does not know the name, or what it builds is not a plain `VisionTransformer`.
        InterpretError: an argument that no plain ViT takes, or sizes that do not fit together.
    """
    check_architecture(backbone, architecture)
    check_sizes(backbone, architecture)
    if not timm.is_model(backbone):
        raise UnsupportedModelError(f"timm has no backbone {backbone!r}; see timm.list_models('*vit*')")
    try:
        vit = timm.create_model(backbone, pretrained=False, **_arguments(architecture))
    except (TypeError, AssertionError, ValueError, ArithmeticError, RuntimeError) as error:
        check_sizes(backbone, _own_sizes(backbone) | architecture)
        raise UnsupportedModelError(f"backbone {backbone!r} cannot be built with {architecture}: {error}") from error
    if not isinstance(vit, VisionTransformer):
        raise UnsupportedModelError(f"backbone {backbone!r} is a {type(vit).__name__}, not a plain VisionTransformer")
    check_sizes(backbone, {"img_size": vit.patch_embed.img_size, "patch_size": vit.patch_embed.patch_size})
    if "head" in architecture:
        heads.check_fits(architecture["head"], vit.embed_dim, vit.num_classes, backbone)
        vit.set_submodule("head", heads.build(architecture["head"], vit.num_prefix_tokens))
    if "head_dim" in architecture:
        _prune_heads(vit, architecture["num_heads"], architecture["head_dim"])
    return vit


def _arguments(architecture: dict[str, Any]) -> dict[str, Any]:
    """As timm takes them; a ViT with pruned heads is built with one head first."""
    plain = {name: value for name, value in architecture.items() if name not in ("norm_eps", "head", "head_dim")}
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    if "norm_eps" in architecture:
        plain["norm_layer"] = partial(LayerNorm, eps=architecture["norm_eps"])
    if plain.get("mlp_layer") == "swiglu":
        plain["mlp_layer"] = SwiGLUPacked
    return plain | ({"num_heads": 1} if "head_dim" in architecture else {})


def _prune_heads(vit: VisionTransformer, num_heads: int, head_dim: int) -> None:
    for block in vit.blocks:
        whole = cast(Attention, block.get_submodule("attn"))
        bias = whole.qkv.bias is not None
        block.attn = Attention(vit.embed_dim, num_heads, attn_head_dim=head_dim, qkv_bias=bias)


def _own_sizes(backbone: str) -> dict[str, Any]:
    """The backbone's width and heads; nothing is allocated."""
    with torch.device("meta"):
        vit = timm.create_model(backbone)
    if not isinstance(vit, VisionTransformer):
        return {}
    return {"embed_dim": vit.embed_dim, "num_heads": cast(ViT, vit).blocks[0].attn.num_heads}


def pretrained_cfg(module: nn.Module) -> Mapping[str, Any]:
    """What timm keeps of the weights of a live model; empty of any other module."""
    known = getattr(module, "pretrained_cfg", None)
    return known if isinstance(known, Mapping) else {}


def configured(module: nn.Module) -> dict[str, Any]:
    """What the `pretrained_cfg` of a live model says of its input and its classes: "mean", "std", "classes".

    Classes are its own `label_names`, else those of the ImageNet subset that timm recognises by their number.
    """
    known = pretrained_cfg(module)
    statistics = {name: tuple(known[name]) for name in ("mean", "std") if known.get(name)}
    classes = tuple(known.get("label_names") or _imagenet_classes(module, known))
    return statistics | ({"classes": classes} if classes else {})


def _imagenet_classes(module: Any, known: Mapping[str, Any]) -> list[str]:
    """Empty where the head is not the one that timm's weights came with."""
    subset = infer_imagenet_subset(module) if known and known.get("num_classes") == module.num_classes else None
    if subset is None:
        return []
    names = ImageNetInfo(subset)
    return [names.index_to_description(index) for index in range(module.num_classes)]
