"""Spectral entropy."""

import torch

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _spectra
from interpret.models.trace import Trace


@INDICATORS.register(
    label="spectral entropy",
    unit="nats",
    bounds=("0", "ln d, or ln N for attention"),
    higher="energy on more directions",
    reference="named by SVDA, arXiv 2602.10994; definition of this toolkit, not verified against the paper",
    own=True,
    needs=("weights",),
    spectral=True,
)
def spectral_entropy(trace: Trace, *, kind: str = "attention", gamma: float = 1.0) -> PerHead:
    """H = -sum p ln p with p = w^gamma / sum w^gamma over the spectrum w, in nats; NaN for a spectrum of zeros.

    Args:
        kind: the spectrum: "attention", "scores", "qk_weight", or "sigma" and "sigma_effective" (svda).
        gamma: 1 for the values themselves, 2 for energies.
    """
    w = _spectra.spectrum(trace, kind).double() ** gamma
    return torch.special.entr(w / w.sum(dim=-1, keepdim=True)).sum(dim=-1)
