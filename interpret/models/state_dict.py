"""What a raw state dict says about its ViT, and what it does not say."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from interpret.foundation.errors import CheckpointError
from interpret.mechanisms import MECHANISMS

Tensors = Mapping[str, Tensor]

WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")
ANCHOR = "patch_embed.proj.weight"
SKIPPED_BY_POSITION = ("reg_token", "blocks.0.ls1.gamma")
"""Signs of the families (DeiT III, DINOv2 with registers) whose position embedding may skip the prefix tokens."""
HEADS_BY_WIDTH = {192: 3, 384: 6, 512: 8, 576: 9, 768: 12, 1024: 16, 1152: 16, 1280: 16, 1408: 16}
"""Heads of timm's ViTs with a CLS token by their width; those without one differ (768 wide with 12 or 16)."""
CLASSIFIERS = ("head", "fc", "classifier", "linear")


@dataclass(frozen=True)
class Recognised:
    """A state dict under timm's own keys.

    Attributes:
        tensors: renamed tensors.
        notes: what was stripped, renamed, left out or assumed, for the match report.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def unwrap(payload: Mapping[str, Any]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of a checkpoint that may hold them under a name of its own, such as "state_dict"; and that name."""
    for wrapper in WRAPPERS:
        if isinstance(payload.get(wrapper), Mapping):
            tensors, _ = unwrap(payload[wrapper])
            return tensors, (f"read from {wrapper!r}",)
    return {str(key): value for key, value in payload.items() if isinstance(value, Tensor)}, ()


def recognise(tensors: Tensors, source: str) -> Recognised:
    """Strip wrappers' prefixes (`module.`, `_orig_mod.`, `model.`, `vit.`, `backbone.` ...) down to timm's keys.

    Raises:
        CheckpointError: no ViT in it, or more than one.
    """
    anchors = [key for key in tensors if key == ANCHOR or key.endswith("." + ANCHOR)]
    if len(anchors) != 1:
        keys = ", ".join(sorted(anchors) or sorted(tensors)[:3])
        raise CheckpointError(
            f"{source}: expected one ViT, a single key that ends in {ANCHOR!r}; found {len(anchors)}: {keys}"
        )
    prefix = anchors[0].removesuffix(ANCHOR)
    inside = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    outside = {key: value for key, value in tensors.items() if not key.startswith(prefix)}
    notes = (f"prefix {prefix!r} stripped",) if prefix else ()
    inside, outside, more = _adopt_head(inside, outside)
    if outside:
        more = (*more, f"{len(outside)} tensors outside {prefix!r} left out: {', '.join(sorted(outside)[:3])}")
    inside, renamed = _rename_mechanism(inside)
    return Recognised(inside, (*notes, *more, *renamed))


def _adopt_head(
    inside: dict[str, Tensor], outside: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor], tuple[str, ...]]:
    """A classifier that lies beside the backbone becomes its head."""
    for key in outside:
        owner = key.removesuffix(".weight").rpartition(".")[2]
        if "head.weight" not in inside and key.endswith(".weight") and owner in CLASSIFIERS:
            stem = key.removesuffix("weight")
            taken = {name: outside[name] for name in (stem + "weight", stem + "bias") if name in outside}
            adopted = inside | {"head." + name.removeprefix(stem): value for name, value in taken.items()}
            rest = {name: value for name, value in outside.items() if name not in taken}
            return adopted, rest, (f"{key!r} taken as the head",)
    return inside, outside, ()


