"""MONAI's ViT."""

from interpret.models.families import FAMILIES


@FAMILIES.register(
    label="MONAI's ViT",
    anchor=r"patch_embedding\.patch_embeddings(?:\.1)?\.weight",
    refused="its patches, volumes often, and its layers are other ones than timm's",
)
def known(keys: set[str]) -> bool:
    """Its own name of the first layer of an MLP."""
    return any(key.endswith("mlp.linear1.weight") for key in keys)
