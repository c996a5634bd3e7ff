"""DeiT III as its authors save it: timm's keys but for the scales of its layers."""

from interpret.models.families import FAMILIES, Converted, Tensors
from interpret.models.families._renaming import renamed

RULES = [(r"(blocks\.\d+)\.gamma_([12])$", r"\1.ls\2.gamma")]


@FAMILIES.register(
    label="DeiT III", anchor=r"patch_embed\.proj\.weight", known_by=lambda keys: "blocks.0.gamma_1" in keys
)
def convert(tensors: Tensors, beside: Tensors) -> Converted:
    """LayerScale under timm's name."""
    return Converted(renamed(tensors, RULES)[0])
