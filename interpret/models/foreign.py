"""A state dict of somebody else: what it says of its model, and what must be assumed."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from interpret.foundation.errors import CheckpointError
from interpret.models import state_dict as state_dicts
from interpret.models.architecture import check_architecture
from interpret.models.backbones import input_statistics
from interpret.models.candidates import Candidate, candidates, check_supported, choose, kinds, masked
from interpret.models.classifiers import Classified, classified
from interpret.models.families import FAMILIES, Converted, Family
from interpret.models.filling import shown, with_statistics
from interpret.models.model_spec import ModelSpec
from interpret.models.positions import resized, square
from interpret.models.settings import Settings
from interpret.models.sizes import check_sizes
from interpret.models.stored import check_stored


@dataclass(frozen=True)
class Foreign:
    """What was read.

    Attributes:
        spec: how the model is built and fed.
        tensors: under timm's names.
        family: whose keys they were.
        notes: what was stripped, renamed and left out.
        assumed: what neither a key nor anybody says.
        offered: names of the other ViTs in the file.
    """

    spec: ModelSpec
    tensors: dict[str, Tensor]
    family: Family
    notes: tuple[str, ...]
    assumed: tuple[str, ...]
    offered: tuple[str, ...]


def foreign(payload: Mapping[str, Any], file: Path, size: int, asked: Settings, config: Settings) -> Foreign:
    """Specification and tensors of a state dict that somebody else has saved, and what was done to read it.

    Args:
        file: what messages call it.
        size: of the file or of its shards, in bytes.
        asked: what the user says, which wins.
        config: what lies beside the weights.

    Raises:
        CheckpointError: no ViT, several of which none is meant, or something that must be said.
        UnsupportedModelError: a family that is no plain ViT.
    """
    source, known_vits = str(file), candidates(payload)
    if not known_vits:
        families = ", ".join(family.label for family in FAMILIES.values() if not family.refused)
        raise CheckpointError(
            f"{source}: expected a ViT of a known family ({families}); found {kinds(payload)}; load the module itself: "
            "interpret.load(model)"
        )
    chosen = choose(known_vits, asked.key, source)
    check_supported(chosen, source)
    check_stored(chosen.tensors | chosen.beside, size, source)
    own, masks = masked(chosen.tensors)
    converted = _converted(chosen, own, source)
    whole = classified(converted, chosen.beside, asked.head_activation, source, of_two=chosen.is_of_two)
    state_dicts.check_form(whole.tensors, source)
    patch = state_dicts.patch_size(whole.tensors)
    check_sizes(source, {"num_heads": asked.heads, "img_size": asked.img_size, "patch_size": patch})
    tensors, moved = state_dicts.rename_mechanism(whole.tensors)
    tensors, resampled = resized(
        tensors, patch, asked.img_size, config.img_size, antialias=converted.antialias, source=source
    )
    spec, assumed = _specified(tensors, converted, whole, asked, config, source)
    channels = int(tensors[state_dicts.ANCHOR].shape[1])
    spec = dataclasses.replace(spec, **with_statistics(_known(spec, asked, config, chosen.family), channels))
    offered = tuple(each.name or "the file itself" for each in known_vits if each is not chosen)
    notes = (*masks, *_choice(chosen, offered), *moved, *resampled, *_left_out(converted, whole, chosen))
    return Foreign(spec, tensors, chosen.family, notes, assumed, offered)


def assumed(content: Foreign, mechanism: str | None, config: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """What a foreign file does not say and nobody named."""
    spec = content.spec
    if mechanism is None and spec.mechanism == "softmax":
        yield "mechanism softmax assumed (a threshold leaves no trace; see mechanism= and tau=)"
    if (spec.mean, spec.std) != (config.mean, config.std) and not (given.get("mean") and given.get("std")):
        mean, std = (shown(given.get(name) or getattr(spec, name)) for name in ("mean", "std"))
        of_family = (spec.mean, spec.std) == content.family.statistics
        yield f"mean {mean} and std {std} {f'as of {content.family.label}' if of_family else 'assumed'}"


def _converted(chosen: Candidate, tensors: dict[str, Tensor], source: str) -> Converted:
    """Under timm's names, where the tensors can be what their names say."""
    try:
        return chosen.family.function(tensors, chosen.beside)
    except (RuntimeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source}: has keys of {chosen.family.label} and not its tensors; load the module itself: "
            "interpret.load(model)"
        ) from error


