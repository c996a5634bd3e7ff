"""What stands between the features of a ViT and its classes: kept as it is, asked for, or refused, never guessed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from timm.layers import get_act_layer
from torch import Tensor, nn

from interpret.foundation.errors import CheckpointError
from interpret.foundation.tensors import Tokens

FORMS = {
    ("norm", "fc"): "none",
    ("norm", "linear"): "none",
    ("norm", "head"): "none",
    ("pre_logits.fc", ""): "tanh",
    ("dense", "out_proj"): "tanh",
    ("fc1", "fc2"): None,
}
"""Names of two layers in one head -> what stands between them, None where that differs."""
EPS = 1e-5
"""PyTorch's own, of a LayerNorm that somebody put into a head."""

Layers = Sequence[Sequence[Any]]
"""Of a head, in order: "layernorm", width, eps; "linear", inputs, outputs, bias; an activation; "cls_and_mean"."""


@dataclass(frozen=True)
class Head:
    """A head under timm's names.

    Attributes:
        tensors: those below "head.".
        architecture: "num_classes", and "head" where it is no single linear layer.
        notes: what was assumed.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    architecture: dict[str, Any] = field(default_factory=lambda: {"num_classes": 0})
    notes: tuple[str, ...] = ()


class ClassTokenAndMean(nn.Module):
    """[CLS, mean of the patches], side by side."""

    def __init__(self, prefix: int) -> None:
        super().__init__()
        self.prefix = prefix

    def forward(self, tokens: Tokens) -> Tensor:
        return torch.cat([tokens[:, 0], tokens[:, self.prefix :].mean(dim=1)], dim=1)


def build(layers: Layers, prefix: int) -> nn.Sequential:
    """The head that `layers` describe, untrained, for a ViT with so many prefix tokens."""
    return nn.Sequential(*(_layer(kind, sizes, prefix) for kind, *sizes in layers))


def check_fits(layers: Layers, width: int, classes: int, source: str) -> None:
    """Refuse layers that do not take what the one before gives, or that end in another number of classes.

    Args:
        width: of the features.
        classes: outputs, 0 for features.

    Raises:
        CheckpointError: with the layer.
    """
    for kind, *sizes in layers:
        if sizes and sizes[0] != width:
            raise CheckpointError(f"{source}: the {kind} of its head takes {sizes[0]} numbers and is given {width}")
        width = 2 * width if kind == "cls_and_mean" else sizes[1] if kind == "linear" else width
    if classes not in (0, width):
        raise CheckpointError(f"{source}: its head gives {width} numbers and it has {classes} classes")


def activation(name: str) -> nn.Module:
    """timm's activation of that name."""
    layer = get_act_layer(name)
    return nn.Identity() if layer is None else layer()


def _layer(kind: str, sizes: Sequence[Any], prefix: int) -> nn.Module:
    if kind == "linear":
        return nn.Linear(sizes[0], sizes[1], bias=sizes[2])
    if kind == "layernorm":
        return nn.LayerNorm(sizes[0], eps=sizes[1])
    return ClassTokenAndMean(prefix) if kind == "cls_and_mean" else activation(kind)


def settle(
    head: Mapping[str, Tensor], width: int, *, wide: bool, activation: str | None, projection: bool, source: str
) -> Head:
    """The head that these tensors make.

    Args:
        head: their names below the head.
        width: of the features.
        wide: whether twice the width is [CLS, mean of the patches].
        activation: of the places between layers that hold no tensor; "none" for nothing but dropout.
        projection: whether its outputs are features, not classes.

    Raises:
        CheckpointError: a form that is not known, or an activation that must be said.
    """
    if not head:
        return Head()
    if activation and set(head) <= {"weight", "bias"}:
        raise CheckpointError(f"{source}: head_activation= has no place, its head is one linear layer; leave it out")
    head = _unnested(head)
    names = _ordered(head, source)
    wider = wide and _inputs(head, names[0]) == 2 * width
    layers: list[list[Any]] = [["cls_and_mean"]] * wider
    tensors, notes, at = {}, [], 2 * width if wider else width
    for name, before in zip(names, _gaps(names, activation, source), strict=True):
        layers += [[before]] if before else []
        parts = {key.rpartition(".")[2]: head[key] for key in head if key.rpartition(".")[0] == name}
        layer, at = _described(parts, at, f"{source}: head {name}".rstrip())
        notes += [f"eps {EPS} of the LayerNorm of its head assumed"] * (layer[0] == "layernorm")
        tensors |= {f"head.{len(layers)}.{kind}": tensor for kind, tensor in parts.items()}
        layers.append(layer)
    notes += [f"nothing but dropout assumed before head.{names[0]}"] * (names[0].isdecimal() and names[0] != "0")
    classes = {"num_classes": 0 if projection else at}
    if layers == [["linear", width, at, True]] and not projection:
        return Head({key.replace("head.0.", "head."): tensor for key, tensor in tensors.items()}, classes, tuple(notes))
    pooling = {"global_pool": ""} if wider else {}
    return Head(tensors, classes | {"head": layers} | pooling, tuple(notes))


def _unnested(head: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Without a name that all layers lie under, such as `mlp.0` and `mlp.2`."""
    tops = {key.partition(".")[0] for key in head}
    nested = len(tops) == 1 and len({key.rpartition(".")[0] for key in head}) > 1
    return _unnested({key.partition(".")[2]: tensor for key, tensor in head.items()}) if nested else head


def _ordered(head: Mapping[str, Tensor], source: str) -> list[str]:
    names = {key.rpartition(".")[0] for key in head}
    if all(re.fullmatch("[0-9]{1,9}", name) for name in names):
        return sorted(names, key=int)
    forms = [list(form) for form in FORMS if names == set(form)]
    if forms or len(names) == 1:
        return forms[0] if forms else list(names)
    raise CheckpointError(
        f"{source}: the form of its head is not known ({', '.join(sorted(names)[:6])}); load the module itself: "
        "interpret.load(model)"
    )


def _gaps(names: list[str], activation: str | None, source: str) -> Iterator[str]:
    """What stands before each layer, "" for nothing.

    Raises:
        CheckpointError: something without tensors does, and nobody said what.
    """
    yield ""
    for before, name in pairwise(names):
        known = FORMS.get((before, name), activation) or activation
        if name.isdecimal() and int(name) == int(before) + 1:
            known = "none"
        if known is None:
            raise CheckpointError(
                f"{source}: its head has several layers and no key tells what stands between {before} and {name}; pass "
                "head_activation= (--head-activation): relu, gelu, tanh ..., or none"
            )
        yield "" if known == "none" else known


def _inputs(head: Mapping[str, Tensor], name: str) -> int:
    weight = head.get(f"{name}.weight".removeprefix("."))
    return 0 if weight is None else int(weight.shape[-1])


def _described(parts: dict[str, Tensor], width: int, source: str) -> tuple[list[Any], int]:
    """What a layer of a head is, and the width after it."""
    shapes = {kind: tuple(tensor.shape) for kind, tensor in parts.items()}
    weight = shapes.get("weight", ())
    if shapes == {"weight": (width,), "bias": (width,)}:
        return ["layernorm", width, EPS], width
    if len(weight) == 2 and weight[1] == width and shapes.get("bias", weight[:1]) == weight[:1] and len(shapes) <= 2:
        return ["linear", width, weight[0], "bias" in shapes], weight[0]
    kinds = ", ".join(f"{kind} {shape}" for kind, shape in shapes.items())
    raise CheckpointError(
        f"{source} is neither a LayerNorm nor a linear layer of {width} inputs ({kinds}); load the module itself: "
        "interpret.load(model)"
    )
