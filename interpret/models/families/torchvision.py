"""torchvision's VisionTransformer."""

from interpret.models.families import FAMILIES, OF_IMAGENET, Converted, Tensors
from interpret.models.families._renaming import renamed

BLOCK = r"encoder\.layers\.encoder_layer_(\d+)\."
RULES = [
    (r"class_token$", "cls_token"),
    (r"conv_proj\.", "patch_embed.proj."),
    (r"encoder\.pos_embedding$", "pos_embed"),
    (BLOCK + r"ln_([12])\.", r"blocks.\1.norm\2."),
    (BLOCK + r"self_attention\.in_proj_", r"blocks.\1.attn.qkv."),
    (BLOCK + r"self_attention\.out_proj\.", r"blocks.\1.attn.proj."),
    (BLOCK + r"mlp\.(?:0|linear_1)\.", r"blocks.\1.mlp.fc1."),
    (BLOCK + r"mlp\.(?:3|linear_2)\.", r"blocks.\1.mlp.fc2."),
    (r"encoder\.ln\.", "norm."),
    (r"heads\.pre_logits\.", "pre_logits.fc."),
    (r"heads\.(?:head\.)?", "head."),
]


@FAMILIES.register(
    label="torchvision's VisionTransformer",
    anchor=r"conv_proj\.weight",
    known_by=lambda keys: "encoder.layers.encoder_layer_0.ln_1.weight" in keys,
    statistics=OF_IMAGENET,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Other names, the same function."""
    return Converted(renamed(tensors, RULES)[0])
