"""Noise on the learned sigma of SVDA."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from interpret.foundation.errors import InterpretError
from interpret.interventions._edits import Sigma, edited_sigma, sigmas_of
from interpret.models.loaded_model import LoadedModel


@contextmanager
def sigma_perturbation(model: LoadedModel, eta: float, *, seed: int = 0) -> Iterator[LoadedModel]:
    """Scope in which sigma is sigma (1 + eta xi), xi standard normal, drawn once for each layer, head and direction.

    eta is the relative size of the noise: 0 changes nothing, at 1 signs flip. The draw is that of `seed` on every
    device and leaves the global random state alone. The published texts on SVDA that were reachable name no form for
    a perturbation of sigma; this is the toolkit's.

    Raises:
        InterpretError: eta is negative or not finite, or the model has no sigma.
    """
    if not (eta >= 0 and math.isfinite(eta)):
        raise InterpretError(f"eta {eta} is not a finite number >= 0; eta is the relative size of the noise on sigma")
    generator = torch.Generator().manual_seed(seed)
    with edited_sigma(model, dict(enumerate(_noisy(sigma, eta, generator) for sigma in sigmas_of(model)))):
        yield model


def _noisy(sigma: Sigma, eta: float, generator: torch.Generator) -> Sigma:
    noise = torch.randn(sigma.shape, generator=generator, dtype=torch.float64)
    return sigma * (1 + eta * noise).to(sigma)
