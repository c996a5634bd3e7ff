"""Perturbation robustness."""

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.tensors import LayerAttention, PerHead, Tokens
from interpret.indicators import INDICATORS, _rows
from interpret.models.preserving import untouched
from interpret.models.trace import Trace


@INDICATORS.register(
    label="perturbation robustness",
    unit="index",
    bounds=("0", "1"),
    higher="attention changes less under noise",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    own=True,
    needs=("inputs", "weights"),
)
def perturbation_robustness(trace: Trace, *, eta: float = 0.05, draws: int = 8, seed: int = 0) -> PerHead:
    """1 - mean over queries i and draws n of TV(A_i, A_i^(n)), TV = |.|_1 / 2, under noise on the attention's input.

    x~ = x + eta rms(x) N(0, 1) after `norm1`, each layer alone, rms over the image's tokens and features. Rows are
    renormalised; a row that is all zero before or after is left out, NaN where none is left. Needs no sigma, so it
    compares mechanisms. Each draw costs the attention of every layer once more.

    Args:
        eta: size of the noise, as a share of the input's root mean square.
        draws: how often noise is drawn; layer and draw fix it, so that models of one shape meet the same noise.
    """
    trace.unchanged()
    layers = zip(trace.numbers, trace.need("inputs"), trace.need("weights"), strict=True)
    moved = []
    with untouched(trace.model.model), torch.no_grad():
        for layer, x, weights in layers:
            noisy = _noisy(x, eta, draws, torch.Generator().manual_seed(seed + layer))
            after = (
                trace.sites[layer].call(each.to(trace.images), partial(trace.change, layer)).weights for each in noisy
            )
            moved.append(torch.stack([_distance(weights, each) for each in after]))
    return 1 - torch.stack(moved).nanmean(dim=(1, -1))


def _noisy(x: Tokens, eta: float, draws: int, generator: torch.Generator) -> Iterator[Tokens]:
    """The tokens under one draw after the other; every image meets the same noise, whatever its batch."""
    size = eta * x.square().mean(dim=(1, 2), keepdim=True).sqrt()
    for _ in range(draws):
        yield x + size * torch.randn(x.shape[1:], generator=generator, dtype=torch.float64).to(x)


def _distance(one: LayerAttention, other: LayerAttention) -> Float[Tensor, "batch head query"]:
    """Total variation of each row; NaN where either is all zero."""
    return (_rows.renormalised(one.double()) - _rows.renormalised(other.double())).abs().sum(dim=-1) / 2
