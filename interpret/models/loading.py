"""load(): a checkpoint, a state dict of somebody else, or a live module -> LoadedModel."""

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
from torch import nn

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.files import sha256
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models import live
from interpret.models.arguments import ARGUMENTS, checked, of_file, of_input, of_module
from interpret.models.checkpoint import FORMAT, read
from interpret.models.device import usable
from interpret.models.filling import check_channels, check_classes, fill
from interpret.models.foreign import assumed, foreign
from interpret.models.loaded_model import LoadedModel
from interpret.models.model_spec import ModelSpec
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
    range: Any = None,
    bands: int | Sequence[int] | None = None,
    task: str | None = None,
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
        range: the values of a picture's pixels that are black and white, such as (0, 4095) of 12 bits in a file of 16;
            what lies beyond is black or white. Without it 0 and the largest of so many bits.
        bands: channels, one or three, that a panel is drawn by where the input is not a picture's.
        task: what the outputs are: "classification", "multilabel" (each class its own sigmoid), "regression" or
            "features"; without it one output is a regression, and what no classifier gives are features.
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
    said = locals()
    given = {argument: said[argument] for argument in ARGUMENTS}
    if unknown:
        raise InterpretError(
            f"load takes no {next(iter(unknown))}=; it takes {', '.join(ARGUMENTS)}, device: the number of classes "
            "and the rest of the architecture come from the weights"
        )
    where = usable(device)
    if isinstance(source, nn.Module):
        loaded = _from_module(source, checked(given, type(source).__name__, live=True))
    elif isinstance(source, str | os.PathLike):
        loaded = _from_file(Path(source), checked(given, str(source), live=False))
    else:
        raise InterpretError(
            f"load takes the path of a checkpoint, or a live module; got a {type(source).__name__}{_instead(source)}"
        )
    return dataclasses.replace(loaded, name=printable(name or loaded.name)).to(where)


def _instead(source: Any) -> str:
    """What to do with what was given."""
    if isinstance(source, LoadedModel):
        return ", which is loaded; pass its .model to load that otherwise"
    if isinstance(source, Mapping):
        return "; load it into its module (load_state_dict) and pass that, or save it (torch.save) and pass the path"
    return ""


def _from_module(module: nn.Module, given: dict[str, Any]) -> LoadedModel:
    spec = _with_mechanism(ModelSpec(""), given, type(module).__name__)
    fields = of_input(given)
    loaded = live.from_module(module, spec.mechanism, spec.options, fields, of_module(given), given.get("name"))
    check_classes(loaded.spec, loaded.anatomy.classes, loaded.name)
    check_channels(loaded.spec, loaded.channels, loaded.name)
    for line in loaded.assumed:
        level = logging.WARNING if line.endswith("assumed") else logging.INFO
        logger.log(level, "%s: %s", printable(loaded.name), line)
    return loaded


def _from_file(path: Path, given: dict[str, Any]) -> LoadedModel:
    _check_no_model_name(path)
    file = weight_file(path)
    payload, size = read(file), sum(part.stat().st_size for part in shards(file))
    asked, fields = of_file(given), of_input(given)
    own = recorded(payload, file, size, fields) if payload.get("format") == FORMAT else None
    if own:
        spec, tensors, guessed = own.spec, own.tensors, ()
        ignored = ("backbone=, heads=, img_size= ... ignored, the file records them",) * (asked != Settings())
        notes = (*own.notes, *ignored)
    else:
        config = beside(path) if path.is_dir() else Settings()
        content = foreign(payload, file, size, asked, config)
        spec, tensors, notes = content.spec, content.tensors, content.notes
        guessed = (*content.assumed, *assumed(content, given.get("mechanism"), config, fields))
    spec = _with_mechanism(dataclasses.replace(spec, **fields), given, file)
    advice = "check mechanism=, or copy the file again" if own else "check backbone=, mechanism=, img_size="
    model = fill(spec, tensors, file, advice)
    check_classes(spec, model.num_classes, file)
    check_channels(spec, model.patch_embed.proj.in_channels, file)
    notes, guessed = tuple(map(printable, notes)), tuple(map(printable, guessed))
    _log(f"{path.name}/{file.name}" if path.is_dir() else file.name, len(tensors), spec.rule, notes, guessed)
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


def _check_no_model_name(path: Path) -> None:
    if not path.exists() and path.name == str(path) and timm.is_model(path.name):
        raise CheckpointError(
            f"{path}: no such file, but the name of a model of timm: interpret.load(timm.create_model({path.name!r}, "
            "pretrained=True))"
        )


def _log(file: str, count: int, rule: str, notes: Sequence[str], guessed: Sequence[str]) -> None:
    """What was matched in one line; each thing that was assumed in one of its own, so that none is overlooked."""
    rest = "; ".join(notes) or ("" if guessed else "nothing assumed")
    logger.log(
        logging.WARNING if notes else logging.INFO, "%s: matched all %d tensors; %s",
        printable(file), count, "; ".join(filter(None, [rule, rest])),
    )  # fmt: skip
    for line in guessed:
        logger.warning("%s: %s", printable(file), line)


def _with_mechanism(spec: ModelSpec, given: Mapping[str, Any], file: object) -> ModelSpec:
    name, tau = given.get("mechanism", spec.mechanism), given.get("tau")
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
