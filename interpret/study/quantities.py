"""What a sweep tells of each setting: the names of its quantities, as tables and figures say them."""

from interpret.indicators import INDICATORS

OF_PREDICTIONS = {
    "accuracy": ("accuracy", "share"),
    "accuracy_change": ("change of accuracy", "points"),
    "confidence": ("confidence", "mean top probability"),
    "value": ("output", "mean"),
    "agreement": ("same prediction as loaded", "share"),
}
"""Label and unit of what is told of predictions; the others are indicators, which say theirs themselves."""
POINTS = 100.0
"""A change of accuracy is a share in the tables and is shown in points."""


def title(quantity: str) -> str:
    """Label and unit, for example "accuracy (share)"."""
    if quantity in OF_PREDICTIONS:
        label, unit = OF_PREDICTIONS[quantity]
    else:
        label, unit = INDICATORS[quantity].label, INDICATORS[quantity].unit
    return f"{label} ({unit})" if unit else label
