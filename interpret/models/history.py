"""What a checkpoint recorded while it learned, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from interpret.models.plain import NotPlainError, is_count, plain

INDICATORS = "indicators"
"""Key of an epoch's record under which its indicators lie, as "name:kind:variant" -> (layer, head) lists."""

SCALARS = {
    "train_loss": ("train", "loss", "nats"),
    "train_accuracy": ("train", "accuracy", "share"),
    "seconds": ("train", "seconds", "s"),
    "images_per_second": ("train", "images_per_second", "1/s"),
    "peak_memory_mb": ("train", "peak_memory_mb", "MB"),
    "lr": ("train", "lr", ""),
    "validation_loss": ("validation", "loss", "nats"),
    "validation_accuracy": ("validation", "accuracy", "share"),
    "validation_seconds": ("validation", "seconds", "s"),
    "validation_images_per_second": ("validation", "images_per_second", "1/s"),
}
"""Keys of an epoch's record: split, quantity, unit."""

History = Sequence[Mapping[str, Any]]


def as_history(content: Any) -> list[dict[str, Any]]:
    """What a file holds as its history, once it is one.

    Raises:
        NotPlainError: it is none.
    """
    rows = plain(content)
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) and _is_epoch(row) for row in rows):
        raise NotPlainError
    return list(rows)


def _is_epoch(row: Mapping[str, Any]) -> bool:
    scalars = [value for key, value in row.items() if key != INDICATORS]
    tracked = row.get(INDICATORS, {})
    known = is_count(row.get("epoch")) and all(isinstance(value, int | float) for value in scalars)
    return known and isinstance(tracked, dict) and all(map(_is_table, tracked.values()))


def _is_table(layers: Any) -> bool:
    """Whether it is a list of as many numbers a layer."""
    lists = isinstance(layers, list | tuple) and all(isinstance(heads, list | tuple) for heads in layers)
    return (
        lists
        and len({len(heads) for heads in layers}) == 1
        and all(isinstance(value, int | float) for heads in layers for value in heads)
    )


def curves(history: History) -> pd.DataFrame:
    """One row an epoch: its losses, accuracies, times and learning rate."""
    return pd.DataFrame([{key: value for key, value in row.items() if key != INDICATORS} for row in history])


def indicators(history: History) -> pd.DataFrame:
    """Tidy table of the indicators tracked: epoch, layer, head, indicator, kind, variant, value; empty without any."""
    columns = ["epoch", "layer", "head", "indicator", "kind", "variant", "value"]
    return pd.DataFrame(_indicator_rows(history), columns=columns)


def tidy(history: History) -> pd.DataFrame:
    """Both in one: epoch, split, quantity, kind, variant, layer, head, value, unit; a scalar has no layer, no head.

    Indicators are those of the validation split.
    """
    scalars = [
        {"epoch": row["epoch"], "split": split, "quantity": quantity, "value": row[key], "unit": unit}
        for row in history
        for key, (split, quantity, unit) in SCALARS.items()
        if key in row
    ]
    tracked = indicators(history).rename(columns={"indicator": "quantity"}).assign(split="validation")
    columns = ["epoch", "split", "quantity", "kind", "variant", "layer", "head", "value", "unit"]
    table = pd.concat([pd.DataFrame(scalars), tracked]).reindex(columns=columns)
    return table.astype({"layer": "Int64", "head": "Int64"}).sort_values("epoch", kind="stable", ignore_index=True)


def pack_indicators(table: pd.DataFrame) -> dict[str, list[list[float]]]:
    """A table of `measure`, averaged over its images where defined, as an epoch's record keeps it."""
    packed: dict[str, list[list[float]]] = {}
    for names, values in table.groupby(["indicator", "kind", "variant"], sort=False):
        means = values.pivot_table(values="value", index="layer", columns="head", aggfunc="mean", dropna=False)
        packed[":".join(cast(tuple[str, ...], names)).rstrip(":")] = means.to_numpy().tolist()
    return packed


def _indicator_rows(history: History) -> Iterable[dict[str, Any]]:
    for row in history:
        for key, layers in row.get(INDICATORS, {}).items():
            name, kind, variant, *_ = (*key.split(":"), "", "")
            for layer, heads in enumerate(layers):
                for head, value in enumerate(heads):
                    yield {
                        "epoch": row["epoch"], "layer": layer, "head": head,
                        "indicator": name, "kind": kind, "variant": variant, "value": value,
                    }  # fmt: skip
