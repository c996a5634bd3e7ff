"""DINOv2 as its authors train and release it."""

import re

from torch import Tensor

from interpret.models.families import FAMILIES, OF_IMAGENET, Converted, Tensors
from interpret.models.families._renaming import renamed

CHUNKED = r"blocks\.\d+\.(\d+)\."
RULES = [
    (r"mask_token$", None),
    (r"register_tokens$", "reg_token"),
    (r"(blocks\.\d+\.mlp)\.w12\.", r"\1.fc1."),
    (r"(blocks\.\d+\.mlp)\.w3\.", r"\1.fc2."),
]
SWIGLU = {"mlp_layer": "swiglu", "act_layer": "silu"}


def _known(keys: set[str]) -> bool:
    own = keys & {"mask_token", "register_tokens"} or any(re.match(CHUNKED, key) for key in keys)
    return bool(own) and "decoder_embed.weight" not in keys


@FAMILIES.register(
    label="DINOv2",
    anchor=r"patch_embed\.proj\.weight",
    known_by=_known,
    statistics=OF_IMAGENET,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Blocks out of their chunks, registers and the gated MLP under timm's names."""
    unchunked = {re.sub(CHUNKED, r"blocks.\1.", key): tensor for key, tensor in tensors.items()}
    named, left_out = renamed(unchunked, RULES)
    gated = "blocks.0.mlp.w12.weight" in unchunked
    return of_dinov2(named, left_out, gated)


def of_dinov2(named: Tensors, left_out: tuple[str, ...], gated: bool) -> Converted:
    """What all of DINOv2 have in common, its tensors named."""
    registers = "reg_token" in named
    architecture = (SWIGLU if gated else {}) | ({"no_embed_class": True} if registers else {})
    return Converted(_unpositioned(named), architecture, left_out=left_out, wide_head=True, antialias=registers)


def _unpositioned(tensors: Tensors) -> dict[str, Tensor]:
    """Registers have no position; timm then has none for CLS either, so that of CLS is added to CLS itself."""
    renamed = dict(tensors)
    positions = renamed.get("pos_embed")
    if "reg_token" in renamed and "cls_token" in renamed and positions is not None and positions.ndim == 3:
        renamed["cls_token"] = renamed["cls_token"] + positions[:, :1]
        renamed["pos_embed"] = positions[:, 1:]
    return renamed
