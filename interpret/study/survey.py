"""Indicators over a whole data set, reduced inside the pass, on one process or on many."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from interpret.data import Dataset, as_dataset
from interpret.indicators import INDICATORS, Key, Options, as_options, evaluate, named
from interpret.models.loaded_model import LoadedModel
from interpret.models.side_by_side import as_models, named_apart
from interpret.models.trace import stages_needed
from interpret.study.passes import check_batch_size, passes
from interpret.study.statistics import HeadMoments


def survey(
    models: Any,
    data: Any,
    indicators: str | Sequence[str],
    *,
    options: Any = MappingProxyType({}),
    batch_size: Any = 16,
) -> pd.DataFrame:
    """Mean and spread over the images of every indicator, for each model, layer and head.

    Attention is looked at batch by batch and never kept, so memory does not grow with the data set. Where
    `torch.distributed` runs, as after `accelerate.PartialState()` under `accelerate launch`, every process looks at its
    part of the images, and each gets the whole table.

    Args:
        models: one or several, as `interpret.load` gives them.
        data: as `as_dataset` takes it: a registered name, a folder, pictures, a data set.
        indicators: registered names, one or several; `options` as of `measure`.
        batch_size: images in a forward pass.

    Returns:
        Tidy table: model, layer, head, indicator, kind, variant, mean, std (over images), n_valid (images where it is
        defined), n (images), unit.

    Raises:
        InterpretError: no image, or fewer than processes.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> interpret.survey(vit, data[:4], "active_tokens")[["layer", "head", "mean", "std", "n", "unit"]].head(2)
           layer  head  mean  std  n    unit
        0      0     0  65.0  0.0  4  tokens
        1      0     1  65.0  0.0  4  tokens
    """
    data, indicators, options = as_dataset(data), named(indicators), as_options(options)
    check_batch_size(batch_size)
    tables = [
        pd.DataFrame(_survey(model, data, indicators, options, batch_size)).assign(model=model.name, n=len(data))
        for model in named_apart(as_models(models))
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table.assign(unit=table["indicator"].map(lambda name: INDICATORS[name].unit))
    return table.reindex(columns=["model", *(column for column in table if column != "model")])


def _survey(
    model: LoadedModel,
    data: Dataset,
    indicators: Sequence[str],
    options: Options,
    batch_size: int,
) -> list[dict[str, Any]]:
    keep = stages_needed([INDICATORS[name] for name in indicators])
    moments: dict[Key, HeadMoments] = {}
    for _, trace in passes(model, data, keep, batch_size):
        for indicator, kind, variant, values in evaluate(trace, indicators, options):
            layers, _, heads = values.shape
            key = (indicator, kind, variant)
            moments.setdefault(key, HeadMoments(layers, heads).to(values.device)).update(values)
    return [row for key, each in moments.items() for row in _rows(key, each)]


def _rows(key: Key, moments: HeadMoments) -> list[dict[str, Any]]:
    statistics = moments.compute()
    layers, heads = statistics["mean"].shape
    named = dict(zip(("indicator", "kind", "variant"), key, strict=True))
    return [
        {"layer": layer, "head": head, **named, **{name: each[layer, head].item() for name, each in statistics.items()}}
        for layer in range(layers)
        for head in range(heads)
    ]
