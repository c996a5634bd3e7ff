"""The vision model of CLIP as OpenAI and open_clip save it."""

from interpret.models.families import FAMILIES, OF_CLIP, OF_OPENAI, Converted, Tensors
from interpret.models.families._renaming import renamed
from interpret.models.families.transformers_clip import with_axes

BLOCK = r"transformer\.resblocks\.(\d+)\."
RULES = [
    (r"class_embedding$", "cls_token"),
    (r"positional_embedding$", "pos_embed"),
    (r"conv1\.", "patch_embed.proj."),
    (r"ln_pre\.", "norm_pre."),
    (BLOCK + r"ln_([12])\.", r"blocks.\1.norm\2."),
    (BLOCK + r"attn\.in_proj_", r"blocks.\1.attn.qkv."),
    (BLOCK + r"attn\.out_proj\.", r"blocks.\1.attn.proj."),
    (BLOCK + r"mlp\.c_fc\.", r"blocks.\1.mlp.fc1."),
    (BLOCK + r"mlp\.c_proj\.", r"blocks.\1.mlp.fc2."),
    (r"ln_post\.", "norm."),
    (r"proj$", "projection.weight"),
]


@FAMILIES.register(
    label="CLIP",
    anchor=r"conv1\.weight",
    known_by=lambda keys: {"ln_pre.weight", "transformer.resblocks.0.attn.in_proj_weight"} <= keys,
    statistics=OF_OPENAI,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Its projection multiplies from the right."""
    named, left_out = renamed(tensors, RULES)
    if "projection.weight" in named:
        named["projection.weight"] = named["projection.weight"].T
    return Converted(with_axes(named), {"global_pool": "token"}, OF_CLIP, left_out)
