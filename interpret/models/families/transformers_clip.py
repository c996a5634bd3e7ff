"""The vision model of CLIP in transformers, alone or beside its text model."""

from torch import Tensor

from interpret.models.families import FAMILIES, OF_CLIP, OF_OPENAI, Converted, Tensors
from interpret.models.families._renaming import fused, renamed

LAYER = r"encoder\.layers\.(\d+)\."
RULES = [
    (r"embeddings\.class_embedding$", "cls_token"),
    (r"embeddings\.position_ids$", None),
    (r"embeddings\.position_embedding\.weight$", "pos_embed"),
    (r"embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"pre_layrnorm\.", "norm_pre."),
    (LAYER + r"layer_norm([12])\.", r"blocks.\1.norm\2."),
    (LAYER + r"self_attn\.(q|k|v)_proj\.", r"blocks.\1.attn.\2."),
    (LAYER + r"self_attn\.out_proj\.", r"blocks.\1.attn.proj."),
    (LAYER + r"mlp\.", r"blocks.\1.mlp."),
    (r"post_layernorm\.", "norm."),
]
ANCHOR = r"embeddings\.patch_embedding\.weight"


@FAMILIES.register(
    label="CLIP of transformers",
    anchor=ANCHOR,
    known_by=lambda keys: "pre_layrnorm.weight" in keys,
    statistics=OF_OPENAI,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Its classifier reads the mean of the patches, before the last norm; its projection reads CLS after it."""
    named, left_out = renamed(tensors, RULES)
    whole = fused(with_axes(named))
    if not classified(beside):
        return Converted(whole, {"global_pool": "token"}, OF_CLIP, left_out, antialias=False)
    unused = tuple(key for key in whole if key.startswith("norm."))
    kept = {key: tensor for key, tensor in whole.items() if key not in unused}
    pooling = {"global_pool": "avg", "final_norm": False, "fc_norm": False}
    return Converted(kept, pooling, OF_CLIP, (*left_out, *unused), antialias=False)


def with_axes(tensors: Tensors) -> dict[str, Tensor]:
    """CLS and the position embedding with timm's axes of length one before them."""
    return {
        key: tensor.reshape(1, -1, tensor.shape[-1]) if key in ("cls_token", "pos_embed") and tensor.ndim else tensor
        for key, tensor in tensors.items()
    }


def classified(beside: Tensors) -> bool:
    """Whether a classifier lies beside the vision model."""
    return any(key.rpartition(".")[0].endswith("classifier") for key in beside)
