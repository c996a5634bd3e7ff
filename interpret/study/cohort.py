"""Models that are looked at side by side: told apart by name, shown in one frame, asked about one class."""

import dataclasses
from collections.abc import Sequence

from interpret.foundation.errors import InterpretError
from interpret.models.loaded_model import LoadedModel


def named_apart(models: Sequence[LoadedModel]) -> list[LoadedModel]:
    """Models of one name get a number, so that rows of tables stay apart."""
    names = [model.name for model in models]
    return [
        dataclasses.replace(model, name=f"{model.name} ({names[:index].count(model.name) + 1})")
        if names.count(model.name) > 1
        else model
        for index, model in enumerate(models)
    ]


def frame(models: Sequence[LoadedModel]) -> tuple[int, int]:
    """The largest input size: the size of the pictures under the maps.

    Raises:
        InterpretError: inputs of different aspect ratios.
    """
    if len({model.img_size[0] / model.img_size[1] for model in models}) > 1:
        sizes = ", ".join(f"{model.name} {model.img_size}" for model in models)
        raise InterpretError(
            f"models whose inputs differ in aspect ratio cannot share pictures: {sizes}; report them apart"
        )
    return max(model.img_size for model in models)


def same_classes(model: LoadedModel, first: LoadedModel) -> bool:
    """Whether a class of one is the same class of the other."""
    return model.spec.classes == first.spec.classes and model.model.num_classes == first.model.num_classes
