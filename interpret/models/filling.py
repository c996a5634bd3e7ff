"""Tensors into the model that a specification builds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.models.model_spec import ModelSpec
from interpret.models.pixels import OF_PICTURES
from interpret.models.vit import VisionTransformer


def fill(spec: ModelSpec, tensors: Mapping[str, Tensor], file: Path, advice: str) -> VisionTransformer:
    """The model that its specification builds, with these tensors, every one of them.

    Args:
        advice: where they are others.

    Raises:
        CheckpointError: tensors that are missing, too many, of another shape or not finite.
    """
    want = _wanted(spec, tensors, file)
    have = {key: tensor.shape for key, tensor in tensors.items()}
    wrong = {
        "missing": sorted(want.keys() - have.keys()),
        "unexpected": sorted(have.keys() - want.keys()),
        "of another shape": sorted(key for key in want.keys() & have.keys() if want[key] != have[key]),
    }
    if any(wrong.values()):
        parts = [f"{len(keys)} {what} ({', '.join(keys[:3])})" for what, keys in wrong.items() if keys]
        raise CheckpointError(
            f"{file}: does not match {spec.backbone} with {spec.mechanism}: {'; '.join(parts)}; {advice}"
        )
    damaged = [key for key, tensor in tensors.items() if not tensor.isfinite().all()]
    if damaged:
        raise CheckpointError(
            f"{file}: {len(damaged)} tensors hold NaN or infinity, such as {damaged[0]}; the training diverged"
        )
    model = spec.build()
    model.load_state_dict({key: tensor.resolve_conj().resolve_neg() for key, tensor in tensors.items()})
    return model


def _wanted(spec: ModelSpec, tensors: Mapping[str, Tensor], file: Path) -> dict[str, torch.Size]:
    """The shapes of the tensors of the model that a specification builds; no memory is taken for them.

    Raises:
        InterpretError: it cannot be built, or has more layers than the file has tensors.
    """
    depth = spec.architecture.get("depth", 0)
    if depth > len(tensors):
        raise CheckpointError(f"{file}: {depth} layers, and {len(tensors)} tensors for them; the file is not whole")
    try:
        with torch.device("meta"):
            return {key: tensor.shape for key, tensor in spec.build().state_dict().items()}
    except InterpretError as error:
        raise type(error)(f"{file}: {error}") from error


def check_classes(spec: ModelSpec, count: int, file: object) -> None:
    """Refuse names of classes that are not as many as the classes of the head."""
    if spec.classes and len(spec.classes) != count:
        raise CheckpointError(f"{file}: {len(spec.classes)} class names given, the head has {count} classes")


def check_channels(spec: ModelSpec, channels: int, file: object) -> None:
    """Refuse statistics that are not one number for each channel, or of a picture in 0 to 255, and bands that are none
    of the channels.
    """
    for name in ("mean", "std"):
        count = len(getattr(spec, name))
        if count != channels:
            raise CheckpointError(
                f"{file}: {name} has {count} numbers and the input {channels} channels; give one for each"
            )
    if channels in OF_PICTURES and (max(spec.mean) > 1 or max(spec.std) > 2):
        raise CheckpointError(
            f"{file}: mean {spec.mean} and std {spec.std}, but pictures are in 0 to 1 before them; divide both by 255"
        )
    if max(spec.bands, default=0) >= channels:
        raise CheckpointError(f"{file}: bands={spec.bands}, but the input has channels 0 to {channels - 1}")


def shown(numbers: Sequence[float]) -> str:
    """One for each channel; of many that are alike one."""
    alike = len(numbers) > max(OF_PICTURES) and len(set(numbers)) == 1
    return f"{numbers[0]} of each of {len(numbers)} channels" if alike else str(tuple(numbers))


def with_statistics(known: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """What is known of a model with mean and std for each channel: 0.5 where none, or those of another input, are.

    One number is that of every channel.
    """
    neutral = dict.fromkeys(("mean", "std"), (0.5,) * channels)
    known = {name: value * channels if name in neutral and len(value) == 1 else value for name, value in known.items()}
    fitting = {name: value for name, value in known.items() if name not in neutral or len(value) == channels}
    return neutral | fitting
