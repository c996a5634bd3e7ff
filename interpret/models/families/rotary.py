"""DINOv3, EVA-02, the Perception Encoder: ViTs whose positions turn q and k."""

import re

from interpret.models.families import FAMILIES

SIGN = re.compile(
    r"rope|storage_tokens|attn\.qkv\.bias_mask$|^blocks\.\d+\.attn\.(?:q_proj|inner_attn_ln)|"
    r"^(?:model\.)?layer\.\d+\.layer_scale1|mlp\.w1\."
)


@FAMILIES.register(
    label="DINOv3, EVA-02 or another ViT with rotary positions",
    anchor=r"(?:patch_embed\.proj|embeddings\.patch_embeddings|patch_embed\.backbone\.proj)\.weight",
    refused="its rotary positions turn q and k in every layer",
)
def known(keys: set[str]) -> bool:
    """Its periods; q apart from k and v; or scales and pooling without what a plain ViT has beside them."""
    return any(SIGN.search(key) for key in keys) or _alone(keys)


def _alone(keys: set[str]) -> bool:
    """LayerScale of its own name and no learned positions; or CLIP's first norm before attention pooling."""
    return ("blocks.0.gamma_1" in keys and "pos_embed" not in keys) or {"norm_pre.weight", "attn_pool.latent"} <= keys
