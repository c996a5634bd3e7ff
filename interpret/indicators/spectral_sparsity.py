"""Spectral sparsity."""

import torch

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _spectra
from interpret.models.trace import Trace


@INDICATORS.register(
    label="spectral sparsity",
    unit="share of directions",
    bounds=("0", "1 - 1/d"),
    higher="more directions carry next to nothing",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    own=True,
    needs=("weights",),
    spectral=True,
)
def spectral_sparsity(trace: Trace, *, kind: str = "attention", delta: float = 0.1) -> PerHead:
    """Share #{r: w_r <= delta max w} / d of the d directions of a spectrum w; NaN for a spectrum of zeros.

    delta is arbitrary: `hoyer_sparsity`, which has no parameter, belongs beside it.

    Args:
        kind: the spectrum, as of `spectral_entropy`.
        delta: a direction below this share of the largest one counts as nothing.
    """
    w = _spectra.spectrum(trace, kind).double()
    largest = w.amax(dim=-1, keepdim=True)
    share = (w <= delta * largest).double().mean(dim=-1)
    return share.masked_fill(largest.squeeze(-1) == 0, torch.nan)
