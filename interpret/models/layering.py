"""Which attentions of a module make its layers, and which modules hold them."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.models.attention import Stages

LISTS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


def attentions_a_layer(module: nn.Module, calls: Sequence[Stages], layers: int | None, name: str) -> int:
    """How many attentions make a layer: 1, or one a head.

    As many as `layers` says, else as each block holds of the one list that holds them all.

    Raises:
        InterpretError: so many layers cannot be made of them.
    """
    if layers:
        if len(calls) % layers:
            raise InterpretError(f"{name}: {len(calls)} attentions were seen; they are not {layers} layers alike")
        return len(calls) // layers
    if any(call.weights.shape[1] > 1 for call in calls):
        return 1
    counts = (_counts(listed, path, calls) for path, listed in module.named_modules() if isinstance(listed, LISTS))
    return next((each[0] for each in counts if len(each) > 1 and len(set(each)) == 1 and sum(each) == len(calls)), 1)


def _counts(listed: nn.Module, path: str, calls: Sequence[Stages]) -> list[int]:
    """How many attentions each member of a list holds."""
    start = f"{path}." if path else ""
    inside = Counter(call.module.removeprefix(start).split(".")[0] for call in calls if call.module.startswith(start))
    return [inside[name] for name, _ in listed.named_children()]


def holder(root: nn.Module, names: Sequence[str]) -> str:
    """Qualified name of the innermost module that holds all of these and is called itself."""
    paths = [name.split(".") for name in names]
    shared = [parts[0] for parts in zip(*paths, strict=False) if len(set(parts)) == 1]
    while shared and isinstance(root.get_submodule(".".join(shared)), nn.ModuleList | nn.ModuleDict):
        shared.pop()
    return ".".join(shared)


def blocks_around(module: nn.Module, attentions: Sequence[str]) -> tuple[str, ...]:
    """The members of the one list of modules that holds one attention each; empty where there is none."""
    for path, listed in module.named_modules():
        names = tuple(f"{path}.{name}" if path else name for name, _ in listed.named_children())
        if isinstance(listed, LISTS) and len(names) == len(attentions):
            pairs = zip(names, attentions, strict=True)
            if all(f"{attention}.".startswith(f"{block}.") for block, attention in pairs):
                return names
    return ()


def prove_heads_apart(call: Stages, name: str) -> None:
    """The weights are made of the probabilities, those of each head of its own.

    Raises:
        UnsupportedModelError: they are not.
    """
    weights, probs = call.weights, call.probs
    if weights is probs or not weights.requires_grad:
        return
    noise = torch.randn(weights.shape[2:], generator=torch.Generator().manual_seed(2)).to(weights)
    (slope,) = torch.autograd.grad((weights[:, 0] * noise).sum(), probs, retain_graph=True, allow_unused=True)
    if slope is None:
        raise UnsupportedModelError(
            f"{name}: what multiplies the values in {call.module} is not made of the softmax before it; its attention "
            "cannot be looked at"
        )
    if slope[:, 1:].any():
        raise UnsupportedModelError(
            f"{name}: {call.module} mixes its heads after the softmax (talking heads); maps of single heads are "
            "undefined there"
        )
