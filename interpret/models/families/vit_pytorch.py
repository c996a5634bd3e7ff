"""The ViTs of vit-pytorch (lucidrains)."""

import re

from interpret.models.families import FAMILIES

SIGN = re.compile(r"transformer\.(?:layers|norm)")


@FAMILIES.register(
    label="vit-pytorch (lucidrains)",
    anchor=r"(?:to_patch_embedding\.\d+|to_patch_tokens\.\d+|to_patch_embedding\.to_patch_tokens\.\d+)\.weight",
    refused="its patches are normalised before and after their projection, and the width of its heads is free",
)
def known(keys: set[str]) -> bool:
    """Its layers are lists."""
    return any(SIGN.match(key) for key in keys)
