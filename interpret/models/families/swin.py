"""Swin, and other ViTs whose patches merge from stage to stage."""

import re

from interpret.models.families import FAMILIES

SIGN = re.compile(r"(?:encoder\.)?(?:layers|stages)\.\d+\.blocks\.\d+\.|features\.\d+\.\d+\.attn\.")


@FAMILIES.register(
    label="Swin or another hierarchical ViT",
    anchor=r"(?:patch_embed\.proj|patch_embed\d?\.proj|features\.0\.0|embeddings\.patch_embeddings\.projection)\.weight",
    refused="its attention sees windows, and its patches merge on the way",
)
def known(keys: set[str]) -> bool:
    """Blocks that lie in stages."""
    return any(SIGN.match(key) for key in keys)
