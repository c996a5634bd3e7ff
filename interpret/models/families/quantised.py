"""Weights rounded to whole numbers, in the packed forms of others."""

from interpret.models.families import FAMILIES


@FAMILIES.register(
    label="a quantised model",
    anchor=r"(?:_packed_params|SCB|weight\.absmax|weight\.quant_map|qweight|weight_scale)\b.*",
    refused="only the library that packed its numbers knows what they stand for; load the weights it was made of",
)
def known(keys: set[str]) -> bool:
    """The anchor says it."""
    return bool(keys)
