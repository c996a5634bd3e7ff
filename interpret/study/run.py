"""run_study(): models x data -> Study."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool
from tqdm import tqdm

from interpret.attributions import ATTRIBUTIONS
from interpret.data import Dataset, Example, as_dataset, as_rgb, fit, fit_mask
from interpret.foundation.errors import InterpretError
from interpret.foundation.options import as_numbers
from interpret.foundation.registry import as_names
from interpret.foundation.versions import versions
from interpret.indicators import INDICATORS, Options
from interpret.interventions import INTERVENTIONS, Intervention
from interpret.interventions.threshold import own_taus
from interpret.models import history
from interpret.models.description import describe
from interpret.models.loaded_model import LoadedModel
from interpret.models.side_by_side import as_models, common_size, named_apart
from interpret.study.drawn import draw
from interpret.study.observe import Observation, observe
from interpret.study.operating_points import operating_points
from interpret.study.store import Store
from interpret.study.study import Study
from interpret.study.survey import survey
from interpret.study.sweep import sweep, tau_maps
from interpret.study.verification import verify_retention

SWEPT = ("threshold", "sigma_retention")
"""What is swept where nothing is named: the interventions on what a model can be trained with."""


def run_study(
    models: Any,
    data: Any,
    *,
    attributions: str | Iterable[str] = ATTRIBUTIONS,
    indicators: str | Iterable[str] = INDICATORS,
    sweeps: str | Sequence[str] | Mapping[str, Any] | None = None,
    limit: int = 8,
    sample: int = 128,
    by_layer: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    store: Store | None = None,
) -> Study:
    """Look at the same images, explaining the same class of each, through every model.

    The class is the label where the first model knows it, else the first model's prediction; a model with other
    classes explains its own prediction. What a threshold would cut is measured at the thresholds that the models have.
    Images that cannot be read are left out and said.
    Where several processes run, each surveys and sweeps its share of the images, and each gets the whole study.

    Args:
        attributions, indicators: registered names, one or several; all without them.
        limit: images that are shown, drawn by `seed` from a labelled set, the first ones of another.
        sample: images that the survey and the sweeps look at, drawn alike.
        sweeps: interventions, each swept over the models that it acts on; a mapping names the strengths too, to which
            the neutral one and those that the models have are added, None being the intervention's own grid. Without
            it `SWEPT`, as far as they act on any of the models.
        by_layer: sweep each layer alone too.
        store: keeps what the sweeps saw and finds it again.

    Raises:
        InterpretError: no model, no image, models whose inputs have different aspect ratios, or an intervention that
            acts on none of the models.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> asked = {"attributions": "rollout", "indicators": "sparsity", "sweeps": {"threshold": [0.01]}}
        >>> study = interpret.run_study(vit, data[:2], **asked)
        >>> study.map(0, "rollout").shape, study.image_ids, study.taus
        ((2, 8, 8), ('shapes/test/00000', 'shapes/test/00001'), [0.0, 0.01])
    """
    models, data = named_apart(as_models(models)), as_dataset(data)
    attributions, indicators = as_names(attributions), as_names(indicators)
    _check(models, data, limit)
    frame = common_size(models)
    order, unreadable = draw(data, seed, max(limit, sample))
    drawn, sampled = list(data.subset(order[:limit])), data.subset(order[:sample])
    strengths = _strengths(models, sweeps)
    taus = strengths.get("threshold", ())
    baseline = {"would_be_sparsity": [{"tau": tau} for tau in sorted(set().union(*map(own_taus, models)))] or [{}]}
    observations: list[Observation] = []
    for model in tqdm(models, "look", disable=None):
        shared = observations[0].targets if observations and model.same_classes(models[0]) else None
        observations.append(observe(model, drawn, data.classes, shared, attributions, indicators, batch_size, baseline))
    asked = {"data": data.name, "attributions": list(attributions), "indicators": list(indicators)}
    asked |= {"sweeps": {name: list(values) for name, values in strengths.items()}}
    asked |= {"seed": seed, "sample": len(sampled), "by_layer": by_layer}
    asked |= {key: value for key, value in (("unreadable", unreadable), ("passed_over", data.passed_over)) if value}
    return Study(
        models=tuple(map(describe, models)),
        settings=asked | _machine(models[0]),
        tables={
            "predictions": _stacked(models, [one.predictions for one in observations]),
            "maps": _stacked(models, [one.status for one in observations]),
            "indicators": _stacked(models, [one.indicators for one in observations]),
            "survey": _survey(models, sampled, indicators, baseline, batch_size),
            **_swept(models, sampled, strengths, {"by_layer": by_layer, "batch_size": batch_size, "store": store}),
            "tracked": _stacked(models, [history.indicators(model.history) for model in models]),
            "history": _stacked(models, [history.curves(model.history) for model in models]),
        },
        images=np.stack([np.asarray(as_rgb(fit(example.image, frame), models[0].spec.range)) for example in drawn]),
        image_ids=tuple(example.id for example in drawn),
        arrays=_arrays(models, observations, drawn, taus, batch_size),
        masks=_masks(drawn, frame),
    )


def _arrays(
    models: Sequence[LoadedModel],
    observations: Sequence[Observation],
    drawn: list[Example],
    taus: Sequence[float],
    batch_size: int,
) -> dict[str, np.ndarray]:
    arrays = {}
    for index, (model, one) in enumerate(zip(models, observations, strict=True)):
        arrays |= {f"map/{index}/{name}": maps for name, maps in one.maps.items()}
        arrays[f"heatmap/{index}"] = one.heatmaps
        if taus:
            arrays[f"tau_map/{index}"] = tau_maps(model, drawn, taus, batch_size).numpy(force=True)
    return arrays


def _strengths(
    models: Sequence[LoadedModel], sweeps: str | Sequence[str] | Mapping[str, Any] | None
) -> dict[str, tuple[float, ...]]:
    """The strengths of each intervention that is swept; of the usual ones those that act on no model are left out."""
    usual = sweeps is None
    named: Mapping[str, Any] = (
        sweeps if isinstance(sweeps, Mapping) else dict.fromkeys(as_names(SWEPT if usual else sweeps))
    )
    chosen: dict[str, tuple[float, ...]] = {}
    for name, values in named.items():
        entry = INTERVENTIONS[name]
        acted_on = [model for model in models if entry.applies(model)]
        if acted_on:
            own = {entry.neutral}.union(*map(entry.own, acted_on))
            asked = entry.grid(acted_on) if values is None else {*own, *as_numbers(entry.strength, values)}
            chosen[name] = tuple(sorted(asked))
            _try(entry, acted_on[0], chosen[name])
        elif not usual:
            names = ", ".join(model.name for model in models)
            raise InterpretError(f"{name} acts on none of the models ({names}); leave it out, or add one it acts on")
    return chosen


def _try(entry: Intervention, model: LoadedModel, strengths: Sequence[float]) -> None:
    """Refuse a strength out of range before any image is looked at; what must look at some first is tried later."""
    for strength in () if entry.prepared else strengths:
        with entry.scope(model, strength, rule=entry.rules(model)[0]):
            pass


def _swept(
    models: Sequence[LoadedModel],
    data: Dataset,
    strengths: Mapping[str, Sequence[float]],
    chosen: Mapping[str, Any],
) -> dict[str, pd.DataFrame]:
    """The sweeps, where they turn, and what a retention costs."""
    runs = [
        (model, name, values)
        for name, values in strengths.items()
        for model in models
        if INTERVENTIONS[name].applies(model)
    ]
    swept = [sweep(model, data, name, values, **chosen) for model, name, values in tqdm(runs, "sweep", disable=None)]
    retained = [model for model, name, _ in runs if name == "sigma_retention"]
    return {
        "sweep": _joined(swept),
        "operating_points": _joined([operating_points(table) for table in swept]),
        "retention": _joined([verify_retention(model, data, batch_size=chosen["batch_size"]) for model in retained]),
    }


def _machine(model: LoadedModel) -> dict[str, Any]:
    return {
        "device": str(model.device),
        "dtype": str(next(model.model.parameters()).dtype).removeprefix("torch."),
        "versions": versions(),
    }


def _survey(
    models: Sequence[LoadedModel], data: Dataset, indicators: Sequence[str], options: Options, batch_size: int
) -> pd.DataFrame:
    return survey(models, data, indicators, options=options, batch_size=batch_size) if indicators else _joined([])


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"model": []})


def _stacked(models: Sequence[LoadedModel], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    named = [table.assign(model=model.name) for model, table in zip(models, tables, strict=True)]
    table = _joined([table for table in named if len(table)] or named[:1])
    first = [column for column in ("model", "image", "epoch") if column in table]
    return table.reindex(columns=[*first, *(column for column in table if column not in first)])


def _masks(drawn: Sequence[Example], frame: tuple[int, int]) -> Bool[np.ndarray, "image height width"] | None:
    masks = [fit_mask(example.mask, frame) for example in drawn if example.mask is not None]
    return np.stack(masks) if len(masks) == len(drawn) else None


def _check(models: Sequence[LoadedModel], data: Dataset, limit: int) -> None:
    if not models or not len(data) or limit < 1:
        raise InterpretError(
            f"a study needs a model and an image; got {len(models)} models, {len(data)} images, limit {limit}"
        )