def _rename_mechanism(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """An SVDA sigma of any spelling and of shape (H, d) or (H d,) becomes `blocks.i.attn.mechanism.sigma`."""
    pattern = re.compile(r"blocks\.(\d+)\.attn\.(?:\w+\.)?sigmas?$")
    renamed = {
        match.group(0): f"blocks.{match.group(1)}.attn.mechanism.sigma"
        for match in map(pattern.match, tensors)
        if match
    }
    moved = [key for key, new in renamed.items() if key != new]
    notes = (f"{len(moved)} sigma tensors such as {moved[0]!r} taken as SVDA's",) if moved else ()
    return {renamed.get(key, key): value for key, value in tensors.items()}, notes


def mechanism_of(tensors: Tensors) -> str | None:
    """The mechanism that learns what lies there, None where nothing says: a fixed threshold leaves no trace."""
    place = "blocks.0.attn.mechanism."
    left = {key.removeprefix(place) for key in tensors if key.startswith(place)}
    fitting = [name for name, entry in MECHANISMS.items() if left and left == set(entry.function(1, 1).state_dict())]
    return fitting[0] if len(fitting) == 1 else None


def num_classes(tensors: Tensors) -> int:
    """Rows of the head, 0 where there is none."""
    return int(tensors["head.weight"].shape[0]) if "head.weight" in tensors else 0


def num_heads(tensors: Tensors, source: str) -> int:
    """Heads from SVDA's sigma or from timm's known widths.

    Raises:
        CheckpointError: neither knows.
    """
    sigma, width = tensors.get("blocks.0.attn.mechanism.sigma"), int(tensors[ANCHOR].shape[0])
    if sigma is not None and sigma.ndim == 2:
        return int(sigma.shape[0])
    if width not in HEADS_BY_WIDTH or "cls_token" not in tensors:
        raise CheckpointError(
            f"{source}: the weights do not tell the heads, nor does a width of {width}; pass heads= (--heads)"
        )
    return HEADS_BY_WIDTH[width]


def architecture(
    tensors: Tensors, source: str, heads: int | None, img_size: tuple[int, int] | None
) -> tuple[str, dict[str, Any]]:
    """(backbone, arguments of timm's `VisionTransformer`) that fit the tensors.

    Raises:
        CheckpointError: the heads or the patch grid cannot be told from the tensors.
    """
    patch = tensors[ANCHOR]
    prefix = sum(_length(tensors, token) for token in ("cls_token", "dist_token", "reg_token"))
    size, no_embed_class = _img_size(tensors, tuple(patch.shape[-2:]), prefix, img_size, source)
    arguments = {
        "img_size": size,
        "patch_size": tuple(patch.shape[-2:]),
        "in_chans": int(patch.shape[1]),
        "embed_dim": int(patch.shape[0]),
        "depth": 1 + max(int(key.split(".")[1]) for key in tensors if key.startswith("blocks.")),
        "num_heads": heads or num_heads(tensors, source),
        "num_classes": num_classes(tensors),
        "mlp_ratio": tensors["blocks.0.mlp.fc1.weight"].shape[0] / patch.shape[0],
        "qkv_bias": "blocks.0.attn.qkv.bias" in tensors,
        "qk_norm": "blocks.0.attn.q_norm.weight" in tensors,
        "scale_attn_norm": "blocks.0.attn.norm.weight" in tensors,
        "init_values": 1e-5 if "blocks.0.ls1.gamma" in tensors else None,
        "no_embed_class": no_embed_class,
        "pre_norm": "norm_pre.weight" in tensors,
    }
    if "dist_token" in tensors:
        return "deit_tiny_distilled_patch16_224", arguments
    pooled = "fc_norm.weight" in tensors or "cls_token" not in tensors
    arguments |= {
        "class_token": "cls_token" in tensors,
        "reg_tokens": _length(tensors, "reg_token"),
        "global_pool": "avg" if pooled else "token",
        "fc_norm": "fc_norm.weight" in tensors,
    }
    return "vit_tiny_patch16_224", arguments


def _length(tensors: Tensors, token: str) -> int:
    return int(tensors[token].shape[1]) if token in tensors else 0


def _img_size(
    tensors: Tensors, patch: tuple[int, ...], prefix: int, img_size: tuple[int, int] | None, source: str
) -> tuple[tuple[int, int], bool]:
    """The input size, given or told by a square position embedding; and whether that embedding skips the prefix."""
    if "pos_embed" not in tensors:
        raise CheckpointError(
            f"{source}: no position embedding, so the input size is unknown; pass backbone= (--backbone)"
        )
    length = int(tensors["pos_embed"].shape[1])
    if img_size is not None:
        patches = (img_size[0] // patch[0]) * (img_size[1] // patch[1])
        if patches not in (length, length - prefix):
            raise CheckpointError(
                f"{source}: {length} position embeddings do not fit img_size {img_size} in patches {patch}"
            )
        return img_size, prefix > 0 and patches == length
    skips = any(sign in tensors for sign in SKIPPED_BY_POSITION)
    for patches in (length - prefix, length) if skips else (length - prefix,):
        side = math.isqrt(patches)
        if side * side == patches:
            return (side * patch[0], side * patch[1]), prefix > 0 and patches == length
    raise CheckpointError(
        f"{source}: {length} position embeddings, {prefix} prefix tokens: no square grid; pass img_size= (--img-size)"
    )
