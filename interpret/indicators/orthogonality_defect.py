"""Orthogonality defect."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS
from interpret.indicators._once import swept
from interpret.models.trace import Trace


@INDICATORS.register(
    label="orthogonality defect",
    unit="index",
    bounds=("0", "sqrt(d - 1)"),
    higher="the unit vectors fill fewer directions",
    reference="this toolkit: how far the factors of SVDA, arXiv 2602.10994, are from those of an SVD",
    needs=("queries", "keys"),
)
def orthogonality_defect(trace: Trace, *, vectors: str = "queries") -> PerHead:
    """|d/N sum_i q^_i q^_i^T - I|_F / sqrt(d) with q^_i = q_i / |q_i|: 0 where every direction holds the same energy.

    A decomposition Q^ diag(sigma) K^T has sigma as singular values only where this is 0 for queries and for keys, and
    with d > N it cannot be. Other mechanisms than svda do not normalise q and k; theirs are normalised here, as for
    `angular_alignment`, so that they compare.

    Args:
        vectors: "queries" or "keys".
    """
    if vectors not in ("queries", "keys"):
        raise InterpretError(f"orthogonality_defect has no vectors {vectors!r}; available: queries, keys")
    kept = {name: trace.need(name) for name in ("queries", "keys")}
    return swept(_defect, kept[vectors]).double()


def _defect(vectors: Float[Tensor, "batch head token d"]) -> Float[Tensor, "batch head"]:
    unit, (tokens, d) = F.normalize(vectors, dim=-1), vectors.shape[-2:]
    excess = unit.mT @ unit * (d / tokens) - torch.eye(d, dtype=vectors.dtype, device=vectors.device)
    return torch.linalg.matrix_norm(excess) / d**0.5
