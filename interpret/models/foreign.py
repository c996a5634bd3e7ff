"""A state dict of somebody else: what it says of its model, and what must be assumed."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from interpret.foundation.errors import CheckpointError
from interpret.models import state_dict as state_dicts
from interpret.models.backbones import input_statistics
from interpret.models.model_spec import ModelSpec
from interpret.models.sizes import check_sizes


def foreign(
    payload: dict[str, Any], file: Path, backbone: str | None, heads: int | None, img_size: tuple[int, int] | None
) -> tuple[ModelSpec, dict[str, Tensor], tuple[str, ...]]:
    """Specification and tensors of a state dict that somebody else has saved, and what was done to read it.

    Args:
        file: what messages call it.
        backbone: timm's name, None where the tensors must tell the architecture.

    Raises:
        CheckpointError: no state dict of a plain timm ViT.
    """
    tensors, notes = state_dicts.unwrap(payload)
    recognised = state_dicts.recognise(tensors, str(file))
    if heads:
        check_sizes(str(file), {"embed_dim": int(recognised.tensors[state_dicts.ANCHOR].shape[0]), "num_heads": heads})
    mechanism = state_dicts.mechanism_of(recognised.tensors) or "softmax"
    statistics = input_statistics(backbone) if backbone else {}
    if backbone:
        name, arguments = backbone, {"num_classes": state_dicts.num_classes(recognised.tensors)}
        arguments |= ({"img_size": img_size} if img_size else {}) | ({"num_heads": heads} if heads else {})
    else:
        name, arguments = state_dicts.architecture(recognised.tensors, str(file), heads, img_size)
        guessed = [f"img_size {arguments['img_size']}"] * (img_size is None)
        guessed += [f"{arguments['num_heads']} heads"] * (heads is None)
        notes = (*notes, f"{' and '.join(guessed)} assumed") if guessed else notes
    spec = dataclasses.replace(ModelSpec(name, arguments, mechanism), **statistics)
    return spec, recognised.tensors, (*notes, *recognised.notes)


def folder_backbone(path: Path) -> str | None:
    """timm's name from the config.json beside the weights.

    Raises:
        CheckpointError: the file is no JSON of names.
    """
    config = path / "config.json"
    if not config.is_file():
        return None
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("architecture")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{config} is not the configuration of a model; mend it, or name the weights") from error


def assumed(spec: ModelSpec, mechanism: str | None, given: dict[str, Any]) -> Iterator[str]:
    """What a foreign file does not say and nobody named."""
    if mechanism is None and spec.mechanism == "softmax":
        yield "mechanism softmax assumed (a threshold leaves no trace; see mechanism= and tau=)"
    if not {"mean", "std"} <= given.keys():
        yield f"mean {given.get('mean', spec.mean)} and std {given.get('std', spec.std)} assumed"
