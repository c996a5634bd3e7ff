"""A checkpoint file <-> a LoadedModel. The door to `torch.load`."""

import dataclasses
import json
import logging
import os
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from interpret.foundation.errors import CheckpointError
from interpret.foundation.files import sha256, write_atomically
from interpret.mechanisms import MECHANISMS
from interpret.models import state_dict as state_dicts
from interpret.models.loaded_model import LoadedModel, ModelSpec
from interpret.models.vit import input_statistics

FORMAT = "interpret-vit/1"
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin")

logger = logging.getLogger(__name__)


def save(path: str | os.PathLike[str], loaded: LoadedModel, dtype: torch.dtype | None = None) -> None:
    """Write weights and spec to one file, whole or not at all; `dtype` converts the weights, for example to fp16.

    The record keeps the mechanism of the training where the model has another now.
    """
    weights = {key: tensor.cpu().contiguous() for key, tensor in converted(loaded.model, dtype).items()}
    payload = {
        "format": FORMAT,
        "name": loaded.name,
        "spec": dataclasses.asdict(loaded.spec),
        "history": loaded.history,
        "record": loaded.record if loaded.as_trained else loaded.record | {"trained": loaded.trained},
        "state_dict": weights,
    }
    write_atomically(Path(path), partial(torch.save, payload))


def converted(model: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """The state dict in `dtype`, but for what a mechanism learns: fp16 would round sigma by as much as it has moved."""
    tensors = model.state_dict()
    rounded = [key for key, tensor in tensors.items() if tensor.is_floating_point() and ".mechanism." not in key]
    return tensors | {key: tensors[key].to(dtype) for key in rounded if dtype}


def load(
    path: str | os.PathLike[str],
    *,
    mechanism: str | None = None,
    tau: float | None = None,
    backbone: str | None = None,
    heads: int | None = None,
    classes: Sequence[str] | None = None,
    img_size: int | tuple[int, int] | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    device: str = "cpu",
) -> LoadedModel:
    """Load a checkpoint of this project, or a ViT's state dict in any of the usual wrappings.

    Foreign files: raw, or under "state_dict", "model", "model_ema" ...; Lightning, DDP, compiled; the SelectiveViT
    notebook's `vit.` and `model.` prefixes; safetensors; a timm folder. The architecture comes from the tensors, the
    heads from timm's known widths. Every tensor must match; what was matched and what was assumed is logged. Nothing
    in a file marks a fixed threshold, so a foreign SelectiveViT needs `mechanism` and `tau`.

    Args:
        mechanism, tau: how attention is formed, where the file does not say or to override what it says.
        backbone: timm's name, where the tensors cannot tell the architecture.
        heads: number of heads, where the width is not one of timm's.
        classes: names in the order of the logits.
        img_size: (height, width), where the patch grid is not square, or one number for both.
        mean, std: of the input; for a foreign file timm's of `backbone`, or (0.5, 0.5, 0.5) where none is named.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or does not match.
    """
    img_size = (img_size, img_size) if isinstance(img_size, int) else img_size
    file = _weight_file(Path(path))
    payload = read(file)
    own = payload if payload.get("format") == FORMAT else {}
    recorded = _own_spec(own, file) if own else None
    if recorded:
        spec, tensors, notes = recorded, own["state_dict"], ()
        if backbone or heads or img_size:
            notes = ("backbone=, heads= and img_size= ignored, the file records them",)
    else:
        spec, tensors, notes = _foreign(payload, file, backbone or _folder_backbone(Path(path)), heads, img_size)
        if mechanism is None and spec.mechanism == "softmax":
            notes = (*notes, "mechanism softmax assumed (a threshold leaves no trace; see mechanism= and tau=)")
        if mean is None or std is None:
            notes = (*notes, f"mean {mean or spec.mean} and std {std or spec.std} assumed")
    given = {"classes": tuple(classes or ()), "mean": mean, "std": std}
    spec = dataclasses.replace(spec, **{name: value for name, value in given.items() if value})
    spec = _with_mechanism(spec, mechanism, tau, file)
    model = _fill(spec, tensors, file)
    _check_classes(spec, model, file)
    logger.log(
        logging.WARNING if notes else logging.INFO, "%s: matched %d of %d tensors; %s; %s",
        file.name, len(tensors), len(tensors), spec.rule, "; ".join(notes) or "nothing assumed",
    )  # fmt: skip
    return LoadedModel(
        model=model.to(device).eval(),
        spec=spec,
        name=own.get("name", file.stem),
        history=own.get("history", []),
        record=own.get("record", {}),
        sha256=sha256(file),
        recorded=recorded,
        assumed=notes,
    )


def read(file: Path) -> dict[str, Any]:
    """The content of a weight file; code in it is never run.

    Raises:
        CheckpointError: missing, damaged, holding pickled code, or not a dictionary.
    """
    try:
        if file.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(file))
        with warnings.catch_warnings(action="ignore"):
            payload = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            f"{file}: no such file; expected a checkpoint (.pt, .pth, .ckpt, .bin, .safetensors)"
        ) from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{file}: {_why_refused(str(error))}") from None
    except (RuntimeError, EOFError, ValueError, OSError, LookupError, safetensors.SafetensorError):
        raise CheckpointError(
            f"{file}: not a readable checkpoint; it is damaged, cut short, or no weight file"
        ) from None
    if not isinstance(payload, Mapping):
        raise CheckpointError(f"{file}: expected a dictionary of tensors, found {type(payload).__name__}")
    return dict(payload)


