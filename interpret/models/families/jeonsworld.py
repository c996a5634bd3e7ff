"""The early PyTorch port of ViT that many fine-tuned (jeonsworld/ViT-pytorch)."""

from interpret.models.families import FAMILIES


@FAMILIES.register(
    label="ViT-pytorch of jeonsworld",
    anchor=r"embeddings\.patch_embeddings\.weight",
    refused="it forms attention in modules of its own, whose settings no key tells",
)
def known(keys: set[str]) -> bool:
    """Its own names of q and of the norm before it."""
    return "encoder.layer.0.attn.query.weight" in keys
