"""DINOv2 of transformers, with registers and without; files hold the gated MLP in two layers, modules in three."""

from interpret.models.families import FAMILIES, OF_IMAGENET, Converted, Tensors
from interpret.models.families._renaming import fused, joined, renamed
from interpret.models.families.dinov2 import of_dinov2
from interpret.models.families.transformers_vit import ANCHOR, LAYER
from interpret.models.families.transformers_vit import RULES as SHARED

RULES = [
    (r"embeddings\.register_tokens$", "reg_token"),
    (LAYER + r"norm([12])\.", r"blocks.\1.norm\2."),
    (LAYER + r"layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (LAYER + r"mlp\.weights_in\.", r"blocks.\1.mlp.fc1."),
    (LAYER + r"mlp\.(gate|up)_proj\.", r"blocks.\1.mlp.\2."),
    (LAYER + r"mlp\.(?:weights_out|down_proj)\.", r"blocks.\1.mlp.fc2."),
    *SHARED,
]


def _known(keys: set[str]) -> bool:
    return any(key.endswith("layer_scale1.lambda1") for key in keys)


@FAMILIES.register(
    label="DINOv2 of transformers",
    anchor=ANCHOR,
    known_by=_known,
    statistics=OF_IMAGENET,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """As ViT, with LayerScale, registers and a gated MLP."""
    named, left_out = renamed(tensors, RULES)
    whole = joined(fused(named), ("mlp.gate", "mlp.up"), "mlp.fc1")
    gated = any(key.endswith(("mlp.weights_in.weight", "mlp.gate_proj.weight")) for key in tensors)
    return of_dinov2(whole, left_out, gated)
