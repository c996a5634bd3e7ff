"""LoRA and other adapters of peft that were not merged."""

from interpret.models.families import FAMILIES
from interpret.models.weights import MERGE_FIRST


@FAMILIES.register(
    label="a model with LoRA or another adapter",
    anchor=r"lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)\b.*",
    refused=f"its weights are a sum that is not worked out yet; {MERGE_FIRST}",
)
def known(keys: set[str]) -> bool:
    """The anchor says it."""
    return bool(keys)
