"""Rows of attention: which queries are looked at, and the quantities of a row that several indicators share.

Rows are reduced in the precision of the trace and averaged in fp64.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import PerHead, PerQuery
from interpret.indicators._once import once, swept
from interpret.models.trace import Trace

Rows = Float[Tensor, "*axes query key"]


def renormalised(weights: Rows) -> Rows:
    """Each row divided by its sum; a row that is all zero becomes NaN."""
    return weights / weights.sum(dim=-1, keepdim=True)


def mean(values: PerQuery, trace: Trace, rows: str | None) -> PerHead:
    """Mean over queries, those left out whose value is NaN; NaN where none is left.

    Args:
        rows: None for all queries; "cls" for the class token's alone, none where the model has no such token;
            "patches" for those of patches, not of any prefix token.
    """
    chosen = {
        None: slice(None),
        "cls": slice(0, int(trace.model.anatomy.class_token)),
        "patches": slice(trace.grid.prefix, None),
    }
    if rows not in chosen:
        raise InterpretError(f"there are no rows {rows!r}; available: cls, patches, and all of them unless given")
    return values[..., chosen[rows]].nanmean(dim=-1)


@once
def sums(trace: Trace) -> PerQuery:
    """sum_j A_ij."""
    return swept(lambda weights: weights.sum(dim=-1), trace.need("weights")).double()


@once
def kept(trace: Trace) -> PerQuery:
    """#{j: A_ij > 0}."""
    # No weight is negative, so its sign is the count, at a third of the cost of a comparison.
    return swept(lambda weights: weights.sign().sum(dim=-1), trace.need("weights")).double()


@once
def entropy(trace: Trace) -> PerQuery:
    """H(A_i / sum_j A_ij) in nats, as ln s - (sum_j A_ij ln A_ij) / s with s the row's sum; NaN where s = 0."""
    weights, total = trace.need("weights"), sums(trace)
    known = total.log() - swept(_weighted_logarithm, weights).double() / total
    return known.clamp(0, torch.tensor(weights.shape[-1]).double().log().item())


def _weighted_logarithm(weights: Rows) -> Float[Tensor, "*axes query"]:
    smallest = torch.finfo(weights.dtype).tiny
    return weights.clamp_min(smallest).log_().mul_(weights).sum(dim=-1)
