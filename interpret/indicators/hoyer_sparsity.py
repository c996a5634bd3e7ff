"""Hoyer's sparsity."""

import torch

from interpret.foundation.tensors import PerHead
from interpret.indicators import INDICATORS, _spectra
from interpret.models.trace import Trace


@INDICATORS.register(
    label="Hoyer sparsity",
    unit="index",
    bounds=("0", "1"),
    higher="energy on fewer directions",
    reference="Hoyer 2004, JMLR 5; its use for SVDA is a definition of this toolkit",
    own=True,
    needs=("weights",),
    spectral=True,
)
def hoyer_sparsity(trace: Trace, *, kind: str = "attention") -> PerHead:
    """(sqrt(d) - |w|_1 / |w|_2) / (sqrt(d) - 1) over the spectrum w of d directions; NaN for a spectrum of zeros.

    0 for a flat spectrum, 1 for a single direction.

    Args:
        kind: the spectrum, as of `spectral_entropy`.
    """
    w = _spectra.spectrum(trace, kind).double()
    root = w.shape[-1] ** 0.5
    return (root - w.sum(dim=-1) / torch.linalg.vector_norm(w, dim=-1)) / (root - 1)
