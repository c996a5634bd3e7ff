"""Several models that are looked at together."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from interpret.foundation.errors import InterpretError
from interpret.models.loaded_model import LoadedModel


def as_models(models: Any) -> list[LoadedModel]:
    """One model or several, as a list.

    Raises:
        InterpretError: none, or something that was not loaded.
    """
    listed = list(models) if isinstance(models, Sequence) else [models]
    for model in listed:
        if not isinstance(model, LoadedModel):
            raise InterpretError(
                f"expected loaded models, found a {type(model).__name__}; pass what interpret.load gives"
            )
    if not listed:
        raise InterpretError("there is no model to look at; pass at least one")
    return listed


def named_apart(models: Sequence[LoadedModel]) -> list[LoadedModel]:
    """Models of one name get a number, so that rows of tables stay apart."""
    names = [model.name for model in models]
    return [
        dataclasses.replace(model, name=f"{model.name} ({names[:index].count(model.name) + 1})")
        if names.count(model.name) > 1
        else model
        for index, model in enumerate(models)
    ]


def common_size(models: Sequence[LoadedModel]) -> tuple[int, int]:
    """The largest input size, (height, width): the size of the pictures under the maps.

    Raises:
        InterpretError: inputs of different aspect ratios.
    """
    if len({model.img_size[0] / model.img_size[1] for model in models}) > 1:
        sizes = ", ".join(f"{model.name} {model.img_size}" for model in models)
        raise InterpretError(
            f"models whose inputs differ in aspect ratio cannot share pictures: {sizes}; report them apart"
        )
    return max(model.img_size for model in models)
