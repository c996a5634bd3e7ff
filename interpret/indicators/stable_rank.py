"""Stable rank."""

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _spectra
from interpret.models.trace import Trace


@INDICATORS.register(
    label="stable rank",
    unit="directions",
    bounds=("1", "d, or N for attention"),
    higher="energy on more directions",
    reference="Rudelson & Vershynin 2007, doi 10.1145/1255443.1255449",
    needs=("weights",),
    spectral=True,
)
def stable_rank(trace: Trace, *, kind: str = "attention") -> PerHead:
    """sum w^2 / max w^2 over the spectrum w; from 1 to the rank; NaN for a spectrum of zeros.

    Args:
        kind: the spectrum, as of `spectral_entropy`.
    """
    w = _spectra.spectrum(trace, kind).double()
    return (w / w.amax(dim=-1, keepdim=True)).square().sum(dim=-1)
