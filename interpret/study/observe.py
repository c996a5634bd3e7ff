"""What one model showed on a few images: predictions, maps, heatmaps, indicators."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS, without_evidence
from interpret.data import Example
from interpret.foundation.errors import UnsupportedModelError
from interpret.indicators import COLUMNS, INDICATORS, Options, measure
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import Trace, stages_needed
from interpret.study.passes import passes
from interpret.study.predictions import tabled
from interpret.study.study import NO_TARGET

EMPTY = {"image": [], "attribution": [], "min": [], "max": [], "status": [], "message": []}


@dataclass(frozen=True, eq=False)
class Observation:
    """One model on some images, on the CPU.

    Attributes:
        targets: the class explained of each image; None where no class is predicted.
        maps: attribution -> raw maps, NaN where undefined.
        heatmaps: `weights` from the classifier's token to each patch.
        predictions, status, indicators: tidy tables with the column image; a study adds the model.
    """

    targets: tuple[int, ...] | None
    maps: dict[str, Float[np.ndarray, "image row col"]]
    heatmaps: Float[np.ndarray, "image layer head row col"]
    predictions: pd.DataFrame
    status: pd.DataFrame
    indicators: pd.DataFrame


def observe(
    model: LoadedModel,
    examples: list[Example],
    classes: Sequence[str],
    targets: Sequence[int] | None,
    attributions: Sequence[str],
    indicators: Sequence[str],
    batch_size: int,
    options: Options = MappingProxyType({}),
) -> Observation:
    """Trace the examples batch by batch and keep what figures need.

    Args:
        options: constants of the indicators, as of `measure`.
        classes: of the data set; labels count where the model has the same ones, or as many without names.
        targets: class to explain of each image; None takes the label where the model knows it, else its prediction.
    """
    entries = [*map(ATTRIBUTIONS.__getitem__, attributions), *map(INDICATORS.__getitem__, indicators)]
    keep = ("weights", *stages_needed(entries))
    labels = model.labels(examples, classes)
    chosen = labels if targets is None else targets
    return _joined(
        [
            _observe_batch(trace, batch, labels and model.labels(batch, classes), attributions, indicators, options)
            for batch, trace in passes(model, examples, keep, batch_size, chosen)
        ]
    )


def _observe_batch(
    trace: Trace,
    examples: Sequence[Example],
    labels: Sequence[int] | None,
    attributions: Sequence[str],
    indicators: Sequence[str],
    options: Options,
) -> Observation:
    ids = [example.id for example in examples]
    maps, rows = {}, [pd.DataFrame(EMPTY)]
    for name in attributions:
        maps[name], status = _map(trace, name)
        rows.append(status.assign(image=ids))
    measured = measure(trace, list(indicators), options) if indicators else pd.DataFrame(columns=COLUMNS)
    return Observation(
        targets=None if trace.target is None else tuple(trace.target.tolist()),
        maps=maps,
        heatmaps=heatmaps(trace),
        predictions=tabled(trace, labels).assign(image=ids),
        status=pd.concat(rows[1:], ignore_index=True) if attributions else rows[0],
        indicators=measured.assign(image=measured["image"].map(ids.__getitem__)),
    )


def _map(trace: Trace, name: str) -> tuple[Float[np.ndarray, "image row col"], pd.DataFrame]:
    """The maps of one attribution, and per image whether they show evidence."""
    entry = ATTRIBUTIONS[name]
    message = ""
    undefined = NO_TARGET if entry.class_specific and trace.objective.undefined else "undefined"
    try:
        maps = entry(trace).cpu()
    except UnsupportedModelError as error:
        grid = trace.grid
        maps, message = torch.full((len(trace.images), grid.rows, grid.cols), torch.nan), str(error)
    empty = without_evidence(maps)
    zero = "dead gradient" if entry.class_specific else "zero"
    status = [
        _status(patch_map, zero, undefined) if flag else "ok" for patch_map, flag in zip(maps, empty, strict=True)
    ]
    flat = maps.flatten(1)
    columns = {"min": flat.amin(dim=1), "max": flat.amax(dim=1), "status": status}
    return maps.numpy(), pd.DataFrame(columns).assign(attribution=name, message=message)


def _status(patch_map: Tensor, zero: str, undefined: str) -> str:
    if not patch_map.isfinite().all():
        return undefined
    return zero if (patch_map == 0).all() else "constant"


def heatmaps(trace: Trace) -> Float[np.ndarray, "image layer head row col"]:
    """`weights` from the classifier's token to each patch; NaN where it reads no mean of tokens."""
    weights = trace.need("weights")
    try:
        rows = torch.einsum("q,lbhqk->blhk", trace.readout.to(weights.dtype), weights)
    except UnsupportedModelError:
        rows = torch.full_like(weights[..., 0, :], torch.nan).transpose(0, 1)
    return trace.grid.fold(rows).float().numpy(force=True)


def _joined(parts: Sequence[Observation]) -> Observation:
    def tables(field: str) -> pd.DataFrame:
        return pd.concat([getattr(part, field) for part in parts], ignore_index=True)

    return replace(
        parts[0],
        targets=None if parts[0].targets is None else tuple(each for part in parts for each in part.targets or ()),
        maps={name: np.concatenate([part.maps[name] for part in parts]) for name in parts[0].maps},
        heatmaps=np.concatenate([part.heatmaps for part in parts]),
        predictions=tables("predictions"),
        status=tables("status"),
        indicators=tables("indicators"),
    )
