"""A live module -> a LoadedModel: looked at as it is, or as a copy where that says more."""

import dataclasses
from copy import deepcopy
from typing import Any, cast

import torch
from timm.layers import Attention as TimmAttention
from timm.models.vision_transformer import Block as TimmBlock
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.models import state_dict as state_dicts
from interpret.models.backbones import configured, pretrained_cfg
from interpret.models.candidates import candidates
from interpret.models.configuration import input_channels, input_size, known_of
from interpret.models.filling import shown, with_statistics
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from interpret.models.patches import Asked
from interpret.models.probe import measured
from interpret.models.tracing import trace
from interpret.models.unwrapping import unwrapped
from interpret.models.vit import make_attention_explicit

TOWERS = ("vision_model", "text_model")
"""What transformers calls the two halves of a model of pictures and text."""
CLOSE = 1e-4
"""Logits of two ways to compute the same in fp32 differ by less than this share of the largest."""


def from_module(
    module: nn.Module, mechanism: str, options: dict[str, Any], given: dict[str, Any], asked: Asked, name: str | None
) -> LoadedModel:
    """Any module, as it is; of timm's plain ViT, where nothing is put in its place, a copy with explicit attention.

    Mean, std and class names come from the configurations of timm and of Hugging Face, where they are not given.

    Args:
        mechanism, options: how attention is formed.
        given: fields of `ModelSpec` that take precedence.
        asked: what is said of its tokens and its input.
        name: what it is called; None takes that of its configuration or its class.

    Raises:
        UnsupportedModelError: its attention cannot be looked at, or is not what it computes.
    """
    module = unwrapped(module)
    _check_one_tower(module)
    _check_runs(module)
    if _is_plain(module):
        _check_size(module, asked)
        try:
            return _copied(module, mechanism, options, given, name or _name(module))
        except AlteredError:
            pass
    if mechanism != "softmax":
        raise UnsupportedModelError(
            f"{type(module).__name__} forms its attention by itself and takes no mechanism; load it without "
            "mechanism= and tau=, and set a threshold by interpret.threshold(model, tau)"
        )
    return _looked_at(module, given, asked, name or _name(module))


def _check_one_tower(module: nn.Module) -> None:
    """Refuse what compares pictures with text, as CLIP and SigLIP of transformers do."""
    if all(isinstance(getattr(module, tower, None), nn.Module) for tower in TOWERS):
        raise UnsupportedModelError(
            f"{type(module).__name__} has two towers, one of pictures and one of text; load that of pictures: "
            f"interpret.load(model.{TOWERS[0]})"
        )


def _looked_at(module: nn.Module, given: dict[str, Any], asked: Asked, name: str) -> LoadedModel:
    """As it is: its anatomy is measured."""
    known = known_of(module)
    anatomy = measured(module, name, _size(module, asked), input_channels(module), asked)
    if len(known.get("classes", ())) != anatomy.classes:
        known.pop("classes", None)
    fed, notes = _fed(module, known, given, anatomy.channels)
    spec = dataclasses.replace(ModelSpec(type(module).__name__), **fed)
    return LoadedModel(model=module, spec=spec, name=name, assumed=(*anatomy.notes, *notes), measured=anatomy)


def _fed(
    module: nn.Module, known: dict[str, Any], given: dict[str, Any], channels: int
) -> tuple[dict[str, Any], list[str]]:
    """Fields of `ModelSpec`, and what was taken for mean and std: those of its family, else 0.5."""
    families = {each.family.label: each.family.statistics for each in candidates(module.state_dict())}
    label, statistics = families.popitem() if len(families) == 1 else ("", ())
    of_family: dict[str, Any] = dict(zip(("mean", "std"), statistics, strict=False))
    fields = with_statistics(of_family | known, channels)
    untold = [name for name in ("mean", "std") if name not in given and len(known.get(name, ())) not in (1, channels)]
    whence = {name: f"as of {label}" if fields[name] == of_family.get(name) else "assumed" for name in untold}
    notes = [f"{name} {shown(fields[name])} {whence[name]}" for name in untold]
    return fields | given, notes


def _check_runs(module: nn.Module) -> None:
    """Refuse what cannot be run here, or runs where it is not seen."""
    if isinstance(module, torch.jit.ScriptModule):
        raise UnsupportedModelError(
            f"{type(module).__name__} is scripted, its attention runs where it is not seen; pass the module that it "
            "was made of"
        )
    weights = list(module.parameters())
    if not weights or any(each.is_meta for each in weights):
        raise UnsupportedModelError(f"{type(module).__name__} holds no weights; load them into it first")


