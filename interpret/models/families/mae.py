"""Masked autoencoders as pre-training saves them: timm's keys, and a decoder that paints the hidden patches."""

from interpret.models.families import FAMILIES, OF_IMAGENET, Converted, Tensors
from interpret.models.families._renaming import renamed

RULES = [(r"decoder_", None), (r"mask_token$", None)]


@FAMILIES.register(
    label="pre-trained MAE",
    anchor=r"patch_embed\.proj\.weight",
    known_by=lambda keys: "decoder_embed.weight" in keys,
    statistics=OF_IMAGENET,
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """The encoder alone."""
    encoder, left_out = renamed(tensors, RULES)
    return Converted(encoder, left_out=left_out)
