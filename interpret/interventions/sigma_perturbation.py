"""Noise on the learned sigma of SVDA."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from interpret.foundation.options import check_eta
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import Sigma, edited_sigma, has_sigma, indices, sigmas_of
from interpret.models.loaded_model import LoadedModel


@INTERVENTIONS.register(
    label="noise on sigma",
    strength="eta",
    unit="share of sigma",
    neutral=0.0,
    applies=has_sigma,
    acts_on="models with a learned sigma (svda)",
    grid=lambda models: (0.0, 0.1, 0.25, 0.5, 1.0),
    reference="this toolkit: sigma (1 + eta xi), xi standard normal",
    draws=8,
)
@contextmanager
def sigma_perturbation(
    model: LoadedModel, eta: float, *, seed: int = 0, layers: int | Sequence[int] | None = None
) -> Iterator[LoadedModel]:
    """Scope in which sigma is sigma (1 + eta xi), xi standard normal, drawn once for each layer, head and direction.

    eta is the relative size of the noise: 0 changes nothing, at 1 signs flip. The draw is that of `seed` on every
    device and leaves the global random state alone. The published texts on SVDA that were reachable name no form for
    a perturbation of sigma; this is the toolkit's.

    Args:
        eta: a share of sigma.
        layers: the blocks whose sigma is moved, counted from 0; None is all. Their draws are the same either way.

    Raises:
        InterpretError: eta is negative or not finite, a layer is not there, or the model has no sigma.

    Example:
        >>> import interpret
        >>> vit, photo = interpret.load("checkpoints/shapes-svda.pt"), interpret.load_data("shapes")[0].image
        >>> with interpret.sigma_perturbation(vit, 0.1, seed=3):
        ...     vit.class_name(vit(vit.pixels(photo)).argmax().item())
        'arrow'
    """
    check_eta(eta)
    generator = torch.Generator().manual_seed(seed)
    noisy = [_noisy(sigma, eta, generator) for sigma in sigmas_of(model)]
    chosen = indices(layers, len(noisy), "layer", model)
    with edited_sigma(model, {layer: noisy[layer] for layer in chosen}):
        yield model


def _noisy(sigma: Sigma, eta: float, generator: torch.Generator) -> Sigma:
    noise = torch.randn(sigma.shape, generator=generator, dtype=torch.float64)
    return sigma * (1 + eta * noise).to(sigma)