def _why_refused(reason: str) -> str:
    code = re.search(r"GLOBAL ([\w.]+)", reason)
    if code is None:
        return "not a readable checkpoint; it is damaged, cut short, or no weight file"
    return (
        f"holds pickled code ({code.group(1)}), which is never run; save its state_dict() with torch.save or as "
        "safetensors, and load that"
    )


def _weight_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in FOLDER_FILES:
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"{path}: a folder without {' or '.join(FOLDER_FILES)}; name the weight file itself")


def _folder_backbone(path: Path) -> str | None:
    """timm's name from the config.json beside the weights."""
    config = path / "config.json"
    return json.loads(config.read_text()).get("architecture") if config.is_file() else None


def _own_spec(payload: Mapping[str, Any], file: Path) -> ModelSpec:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in payload["spec"].items()}
    try:
        return ModelSpec(**fields)
    except TypeError as error:
        raise CheckpointError(f"{file}: its spec is of another version of this format: {error}") from None


def _foreign(
    payload: dict[str, Any], file: Path, backbone: str | None, heads: int | None, img_size: tuple[int, int] | None
) -> tuple[ModelSpec, dict[str, Tensor], tuple[str, ...]]:
    tensors, notes = state_dicts.unwrap(payload)
    found = state_dicts.recognise(tensors, str(file))
    mechanism = state_dicts.mechanism_of(found.tensors) or "softmax"
    statistics = input_statistics(backbone) if backbone else {}
    if backbone:
        name, arguments = backbone, {"num_classes": state_dicts.num_classes(found.tensors)}
        arguments |= ({"img_size": img_size} if img_size else {}) | ({"num_heads": heads} if heads else {})
    else:
        name, arguments = state_dicts.architecture(found.tensors, str(file), heads, img_size)
        guessed = [f"img_size {arguments['img_size']}"] * (img_size is None)
        guessed += [f"{arguments['num_heads']} heads"] * (heads is None)
        notes = (*notes, f"{' and '.join(guessed)} assumed") if guessed else notes
    return ModelSpec(name, arguments, mechanism, **statistics), found.tensors, (*notes, *found.notes)


def _with_mechanism(spec: ModelSpec, mechanism: str | None, tau: float | None, file: Path) -> ModelSpec:
    name = MECHANISMS[mechanism or spec.mechanism].name
    options = dict(spec.options) if name == spec.mechanism else {}
    if name in ("hard_threshold", "soft_threshold"):
        if tau is None and "tau" not in options:
            raise CheckpointError(f"{file}: {name} needs its threshold, which no file records; pass tau= (--tau)")
        options |= {} if tau is None else {"tau": tau}
    elif tau is not None:
        raise CheckpointError(
            f"{file}: tau={tau} has no meaning for {name}; pass mechanism= (--mechanism), or leave tau out"
        )
    return dataclasses.replace(spec, mechanism=name, options=options)


def _fill(spec: ModelSpec, tensors: Mapping[str, Tensor], file: Path) -> Any:
    model = spec.build()
    want, have = {k: v.shape for k, v in model.state_dict().items()}, {k: v.shape for k, v in tensors.items()}
    wrong = {
        "missing": sorted(want.keys() - have.keys()),
        "unexpected": sorted(have.keys() - want.keys()),
        "of another shape": sorted(key for key in want.keys() & have.keys() if want[key] != have[key]),
    }
    if any(wrong.values()):
        parts = [f"{len(keys)} {what} ({', '.join(keys[:3])})" for what, keys in wrong.items() if keys]
        raise CheckpointError(
            f"{file}: does not match {spec.backbone} with {spec.mechanism}: {'; '.join(parts)}; "
            "check backbone=, mechanism=, img_size="
        )
    damaged = [key for key, tensor in tensors.items() if not tensor.isfinite().all()]
    if damaged:
        raise CheckpointError(
            f"{file}: {len(damaged)} tensors hold NaN or infinity, such as {damaged[0]}; the training diverged"
        )
    model.load_state_dict(tensors)
    return model


def _check_classes(spec: ModelSpec, model: Any, file: Path) -> None:
    if spec.classes and len(spec.classes) != model.num_classes:
        raise CheckpointError(
            f"{file}: {len(spec.classes)} class names given, the head has {model.num_classes} classes"
        )
