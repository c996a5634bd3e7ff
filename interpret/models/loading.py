"""load(): a checkpoint, a state dict of somebody else, or a live module -> LoadedModel."""

import dataclasses
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.files import printable, sha256
from interpret.foundation.registry import as_names
from interpret.mechanisms import MECHANISMS
from interpret.models import live
from interpret.models.checkpoint import FORMAT, read
from interpret.models.device import usable
from interpret.models.foreign import assumed, folder_backbone, foreign
from interpret.models.loaded_model import LoadedModel
from interpret.models.model_spec import ModelSpec
from interpret.models.patches import Asked
from interpret.models.vit import VisionTransformer
from interpret.models.weights import weight_file

logger = logging.getLogger(__name__)


def load(
    source: Any,
    *,
    mechanism: str | None = None,
    tau: float | None = None,
    backbone: str | None = None,
    heads: int | None = None,
    classes: Sequence[str] | None = None,
    img_size: int | tuple[int, int] | None = None,
    grid: tuple[int, int] | None = None,
    prefix: int | None = None,
    layers: int | None = None,
    mean: float | Sequence[int | float] | None = None,
    std: float | Sequence[int | float] | None = None,
    name: str | None = None,
    device: str = "cpu",
    **unknown: Any,
) -> LoadedModel:
    """Load a checkpoint of this project, a ViT's state dict in any of the usual wrappings, or a live timm ViT.

    A live `VisionTransformer` is copied and the copy looked at: the module itself is never touched. Its input size,
    mean, std and class names come from timm's own configuration.

    Foreign files: raw, or under "state_dict", "model", "model_ema" ...; Lightning, DDP, compiled; the SelectiveViT
    notebook's `vit.` and `model.` prefixes; safetensors; a timm folder. The architecture comes from the tensors, the
    heads from timm's known widths. Every tensor must match; what was matched and what was assumed is logged. Nothing
    in a file marks a fixed threshold, so a foreign SelectiveViT needs `mechanism` and `tau`.

    Args:
        source: the path of a file or folder, or a live timm `VisionTransformer`.
        mechanism, tau: how attention is formed, where the file does not say or to override what it says.
        backbone: timm's name, where the tensors of a file cannot tell the architecture.
        heads: number of heads, where the width of a file's tensors is not one of timm's.
        classes: names in the order of the logits.
        img_size: (height, width), where the patch grid of a file is not square or a module does not say it; one number
            for both.
        grid, prefix: of a live module whose tokens do not say it: (rows, cols) of its patches, and how many tokens
            stand before them.
        layers: of a live module that forms the attention of each head apart, where its lists of modules do not say it.
        mean, std: of the input, one for each of its channels; for a foreign file timm's of `backbone`, or (0.5, 0.5,
            0.5) where none is named.
        name: what tables and figures call it.
        device: where it runs; "auto" is a GPU where there is one.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or does not match.
        InterpretError: an argument or a device that is not there.

    Example:
        >>> import timm, interpret
        >>> interpret.load(timm.create_model("vit_tiny_patch16_224", num_classes=5))
        LoadedModel('vit_tiny_patch16_224', softmax, 12 layers, 3 heads, N=197)
    """
    if unknown:
        known = ", ".join(each.name for each in signature(load).parameters.values() if each.kind is each.KEYWORD_ONLY)
        raise InterpretError(
            f"load takes no {next(iter(unknown))}=; it takes {known}: the number of classes and the rest of the "
            "architecture come from the weights"
        )
    where = usable(device)
    given: dict[str, Any] = {"classes": tuple(as_names(classes or ()))}
    given |= {field: _statistics(field, values) for field, values in {"mean": mean, "std": std}.items()}
    given = {field: value for field, value in given.items() if value}
    size = (img_size, img_size) if isinstance(img_size, int) else img_size
    if isinstance(source, nn.Module):
        _check_for_files(source, backbone=backbone, heads=heads)
        loaded = _from_module(source, mechanism, tau, given, Asked(size, grid, prefix, layers))
    else:
        loaded = _from_file(_path(source), mechanism, tau, given, backbone, heads, size)
    return dataclasses.replace(loaded, name=printable(name or loaded.name)).to(where)


def _check_for_files(module: nn.Module, **asked: Any) -> None:
    for name, value in asked.items():
        if value is not None:
            raise InterpretError(
                f"load: {name}= is for files, a live {type(module).__name__} has its own; leave it out, or build the "
                "module with it"
            )


