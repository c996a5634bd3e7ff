"""The vision model of SigLIP in transformers, alone or beside its text model."""

from interpret.models.families import FAMILIES, Converted, Tensors
from interpret.models.families._renaming import fused, renamed
from interpret.models.families.transformers_clip import ANCHOR, classified, with_axes
from interpret.models.families.transformers_clip import RULES as SHARED
from interpret.models.settings import Settings

POOL = [
    (r"head\.probe$", "attn_pool.latent"),
    (r"head\.attention\.in_proj_", "attn_pool.qkv."),
    (r"head\.attention\.out_proj\.", "attn_pool.proj."),
    (r"head\.layernorm\.", "attn_pool.norm."),
    (r"head\.mlp\.", "attn_pool.mlp."),
]


def _known(keys: set[str]) -> bool:
    return "post_layernorm.weight" in keys and not keys & {"pre_layrnorm.weight", "embeddings.class_embedding"}


@FAMILIES.register(
    label="SigLIP of transformers",
    anchor=ANCHOR,
    known_by=_known,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Its classifier reads the mean of the patches; without one an attention over them pools."""
    pooled = not classified(beside) and "head.probe" in tensors
    pool = POOL if pooled else [(r"head\.", None)]
    named, left_out = renamed(tensors, [*pool, *SHARED])
    whole = fused(with_axes(named))
    for kind in ("weight", "bias"):
        if (joint := whole.pop(f"attn_pool.qkv.{kind}", None)) is not None:
            width = len(joint) // 3
            whole |= {f"attn_pool.q.{kind}": joint[:width], f"attn_pool.kv.{kind}": joint[width:]}
    pooling = {"global_pool": "map"} if pooled else {"global_pool": "avg", "fc_norm": False}
    return Converted(whole, pooling, Settings(activation="gelu_tanh", eps=1e-6), left_out, antialias=False)
