"""Which attentions of a module make its layers, and which modules hold them."""

from collections.abc import Sequence
from itertools import pairwise, takewhile

import torch
from torch import nn

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Logits
from interpret.models.attention import Stages

LISTS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


def attentions_a_layer(calls: Sequence[Stages], layers: int | None, name: str) -> int:
    """How many attentions make a layer: as `layers` says, else as many as do not depend on each other.

    Attentions of the same tokens that are added up, or whose values stand side by side, are heads of one layer.

    Raises:
        InterpretError: so many layers cannot be made of them.
        UnsupportedModelError: they are so many here and others there.
    """
    if layers is not None:
        if not isinstance(layers, int) or layers < 1 or len(calls) % layers:
            raise InterpretError(
                f"{name}: layers={layers!r}, but {len(calls)} attentions were seen; they are not so many layers alike"
            )
        return len(calls) // layers
    starts = [0]
    for index in range(1, len(calls)):
        if _depends(calls[index], calls[starts[-1]]):
            starts.append(index)
    sizes = {after - before for before, after in pairwise([*starts, len(calls)])}
    if len(sizes) > 1:
        least, most = min(sizes), max(sizes)
        raise UnsupportedModelError(f"{name}: its layers form {least} to {most} attentions each; they must be alike")
    return sizes.pop()


def _depends(later: Stages, earlier: Stages) -> bool:
    """Whether the scores of one are made of what the other attended to."""
    if not (later.scores.requires_grad and earlier.weights.requires_grad):
        return True
    made = later.scores.nan_to_num().sum()
    return torch.autograd.grad(made, earlier.weights, retain_graph=True, allow_unused=True)[0] is not None


def holder(root: nn.Module, names: Sequence[str]) -> str:
    """Qualified name of the innermost module that holds all of these and is called itself."""
    paths = [name.split(".") for name in names]
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    shared = [parts[0] for parts in alike]
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


def prove_all_seen(module: nn.Module, attentions: Sequence[str], name: str) -> None:
    """Of blocks of one kind in one list all form attention, or none of those seen is the whole.

    Raises:
        UnsupportedModelError: some do not.
    """
    for path, listed in module.named_modules():
        start = f"{path}." if path else ""
        inside = {each.removeprefix(start).split(".")[0] for each in attentions if each.startswith(start)}
        children = dict(listed.named_children()) if isinstance(listed, LISTS) else {}
        kinds = {type(children[each]) for each in inside if each in children}
        unseen = [each for each in children if each not in inside and type(children[each]) in kinds]
        if unseen:
            kind = type(children[unseen[0]]).__name__
            raise UnsupportedModelError(
                f"{name}: no attention was seen in {start}{unseen[0]}, a {kind} as others in which it was; it is "
                "formed in a way that is not known, so no map would be true"
            )


def prove_heads_apart(call: Stages, name: str) -> None:
    """The weights are made of the probabilities, those of each head of its own.

    Raises:
        UnsupportedModelError: they are not.
    """
    weights, probs = call.weights, call.probs
    if call.mixed:
        raise UnsupportedModelError(
            f"{name}: {call.module} makes its weights of several softmaxes; its attention cannot be looked at"
        )
    if weights is probs or not (weights.requires_grad and probs.requires_grad):
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


def prove_gone_on(calls: Sequence[Stages], logits: Logits, name: str) -> None:
    """What was seen is what the module went on with, up to the last attention that the logits are made of.

    Raises:
        UnsupportedModelError: it is not.
    """
    seen = [call for call in calls if call.weights.requires_grad]
    weights = [call.weights for call in seen]
    slopes = torch.autograd.grad(logits.sum(), weights, retain_graph=True, allow_unused=True) if seen else ()
    reached = [slope is not None for slope in slopes]
    if not reached or all(reached[: 1 + max((at for at, each in enumerate(reached) if each), default=0)]):
        return
    first = seen[reached.index(False)].module
    raise UnsupportedModelError(
        f"{name}: what was seen in {first} is not what it went on with, as where a function is compiled; pass the "
        "module as it was before torch.compile"
    )
