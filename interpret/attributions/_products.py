"""Steps that the rollout family shares: fusing heads, discarding, and the product of layers."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Attention

Fused = Float[Tensor, "batch query key"]
Row = Float[Tensor, "batch key"]

FUSIONS: dict[str, Callable[[Float[Tensor, "batch head query key"]], Fused]] = {
    "mean": lambda heads: heads.mean(dim=1),
    "max": lambda heads: heads.amax(dim=1),
    "min": lambda heads: heads.amin(dim=1),
}

EVERY = slice(None)
PROTECTED = {"none": (EVERY, 0, 0), "cls_row": (EVERY, 0), "cls_col": (EVERY, EVERY, 0)}


def fuse(heads: Float[Tensor, "batch head query key"], fusion: str) -> Fused:
    """One matrix a layer from its heads."""
    if fusion not in FUSIONS:
        raise InterpretError(f"fusion {fusion!r} is not one of {', '.join(FUSIONS)}")
    return FUSIONS[fusion](heads)


def discard(fused: Fused, ratio: float, protect: str = "none") -> Fused:
    """Set the floor(N^2 ratio) lowest entries of each whole matrix to zero, ties by the lower flat index first.

    The entry [0, 0] and what `protect` names are counted among the lowest but keep their value. Deviation from
    vit-explain: every image of the batch is treated.
    """
    if not 0 <= ratio < 1:
        raise InterpretError(f"discard_ratio {ratio} is outside [0, 1)")
    if protect not in PROTECTED:
        raise InterpretError(f"protect {protect!r} is not one of {', '.join(PROTECTED)}")
    if ratio == 0:
        return fused
    flat = fused.flatten(1)
    lowest = flat.argsort(dim=1, stable=True)[:, : int(flat.shape[1] * ratio)]
    dropped = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, lowest, True).view_as(fused)
    dropped[PROTECTED[protect]] = False
    dropped[:, 0, 0] = False
    return fused.masked_fill(dropped, 0.0)


def with_residual(row: Row, fused: Fused) -> Row:
    """row times rownorm(fused + I), by vector products: the N x N product of layers is never formed.

    A row that was cut whole becomes the identity row, not a row of sum one half.
    """
    scaled = row / (fused.sum(dim=-1) + 1)
    return scaled + torch.einsum("bq,bqk->bk", scaled, fused)


def layers_from(layers: Attention, first: Any) -> tuple[Float[Tensor, "batch head query key"], ...]:
    """Those of a product, the last one first.

    Raises:
        InterpretError: no layer is the first.
    """
    if first not in range(len(layers)):
        raise InterpretError(f"start_layer={first!r}: the trace has layers 0 to {len(layers) - 1}")
    return layers[int(first) :].unbind()[::-1]


def accumulate(readout: Float[Tensor, "token"], layers: Iterable[Fused], step: Callable[[Row, Fused], Row]) -> Row:
    """The row that the classifier reads of the product of layers: `layers` come last to first."""
    row = readout
    for fused in layers:
        row = step(row.to(fused.dtype).expand(len(fused), -1), fused)
    return row
