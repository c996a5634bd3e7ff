"""Weights rounded to whole numbers, in the packed forms of others."""

from interpret.models.families import FAMILIES


@FAMILIES.register(
    label="a quantised model",
    anchor=r"(?:_packed_params|SCB|weight\.absmax|weight\.quant_map|qweight|weight_scale)\b.*",
    refused="what its packed numbers stand for is known to the library that packed them",
)
def known(keys: set[str]) -> bool:
    """The anchor says it."""
    return bool(keys)