def _statistics(name: str, values: Any) -> tuple[float, ...]:
    if values is None:
        return ()
    numbers = [values] if not isinstance(values, Iterable) else [] if isinstance(values, str) else list(values)
    known = all(
        isinstance(value, int | float) and math.isfinite(value) and (name == "mean" or value > 0) for value in numbers
    )
    if not (numbers and known):
        above = ", each above 0" if name == "std" else ""
        raise InterpretError(f"load: {name}={values!r}; expected a number for each channel of the input{above}")
    return tuple(map(float, numbers))


def _from_module(
    module: nn.Module, mechanism: str | None, tau: float | None, given: dict[str, Any], seen_as: Asked
) -> LoadedModel:
    asked = _with_mechanism(ModelSpec(""), mechanism, tau, type(module).__name__)
    loaded = live.from_module(module, asked.mechanism, asked.options, given, seen_as)
    _check_classes(loaded.spec, loaded.anatomy.classes, loaded.name)
    _check_channels(given, loaded.channels, loaded.name)
    return loaded


def _from_file(
    path: Path,
    mechanism: str | None,
    tau: float | None,
    given: dict[str, Any],
    backbone: str | None,
    heads: int | None,
    size: tuple[int, int] | None,
) -> LoadedModel:
    file = weight_file(path)
    payload = read(file)
    own = payload if payload.get("format") == FORMAT else {}
    recorded = _own_spec(own, file) if own else None
    if recorded:
        spec, tensors = recorded, own["state_dict"]
        notes = ("backbone=, heads= and img_size= ignored, the file records them",) * bool(backbone or heads or size)
    else:
        spec, tensors, notes = foreign(payload, file, backbone or folder_backbone(path), heads, size)
        notes = (*notes, *assumed(spec, mechanism, given))
    spec = _with_mechanism(dataclasses.replace(spec, **given), mechanism, tau, file)
    model = _fill(spec, tensors, file)
    _check_classes(spec, model.num_classes, file)
    _check_channels(given, model.patch_embed.proj.in_channels, file)
    logger.log(
        logging.WARNING if notes else logging.INFO, "%s: matched all %d tensors; %s; %s",
        printable(file.name), len(tensors), spec.rule, "; ".join(notes) or "nothing assumed",
    )  # fmt: skip
    return LoadedModel(
        model=model.eval(),
        spec=spec,
        name=own.get("name", file.stem),
        history=own.get("history", []),
        provenance=own.get("record", {}),
        sha256=sha256(file),
        recorded=recorded,
        assumed=notes,
    )


def _path(source: Any) -> Path:
    if not isinstance(source, str | os.PathLike):
        raise InterpretError(
            f"load takes the path of a checkpoint, or a live timm VisionTransformer; got a {type(source).__name__}"
        )
    return Path(source)


def _own_spec(payload: Mapping[str, Any], file: Path) -> ModelSpec:
    fields: dict[str, Any] = payload["spec"]
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    try:
        return ModelSpec(**fields)
    except TypeError as error:
        raise CheckpointError(f"{file}: its spec is of another version of this format: {error}") from None


def _with_mechanism(spec: ModelSpec, mechanism: str | None, tau: float | None, file: object) -> ModelSpec:
    name = MECHANISMS[mechanism or spec.mechanism].name
    options = dict(spec.options) if name == spec.mechanism else {}
    if "tau" in MECHANISMS[name].options:
        if tau is None and "tau" not in options:
            raise CheckpointError(f"{file}: {name} needs its threshold, which no file records; pass tau= (--tau)")
        options |= {} if tau is None else {"tau": tau}
    elif tau is not None:
        raise CheckpointError(
            f"{file}: tau={tau} has no meaning for {name}; pass mechanism= (--mechanism), or leave tau out"
        )
    return dataclasses.replace(spec, mechanism=name, options=options)


def _fill(spec: ModelSpec, tensors: Mapping[str, Tensor], file: Path) -> VisionTransformer:
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


def _check_classes(spec: ModelSpec, count: int, file: object) -> None:
    if spec.classes and len(spec.classes) != count:
        raise CheckpointError(f"{file}: {len(spec.classes)} class names given, the head has {count} classes")


def _check_channels(given: Mapping[str, Any], channels: int, file: object) -> None:
    for name in ("mean", "std"):
        if len(given.get(name, range(channels))) != channels:
            raise CheckpointError(
                f"{file}: {name} has {len(given[name])} numbers and the input {channels} channels; give one for each"
            )