def _size(module: nn.Module, asked: Asked) -> tuple[int, int]:
    size = asked.img_size or input_size(module)
    if size is None:
        raise InterpretError(f"{type(module).__name__} does not say the size of its input; pass img_size=")
    return size


def _check_size(module: Any, asked: Asked) -> None:
    own = tuple(module.patch_embed.img_size)
    if asked.img_size not in (None, own):
        raise InterpretError(
            f"load: img_size={asked.img_size}, but a live {type(module).__name__} has its own, "
            f"{own}; call its set_input_size"
        )


class AlteredError(UnsupportedModelError):
    """A module of timm's that computes something else than timm's."""


def _is_plain(module: nn.Module) -> bool:
    """Whether it is built as timm's own ViT, of its own plain blocks."""
    if type(module) is not VisionTransformer:
        return False
    return all(type(block) is TimmBlock and type(block.attn) is TimmAttention for block in module.blocks)


def _copied(module: Any, mechanism: str, options: dict[str, Any], given: dict[str, Any], name: str) -> LoadedModel:
    """A copy with its attention explicit, in eval mode.

    Raises:
        AlteredError: it was changed to compute something else.
    """
    known = configured(module)
    fed, notes = _fed(module, known, given, module.patch_embed.proj.in_channels)
    spec = dataclasses.replace(_spec(module), mechanism=mechanism, options=options, **fed)
    _prove(module, spec)
    vit = _explicit(module, mechanism, options)
    untrained = [name for name, _ in vit.blocks[0].attn.mechanism.named_parameters()]
    notes += [f"{' and '.join(untrained)} of {mechanism} assumed as before any training"] * bool(untrained)
    return LoadedModel(model=vit.eval(), spec=spec, name=name, assumed=tuple(notes))


def _explicit(module: nn.Module, mechanism: str = "softmax", options: dict[str, Any] | None = None) -> Any:
    """A copy of timm's modules alone: the hooks of a user see what the user's own module does, and nothing else."""
    vit = make_attention_explicit(_copy(module), mechanism, options)
    for each in vit.modules():
        for hooks in (each._forward_hooks, each._forward_pre_hooks, each._backward_hooks, each._backward_pre_hooks):
            hooks.clear()
        vars(each).pop("forward", None)
    return vit


def _copy(module: nn.Module) -> Any:
    try:
        return deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise AlteredError(f"{type(module).__name__} cannot be copied: {error}") from error


def _prove(module: VisionTransformer, spec: ModelSpec) -> None:
    """The copy with plain attention, and its last block alone, give the module's own logits.

    All of it on copies whose vectors and heads are moved: biases of zero, heads of zero and LayerScale near zero, as a
    fresh model has them, would hide what is otherwise.

    Raises:
        AlteredError: they do not: a hook, a forward or a number was put in the place of timm's.
    """
    own = _copy(module).float().eval().requires_grad_(False)
    plain = dataclasses.replace(spec, mechanism="softmax", options={})
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        _move(own)
        images = torch.randn(1, own.patch_embed.proj.in_channels, *own.patch_embed.img_size)
        copied = trace(from_memory(_explicit(own), plain, "the copy"), images)
        expected = own(copied.images)
        outputs = copied.model(copied.images), copied.logits, copied.tail()(copied.features)
    if not all(_alike(logits, expected) for logits in outputs):
        raise AlteredError(f"{type(module).__name__} computes something else than its timm modules alone")


def _alike(logits: Tensor, expected: Any) -> bool:
    if not isinstance(expected, Tensor) or logits.shape != expected.shape:
        return False
    return bool((logits - expected).abs().max() <= CLOSE * expected.abs().max())


def _move(vit: nn.Module) -> None:
    for name, parameter in vit.named_parameters():
        if name.endswith("gamma"):
            parameter.fill_(1.0)
        if parameter.ndim < 2 or name.startswith("head"):
            parameter.add_(0.05 * torch.randn(parameter.shape).to(parameter))


def _name(module: nn.Module) -> str:
    return pretrained_cfg(module).get("architecture") or type(module).__name__


def _spec(module: VisionTransformer) -> ModelSpec:
    """What the module is built of, as far as its tensors and its shape say it; `save` proves that it is all."""
    attention = cast(TimmAttention, module.get_submodule("blocks.0.attn"))
    size = tuple(module.patch_embed.img_size)
    backbone, arguments = state_dicts.architecture(module.state_dict(), "the module", attention.num_heads, size)
    return ModelSpec(backbone, arguments | {"global_pool": module.global_pool})