def _specified(
    tensors: dict[str, Tensor],
    converted: Converted,
    whole: Classified,
    asked: Settings,
    config: Settings,
    source: str,
) -> tuple[ModelSpec, tuple[str, ...]]:
    """How the model is built, and what had to be assumed of it."""
    settings, known, assumed = config | asked, converted.architecture, list(whole.head.notes)
    mechanism = state_dicts.mechanism_of(tensors) or "softmax"
    if settings.backbone:
        check_architecture(f"{config.source}: model_args", config.arguments)
        arguments = config.arguments | known | whole.head.architecture
        arguments |= {"img_size": settings.img_size} if settings.img_size else {}
        arguments |= state_dicts.head_sizes(tensors, source, settings.heads) if settings.heads else {}
        channels = int(tensors[state_dicts.ANCHOR].shape[1])
        arguments |= {"in_chans": channels} if channels != 3 else {}
        arguments |= {"act_layer": settings.activation} if settings.activation else {}
        arguments |= {"norm_eps": settings.eps} if settings.eps else {}
        return ModelSpec(settings.backbone, arguments, mechanism), tuple(assumed)
    name, arguments = state_dicts.architecture(tensors, source, settings.heads, settings.img_size, known)
    assumed += [square(arguments["img_size"], arguments["patch_size"])] * (settings.img_size is None)
    assumed += [f"{arguments['num_heads']} heads assumed"] * (settings.heads is None)
    numerics, more = _numerics(converted.settings, settings, known, source)
    return ModelSpec(name, arguments | whole.head.architecture | numerics, mechanism), (*assumed, *more)


def _numerics(
    usual: Settings, settings: Settings, known: Mapping[str, Any], source: str
) -> tuple[dict[str, Any], list[str]]:
    """Activation and eps, as arguments that differ from timm's own, and those that were assumed."""
    used = usual | settings
    if used.activation is None:
        raise CheckpointError(
            f"{source}: a CLIP, and no key tells its activation; pass activation= (--activation): quick_gelu, as "
            "OpenAI's have it, or gelu, as most of open_clip have it"
        )
    activation = known.get("act_layer", used.activation)
    arguments = {"act_layer": activation} if activation != "gelu" else {}
    arguments |= {"norm_eps": used.eps} if used.eps != 1e-6 else {}
    guessed = [f"activation {activation}"] * (settings.activation is None and "act_layer" not in known)
    guessed += [f"eps {used.eps:g}"] * (settings.eps is None)
    return arguments, [f"{' and '.join(guessed)} assumed"] * bool(guessed)


def _known(spec: ModelSpec, asked: Settings, config: Settings, family: Family) -> dict[str, Any]:
    """Statistics and names of classes: from the configuration beside the weights, else of timm's backbone, else of the
    family.

    Names of other classes than those of the head are of another head.
    """
    backbone = asked.backbone or config.backbone
    named = len(config.classes) == spec.architecture.get("num_classes")
    beside = {"mean": config.mean, "std": config.std, "classes": config.classes if named else (), "task": config.task}
    statistics = input_statistics(backbone) if backbone else dict(zip(("mean", "std"), family.statistics, strict=False))
    return statistics | {name: value for name, value in beside.items() if value}


def _choice(chosen: Candidate, offered: tuple[str, ...]) -> Iterator[str]:
    if chosen.path:
        yield f"read from {'.'.join(chosen.path)!r}"
    if chosen.prefix:
        yield f"prefix {chosen.prefix!r} stripped"
    if chosen.family.known_by:
        yield f"keys of {chosen.family.label} renamed"
    if offered:
        yield f"{chosen.name!r} chosen of {1 + len(offered)} ViTs; key= (--key) takes {', '.join(map(repr, offered))}"


def _left_out(converted: Converted, whole: Classified, chosen: Candidate) -> Iterator[str]:
    if whole.owner:
        owners = [whole.owner, *sorted({key.rpartition(".")[0] for key in converted.taken})]
        yield f"{' and '.join(map(repr, owners))} taken as the head" + ", the mean of both" * (len(owners) > 1)
    if whole.beside:
        yield f"{len(whole.beside)} tensors outside {chosen.prefix!r} left out: {_some(whole.beside)}"
    if converted.left_out:
        yield f"{len(converted.left_out)} tensors that its features do not use left out: {_some(converted.left_out)}"


def _some(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)[:3])
