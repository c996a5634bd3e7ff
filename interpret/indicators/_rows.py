"""Rows of attention."""

from jaxtyping import Float
from torch import Tensor

Rows = Float[Tensor, "*axes query key"]


def renormalised(weights: Rows) -> Rows:
    """Each row divided by its sum; a row that is all zero becomes NaN."""
    return weights / weights.sum(dim=-1, keepdim=True)
