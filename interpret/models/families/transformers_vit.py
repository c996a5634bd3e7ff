"""ViT and DeiT of transformers, and what shares their encoder, such as ViT-MAE and ViT-MSN."""

from interpret.models.families import FAMILIES, Converted, Tensors
from interpret.models.families._renaming import fused, renamed
from interpret.models.settings import Settings

LAYER = r"(?:encoder\.)?layers?\.(\d+)\."
RULES = [
    (r"embeddings\.cls_token$", "cls_token"),
    (r"embeddings\.distillation_token$", "dist_token"),
    (r"embeddings\.mask_token$", None),
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (LAYER + r"layernorm_before\.", r"blocks.\1.norm1."),
    (LAYER + r"layernorm_after\.", r"blocks.\1.norm2."),
    (LAYER + r"attention\.(?:attention\.)?(q|k|v)(?:uery|ey|alue|_proj)\.", r"blocks.\1.attn.\2."),
    (LAYER + r"attention\.(?:output\.dense|o_proj)\.", r"blocks.\1.attn.proj."),
    (LAYER + r"(?:intermediate\.dense|mlp\.fc1)\.", r"blocks.\1.mlp.fc1."),
    (LAYER + r"(?:output\.dense|mlp\.fc2)\.", r"blocks.\1.mlp.fc2."),
    (r"layernorm\.", "norm."),
    (r"pooler\.", None),
]
ANCHOR = r"embeddings\.patch_embeddings\.projection\.weight"


def _known(keys: set[str]) -> bool:
    plain = any(key.endswith("layernorm_before.weight") for key in keys)
    return plain and "embeddings.position_embeddings" in keys and not any("lambda_1" in key for key in keys)


@FAMILIES.register(
    label="ViT or DeiT of transformers",
    anchor=ANCHOR,
    known_by=_known,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """q, k and v in one; the files of transformers 4 and the modules of transformers 5 name them differently.

    A distillation token without a classifier of its own is a register.
    """
    named, left_out = renamed(tensors, RULES)
    second = {key: tensor for key, tensor in beside.items() if "distillation_classifier." in key}
    if not second and "dist_token" in named:
        named["reg_token"] = named.pop("dist_token")
    named |= {f"head_dist.{key.rpartition('.')[2]}": tensor for key, tensor in second.items()}
    settings = Settings(activation="gelu", eps=1e-12)
    return Converted(fused(named), {}, settings, left_out, tuple(second), antialias=False)
