"""Quantities that did not move: they have no panel, the caption says what they are."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from interpret.indicators import INDICATORS

LEAST = 0.01
"""What changed by less than this share of its largest value did not move."""

Quantities = Mapping[str, tuple[str, ArrayLike]]
"""What a quantity is called -> the indicator that it is, and all its values in a figure."""


def moved(indicator: str, values: ArrayLike) -> bool:
    """Whether the values differ by more than `LEAST` of the largest of them, or of 1 where 1 is the most there can be.

    NaN is left out.
    """
    known = _known(values)
    entry = INDICATORS.get(indicator)
    whole = 1.0 if entry and entry.bounds[1] == "1" else 0.0
    return len(known) > 0 and bool(np.ptp(known) > LEAST * max(whole, np.abs(known).max()))


def told(quantities: Quantities) -> str:
    """The sentence of a caption on those of the quantities that did not move; "" where all did."""
    still = [f"{name} ({_value(values)})" for name, (own, values) in quantities.items() if not moved(own, values)]
    little = f"{LEAST:.0%} (a share by less than {LEAST:g})"
    return f"Without a panel, for it differs by less than {little} throughout: {', '.join(still)}." if still else ""


def _value(values: ArrayLike) -> str:
    known = _known(values)
    return f"{known.mean():.3g}" if len(known) else "undefined"


def _known(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    return array[np.isfinite(array)]
