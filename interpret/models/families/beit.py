"""BEiT, and what shares its attention."""

import re

from interpret.models.families import FAMILIES

SIGN = re.compile(
    r"^blocks\.\d+\.attn\.(relative_position|rel_pos|[qv]_bias$)|^(?!.*\.blocks\.).*relative_position_bias|^(?:encoder\.)?layers?\.\d+\.lambda_1$"
)


@FAMILIES.register(
    label="BEiT, EVA-1, data2vec or MAE-pytorch",
    anchor=r"(?:patch_embed\.proj|embeddings\.patch_embeddings\.projection)\.weight",
    refused="its attention has relative positions, or biases of q and v alone",
)
def known(keys: set[str]) -> bool:
    """Biases that timm's plain attention does not have, or the scales that come with them."""
    return any(SIGN.search(key) for key in keys)
