"""Sweeps: a model run again at every strength of an intervention, on the same images."""

import math
from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS
from interpret.data import as_dataset
from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Images
from interpret.indicators import Options
from interpret.interventions.sigma_retention import removed_share, sigma_retention
from interpret.interventions.threshold import own_rule, threshold
from interpret.models.loaded_model import LoadedModel
from interpret.models.tracing import trace
from interpret.study import operating_points as curves
from interpret.study.outcomes import Setting, outcomes_of
from interpret.study.store import Store

MEASURED = ("active_tokens", "retained_mass", "dead_rows")


def tau_sweep(
    model: LoadedModel,
    data: Any,
    taus: Sequence[float],
    *,
    by_layer: bool = False,
    indicators: Sequence[str] = MEASURED,
    options: Options = MappingProxyType({}),
    batch_size: int = 16,
    store: Store | None = None,
) -> pd.DataFrame:
    """The model with a threshold inside its forward pass, at each tau, by its own rule ("hard" where it has none).

    An intervention on trained weights: at a tau that the model never saw, training at it could give something else.

    Args:
        by_layer: cut each layer alone too, the others being as they were loaded.
        store: keeps what was seen, batch by batch, and finds it again.

    Returns:
        Tidy table of the columns model, rule, tau, tau_n (tau times N, multiples of uniform attention), layer ("all" or
        its number), trained (whether the model was trained at this tau), then those of `curves.tidy`. Indicators are
        means over images, heads and the layers that are cut.
    """
    rule, settings = own_rule(model), []
    for layer in _layers(model, by_layer):
        for tau in taus:
            trained = layer is None and model.trained_tau is not None and math.isclose(model.trained_tau, tau)
            said = {"rule": rule, "tau": tau, "tau_n": tau * model.grid.tokens, "layer": _name(layer)}
            scope = partial(threshold, model, tau, rule, layers=_only(layer))
            settings.append(Setting(said | {"trained": trained}, scope, layer))
    seen = outcomes_of(
        model, as_dataset(data), settings, indicators, options=options, batch_size=batch_size, store=store
    )
    return curves.tidy(model.name, settings, seen)


def rho_sweep(
    model: LoadedModel,
    data: Any,
    rhos: Sequence[float],
    *,
    by_layer: bool = False,
    indicators: Sequence[str] = MEASURED,
    options: Options = MappingProxyType({}),
    batch_size: int = 16,
    store: Store | None = None,
) -> pd.DataFrame:
    """An SVDA model whose heads keep the directions that hold the share rho of their energy (`sigma_retention`).

    Arguments and columns as of `tau_sweep`, with rho and removed, the share of score directions that are gone from the
    layers concerned, in place of rule, tau, tau_n and trained.

    Raises:
        InterpretError: rho outside (0, 1], or the model has no sigma.
    """
    settings = [
        Setting(
            {"rho": rho, "removed": removed_share(model, rho, layer), "layer": _name(layer)},
            partial(sigma_retention, model, rho, layers=_only(layer)),
            layer,
        )
        for layer in _layers(model, by_layer)
        for rho in rhos
    ]
    seen = outcomes_of(
        model, as_dataset(data), settings, indicators, options=options, batch_size=batch_size, store=store
    )
    return curves.tidy(model.name, settings, seen)


def tau_maps(
    model: LoadedModel, images: Images, taus: Sequence[float], batch_size: int
) -> Float[Tensor, "tau batch row col"]:
    """The last layer's attention of the classifier's token, heads fused, at each tau; NaN where no such row exists."""
    maps = []
    for tau in taus:
        with threshold(model, tau, own_rule(model)):
            maps.append(torch.cat([_map(model, batch) for batch in images.split(batch_size)]))
    return torch.stack(maps)


def _map(model: LoadedModel, images: Images) -> Float[Tensor, "batch row col"]:
    try:
        return ATTRIBUTIONS["cls_attention"](trace(model, images, keep=("weights",)))
    except UnsupportedModelError:
        return torch.full((len(images), model.grid.rows, model.grid.cols), torch.nan)


def _layers(model: LoadedModel, by_layer: bool) -> list[int | None]:
    return [None, *range(len(model.model.blocks))] if by_layer else [None]


def _only(layer: int | None) -> list[int] | None:
    return None if layer is None else [layer]


def _name(layer: int | None) -> str:
    return "all" if layer is None else str(layer)
