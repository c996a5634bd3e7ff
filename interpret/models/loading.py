"""load(): a checkpoint, a state dict of somebody else, or a live module -> LoadedModel."""

import dataclasses
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.files import sha256
from interpret.foundation.registry import as_names
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models import live
from interpret.models.checkpoint import FORMAT, read
from interpret.models.device import usable
from interpret.models.filling import check_channels, check_classes, fill
from interpret.models.foreign import asked_of, assumed, foreign
from interpret.models.loaded_model import LoadedModel
from interpret.models.model_spec import ModelSpec
from interpret.models.patches import Asked, asked_for
from interpret.models.recorded import recorded
from interpret.models.settings import Settings, beside
from interpret.models.weights import shards, weight_file

logger = logging.getLogger(__name__)


def load(
    source: Any,
    *,
    mechanism: str | None = None,
    tau: float | None = None,
    backbone: str | None = None,
    heads: int | None = None,
    activation: str | None = None,
    eps: float | None = None,
    head_activation: str | None = None,
    key: str | None = None,
    classes: Sequence[str] | None = None,
    img_size: Any = None,
    grid: Any = None,
    prefix: Any = None,
    layers: Any = None,
    mean: float | Sequence[int | float] | None = None,
    std: float | Sequence[int | float] | None = None,
    name: str | None = None,
    device: str = "cpu",
    **unknown: Any,
) -> LoadedModel:
    """Load a checkpoint of this project, a ViT's state dict of any known family, or a live module.

    A live module is looked at as it is and never changed; of timm's plain `VisionTransformer` a copy is looked at. How
    its patches lie, what it reads in the end and of which blocks it is are measured, and what is seen of its attention
    is proved by the logits that follow. Input size, mean, std and class names come from the configurations of timm and
    transformers.

    Foreign files: of timm, torchvision, transformers, DINO, DINOv2, MAE, CLIP ... (`interpret.models.families`); under
    any name and prefix; Lightning, DDP, compiled; safetensors, in shards too; folders as timm and transformers write
    them, whose configuration is used. The architecture comes from the tensors, the heads from timm's known widths.
    Every tensor must match; what was matched is logged, and what was assumed in lines of its own. Nothing in a file
    marks a fixed threshold, so a foreign SelectiveViT needs `mechanism` and `tau`.

    Args:
        source: the path of a file or folder, or a live `nn.Module` that gives logits for a batch of images.
        mechanism, tau: how attention is formed, where the file does not say or to override what it says.
        backbone: timm's name, where the tensors of a file cannot tell the architecture.
        heads: number of heads, where the width of a file's tensors is not one of timm's.
        activation, eps: of the MLPs and of the LayerNorms, where they are not what a file's family has.
        head_activation: what stands between the layers of a file's head, "none" for nothing.
        key: which ViT of a file that holds several, such as "teacher".
        classes: names in the order of the logits.
        img_size: (height, width), or one number for both, where a module does not say it or the patch grid of a file is
            not square; the position embedding of a file is resampled where it is for another size.
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
    of_file = {
        "backbone": backbone, "heads": heads, "activation": activation, "eps": eps, "head_activation": head_activation,
        "key": key,
    }  # fmt: skip
    of_module = {"grid": grid, "prefix": prefix, "layers": layers}
    if isinstance(source, nn.Module):
        _check_meant(of_file, f"is for files, a live {type(source).__name__} has its own; build the module with it")
        loaded = _from_module(source, mechanism, tau, given, asked_for(img_size, **of_module))
    else:
        _check_meant(of_module, "is for live modules, whose tokens do not say it; a file has its own")
        loaded = _from_file(_path(source), mechanism, tau, given, asked_of(of_file | {"img_size": img_size}))
    return dataclasses.replace(loaded, name=printable(name or loaded.name)).to(where)


def _check_meant(asked: Mapping[str, Any], advice: str) -> None:
    for name, value in asked.items():
        if value is not None:
            raise InterpretError(f"load: {name}= {advice}; leave it out")


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
    check_classes(loaded.spec, loaded.anatomy.classes, loaded.name)
    check_channels(given, loaded.channels, loaded.name)
    for line in loaded.assumed:
        level = logging.WARNING if line.endswith("assumed") else logging.INFO
        logger.log(level, "%s: %s", printable(loaded.name), line)
    return loaded


def _from_file(
    path: Path,
    mechanism: str | None,
    tau: float | None,
    given: dict[str, Any],
    asked: Settings,
) -> LoadedModel:
    file = weight_file(path)
    payload, size = read(file), sum(part.stat().st_size for part in shards(file))
    own = recorded(payload, file, size) if payload.get("format") == FORMAT else None
    if own:
        spec, tensors, guessed = own.spec, own.tensors, ()
        ignored = ("backbone=, heads=, img_size= ... ignored, the file records them",) * (asked != Settings())
        notes, stated = (*own.notes, *ignored), own.statistics
    else:
        config = beside(path) if path.is_dir() else Settings()
        found = foreign(payload, file, size, asked, config)
        spec, tensors, notes = found.spec, found.tensors, found.notes
        guessed, stated = (*found.assumed, *assumed(spec, mechanism, config, given)), config.statistics
    spec = _with_mechanism(dataclasses.replace(spec, **given), mechanism, tau, file)
    model = fill(spec, tensors, file)
    check_classes(spec, model.num_classes, file)
    check_channels(stated | given, model.patch_embed.proj.in_channels, file)
    notes, guessed = tuple(map(printable, notes)), tuple(map(printable, guessed))
    _log(file, len(tensors), spec.rule, notes, guessed)
    return LoadedModel(
        model=model.eval(),
        spec=spec,
        name=own.name if own else path.resolve().name if path.is_dir() else file.stem,
        history=own.history if own else [],
        provenance=own.provenance if own else {},
        sha256=sha256(*shards(file)),
        recorded=own.spec if own else None,
        assumed=(*notes, *guessed),
    )


def _log(file: Path, count: int, rule: str, notes: Sequence[str], guessed: Sequence[str]) -> None:
    """What was matched in one line; each thing that was assumed in one of its own, so that none is overlooked."""
    told = "; ".join(notes) or ("" if guessed else "nothing assumed")
    logger.log(
        logging.WARNING if notes else logging.INFO, "%s: matched all %d tensors; %s",
        printable(file.name), count, "; ".join(filter(None, [rule, told])),
    )  # fmt: skip
    for line in guessed:
        logger.warning("%s: %s", printable(file.name), line)


def _path(source: Any) -> Path:
    if not isinstance(source, str | os.PathLike):
        raise InterpretError(f"load takes the path of a checkpoint, or a live module; got a {type(source).__name__}")
    return Path(source)


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
