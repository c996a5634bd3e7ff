"""Effective rank."""

import torch

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _spectra
from interpret.models.trace import Trace


@INDICATORS.register(
    label="effective rank",
    unit="directions",
    bounds=("1", "d, or N for attention"),
    higher="more directions are used",
    reference="Roy & Vetterli 2007, doi 10.5281/zenodo.40337; its use for SVDA is a definition of this toolkit",
    own=True,
    needs=("weights",),
    spectral=True,
)
def effective_rank(trace: Trace, *, kind: str = "attention", gamma: float = 1.0) -> PerHead:
    """exp(-sum p ln p) with p = w^gamma / sum w^gamma over the spectrum w; from 1 to its rank; NaN where w = 0.

    Uniform attention and a sink on one token both have effective rank 1 and opposite attention entropy.

    Args:
        kind: the spectrum: "attention", "scores", "qk_weight", or "sigma" and "sigma_effective" (svda).
        gamma: 1 for the values themselves, 2 for energies.
    """
    w = _spectra.spectrum(trace, kind).double() ** gamma
    return torch.special.entr(w / w.sum(dim=-1, keepdim=True)).sum(dim=-1).exp()
