"""The ViTs of vit-pytorch (lucidrains)."""

import re

from interpret.models.families import FAMILIES

SIGN = re.compile(r"transformer\.(?:layers|norm)")


@FAMILIES.register(
    label="vit-pytorch (lucidrains)",
    anchor=r"(?:patch_to_embedding|(?:to_patch_embedding\.)?to_patch_tokens\.\d+|to_patch_embedding\.\d+)\.weight",
    refused="a linear layer, with norms around it mostly, projects its patches, and the width of its heads is free",
)
def known(keys: set[str]) -> bool:
    """Its layers are lists."""
    return any(SIGN.match(key) for key in keys)
