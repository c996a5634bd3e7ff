"""timm's own keys; DINO and most training code write the same."""

from interpret.models.families import FAMILIES, OF_CLIP, USUAL, Converted, Tensors


@FAMILIES.register(label="timm's VisionTransformer", anchor=r"patch_embed\.proj\.weight")
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """Nothing to do; with a norm before its blocks it was CLIP once."""
    return Converted(dict(tensors), settings=OF_CLIP if "norm_pre.weight" in tensors else USUAL)
