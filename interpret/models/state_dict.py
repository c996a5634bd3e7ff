"""What a state dict under timm's keys says about its ViT, and what it does not say."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from interpret.foundation.errors import CheckpointError
from interpret.mechanisms import MECHANISMS
from interpret.models.positions import img_size as size_of_input
from interpret.models.sizes import check_sizes

Tensors = Mapping[str, Tensor]

ANCHOR = "patch_embed.proj.weight"
FORM = {
    ANCHOR: 4,
    "blocks.0.norm1.weight": 1,
    "blocks.0.attn.qkv.weight": 2,
    "blocks.0.attn.proj.weight": 2,
    "blocks.0.mlp.fc1.weight": 2,
    "blocks.0.mlp.fc2.weight": 2,
}
"""Tensors that every plain ViT has, and their axes."""
TOKENS = ("cls_token", "dist_token", "reg_token", "pos_embed")
HEADS_BY_WIDTH = {192: 3, 384: 6, 512: 8, 576: 9, 768: 12, 1024: 16, 1152: 16, 1280: 16, 1408: 16}
"""Heads of timm's ViTs with a CLS token by their width; those without one differ (768 wide with 12 or 16)."""


def check_form(tensors: Tensors, source: str) -> None:
    """Refuse what has not the tensors of a plain ViT, or not in the shapes of one.

    Raises:
        CheckpointError: names the first that is missing or of other axes, or that holds no real numbers.
    """
    advice = "load the module itself: interpret.load(model)"
    for name, axes in (FORM | {token: 3 for token in TOKENS if token in tensors}).items():
        if name not in tensors:
            raise CheckpointError(f"{source}: no {name} in it, so its blocks are not those of a plain ViT; {advice}")
        shape = tuple(tensors[name].shape)
        if len(shape) != axes or 0 in shape:
            raise CheckpointError(f"{source}: {name} has the shape {shape}; expected {axes} axes; {advice}")
    check_numbers(tensors, source)
    blocks = _blocks(tensors)
    missing = next(index for index in range(len(blocks) + 1) if index not in blocks)
    if missing < len(blocks):
        raise CheckpointError(f"{source}: no blocks.{missing} among {len(blocks)} blocks; the file is incomplete")


def _blocks(tensors: Tensors) -> set[int]:
    """Numbers of the blocks."""
    return {int(match[1]) for match in map(re.compile(r"blocks\.([0-9]{1,9})\.").match, tensors) if match}


def check_numbers(tensors: Tensors, source: str) -> None:
    """Refuse what holds no real numbers, one beside the other.

    Raises:
        CheckpointError: names the first that is sparse, empty of numbers, or holds whole or complex ones.
    """
    empty = [key for key, tensor in tensors.items() if tensor.layout != torch.strided or tensor.is_meta]
    if empty:
        raise CheckpointError(f"{source}: {empty[0]} is sparse or holds no numbers; save dense tensors that do")
    whole = [key for key, tensor in tensors.items() if not tensor.is_floating_point()]
    if whole:
        raise CheckpointError(
            f"{source}: {len(whole)} tensors hold whole numbers ({whole[0]} is {tensors[whole[0]].dtype}): quantised "
            "weights without their scales; load the model before it was quantised"
        )


def rename_mechanism(tensors: Tensors) -> tuple[dict[str, Tensor], tuple[str, ...]]:
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


def patch_size(tensors: Tensors) -> tuple[int, int]:
    """(height, width) of a patch, in pixels."""
    height, width = tensors[ANCHOR].shape[-2:]
    return int(height), int(width)


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


def head_sizes(tensors: Tensors, source: str, heads: int | None) -> dict[str, int]:
    """Number of heads, and their width where some of them were pruned.

    Args:
        heads: of the whole model, or of what is left of it.

    Raises:
        CheckpointError: layers that kept different numbers of heads, or rows that no number of heads explains.
    """
    width = int(tensors[ANCHOR].shape[0])
    rows = sorted({int(tensor.shape[0]) for key, tensor in tensors.items() if key.endswith("attn.qkv.weight")})
    if heads:
        check_sizes(source, {"embed_dim": width, "num_heads": heads})
    whole = heads or num_heads(tensors, source)
    if rows == [3 * width]:
        return {"num_heads": whole}
    head_dim = width // whole
    if heads and len(rows) == 1 and rows[0] % (3 * head_dim) and rows[0] % (3 * heads) == 0:
        head_dim = rows[0] // (3 * heads)
    if len(rows) > 1 or rows[0] % (3 * head_dim):
        kept = ", ".join(f"{each / (3 * head_dim):g}" for each in rows)
        raise CheckpointError(
            f"{source}: heads were pruned, and its layers kept {kept} of {whole}; maps need one number for all layers"
        )
    return {"num_heads": rows[0] // (3 * head_dim), "head_dim": head_dim}


def architecture(
    tensors: Tensors,
    source: str,
    heads: int | None,
    img_size: tuple[int, int] | None,
    known: Mapping[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """(backbone, arguments of timm's `VisionTransformer`) that fit the tensors.

    Args:
        known: arguments that a family always has.

    Raises:
        CheckpointError: the heads or the patch grid cannot be told from the tensors.
    """
    check_form(tensors, source)
    patch, always = tensors[ANCHOR], dict(known or {})
    size, no_embed_class = size_of_input(tensors, patch_size(tensors), img_size, always.get("no_embed_class"), source)
    arguments: dict[str, Any] = {
        "img_size": size,
        "patch_size": patch_size(tensors),
        "in_chans": int(patch.shape[1]),
        "embed_dim": int(patch.shape[0]),
        "depth": len(_blocks(tensors)),
        **head_sizes(tensors, source, heads),
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
        return "deit_tiny_distilled_patch16_224", arguments | always
    pooled = "fc_norm.weight" in tensors or "cls_token" not in tensors
    arguments |= {
        "class_token": "cls_token" in tensors,
        "reg_tokens": int(tensors["reg_token"].shape[1]) if "reg_token" in tensors else 0,
        "global_pool": "avg" if pooled else "token",
        "fc_norm": "fc_norm.weight" in tensors,
    }
    return "vit_tiny_patch16_224", arguments | always
