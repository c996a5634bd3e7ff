"""Sweeps: a model run again at every strength of an intervention, on the same images."""

import math
from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS
from interpret.data import Dataset, Example, as_dataset
from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.options import as_numbers
from interpret.foundation.registry import as_names
from interpret.foundation.tensors import Images
from interpret.indicators import as_options
from interpret.interventions import INTERVENTIONS, Intervention
from interpret.interventions.threshold import own_rule, threshold
from interpret.models.loaded_model import LoadedModel
from interpret.models.tracing import trace
from interpret.study.curves import tidy
from interpret.study.outcomes import Setting, outcomes_of
from interpret.study.passes import batches
from interpret.study.store import Store

ASIDE = 64
"""So many images are set aside at most for an intervention that must look at some first."""
MEASURED = ("active_tokens", "retained_mass", "dead_rows")


def sweep(
    model: LoadedModel,
    data: Any,
    intervention: str,
    strengths: Any = None,
    *,
    by_layer: bool = False,
    indicators: str | Sequence[str] = MEASURED,
    options: Any = MappingProxyType({}),
    batch_size: int = 16,
    store: Store | None = None,
    calibration: Any = None,
) -> pd.DataFrame:
    """A model run again at every strength of an intervention, on the same images.

    An intervention on trained weights: at a strength that the model never saw, training at it could give something
    else.

    Args:
        data: as `as_dataset` takes it.
        intervention: registered name.
        strengths: numbers, one or several; None takes the intervention's own grid.
        by_layer: change each layer alone too, the others being as they were loaded.
        store: keeps what was seen, batch by batch, and finds it again.
        calibration: images that an intervention which must look at some looks at; None sets a quarter of `data` aside
            for it, evenly spread and 64 images at most, which are then not scored.

    Returns:
        Tidy table of the columns model, intervention, rule (the way it is done, "" where there is one), strength (a
        tau, a rho ...), the entry's facts (tau_n: tau times N, multiples of uniform attention; removed: share of score
        directions gone), layer ("all" or its number), trained (whether the model was trained with this strength), then
        those of `curves.tidy`. Indicators are means over images, heads and the layers that are changed.

    Raises:
        InterpretError: the intervention does not act on this model, or a strength is outside its range.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> table = interpret.sweep(vit, data[:4], "threshold", [0.0, 0.01], indicators=[])
        >>> table[["strength", "quantity", "mean"]].head(2)
           strength  quantity  mean
        0      0.00  accuracy   1.0
        1      0.01  accuracy   0.5
    """
    entry, data = INTERVENTIONS[intervention], as_dataset(data)
    if not entry.applies(model):
        raise InterpretError(f"{intervention} does not act on {model.name}; it acts on {entry.acts_on}")
    strengths = entry.grid([model]) if strengths is None else as_numbers(entry.strength, strengths)
    arguments, data = _prepared(entry, model, data, calibration)
    settings = [
        Setting(
            columns=_columns(entry, model, rule, strength, layer),
            scope=partial(entry.scope, model, strength, rule=rule, layer=layer, seed=seed, arguments=arguments),
            layer=layer,
            unchanged=entry.leaves(model, strength, layer),
            about=(seed, *arguments.values()),
        )
        for layer in ([None, *range(model.depth)] if by_layer else [None])
        for rule in entry.rules(model)
        for strength in strengths
        for seed in range(entry.draws)
    ]
    chosen = {"options": as_options(options), "batch_size": batch_size, "store": store}
    outcomes = outcomes_of(model, data, settings, as_names(indicators), **chosen)
    return tidy(model.name, settings, outcomes, entry.draws)


def tau_sweep(model: LoadedModel, data: Any, taus: Sequence[float] | None = None, **options: Any) -> pd.DataFrame:
    """`sweep` of the threshold, by the model's own rule, "hard" where it has none.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> table = interpret.tau_sweep(vit, data[:4], [0.0, 0.01], indicators="dead_rows")
        >>> table[["strength", "quantity", "mean"]].tail(2)
           strength   quantity  mean
        8      0.00  dead_rows   0.0
        9      0.01  dead_rows   0.0
    """
    return sweep(model, data, "threshold", taus, **options)


def rho_sweep(model: LoadedModel, data: Any, rhos: Sequence[float] | None = None, **options: Any) -> pd.DataFrame:
    """`sweep` of the spectral energy that the heads of an SVDA model keep.

    Example:
        >>> import interpret
        >>> svda, data = interpret.load("checkpoints/shapes-svda.pt"), interpret.load_data("shapes")
        >>> table = interpret.rho_sweep(svda, data[:4], [0.9, 1.0], indicators=[])
        >>> table[["strength", "removed", "quantity", "mean"]].head(2)
           strength   removed  quantity  mean
        0       0.9  0.101562  accuracy   1.0
        1       1.0  0.000000  accuracy   1.0
    """
    return sweep(model, data, "sigma_retention", rhos, **options)


def _prepared(
    entry: Intervention, model: LoadedModel, data: Dataset, calibration: Any
) -> tuple[dict[str, Any], Dataset]:
    """What the intervention has found on images, and those that are left to be scored."""
    if not entry.prepared:
        return {}, data
    if calibration is None:
        if len(data) < 2:
            raise InterpretError(f"{entry.name} needs images apart from those scored; got {len(data)} in all")
        count = max(1, min(ASIDE, len(data) // 4))
        aside = {int(place) for place in np.linspace(0, len(data) - 1, count)}
        calibration = data.subset(sorted(aside))
        data = data.subset([place for place in range(len(data)) if place not in aside])
    calibration = as_dataset(calibration)
    examples = list(calibration)
    images = model.pixels([example.image for example in examples])
    return entry.prepare(model, images, model.labels(examples, calibration.classes)), data


def _columns(entry: Intervention, model: LoadedModel, rule: str, strength: float, layer: int | None) -> dict[str, Any]:
    """What names a setting in the table."""
    own = entry.trained(model)
    return {
        "intervention": entry.name,
        "rule": rule,
        "strength": strength,
        **entry.facts(model, strength, layer),
        "layer": "all" if layer is None else str(layer),
        "trained": layer is None and own is not None and math.isclose(strength, own),
    }


def tau_maps(
    model: LoadedModel, examples: list[Example], taus: Sequence[float], batch_size: int
) -> Float[Tensor, "tau batch row col"]:
    """The last layer's attention of the classifier's token, heads fused, at each tau; NaN where no such row exists."""
    maps = [
        torch.stack([_map(model, images, tau) for tau in taus]) for _, images in batches(model, examples, batch_size)
    ]
    return torch.cat(maps, dim=1)


def _map(model: LoadedModel, images: Images, tau: float) -> Float[Tensor, "batch row col"]:
    try:
        with threshold(model, tau, own_rule(model)):
            return ATTRIBUTIONS["cls_attention"](trace(model, images, keep=("weights",)))
    except UnsupportedModelError:
        return torch.full((len(images), model.grid.rows, model.grid.cols), torch.nan)
