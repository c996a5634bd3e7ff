"""Where attention is formed in a module, and the rest of the module from there on."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from interpret.foundation.tensors import Features, Images, Logits, Tokens
from interpret.models.attention import Stages
from interpret.models.outputs import logits_of
from interpret.models.scopes import changing, observing, under
from interpret.models.seam import Change, Changes

TOKENS = object()
"""Stands where a module was given tokens."""


def given_tokens(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tokens:
    """What a module is given to work on: its first tensor."""
    return next(each for each in (*args, *kwargs.values()) if isinstance(each, Tensor))


@dataclass(frozen=True)
class Site:
    """A module that forms attention, and what it was last called with beside its tokens."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self, tokens: Tokens, change: Change) -> Stages:
        """What is seen when other tokens enter, under a change of its mechanism."""
        calls: list[Stages] = []

        def see(layer: int, stages: Stages) -> Tensor:
            calls.append(stages)
            return stages.weights

        args, kwargs = replaced(TOKENS, tokens, self.args, self.kwargs)
        with changing(self.module, {0: change}), observing(self.module, see):
            self.module(*args, **kwargs)
        return calls[0]


def site_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Site:
    """Of a call; no tokens are kept."""
    return Site(module, *replaced(given_tokens(args, kwargs), TOKENS, args, kwargs))


def replaced(
    old: object, new: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments but for one, wherever it stands: q, k and v are often one tensor given three times."""
    return (
        tuple(new if each is old else each for each in args),
        {name: new if each is old else each for name, each in kwargs.items()},
    )


def here(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that other threads do not see: they may run the same module at the same time."""
    thread = threading.get_ident()

    def on_this_thread(*given: Any) -> Any:
        return hook(*given) if threading.get_ident() == thread else None

    return on_this_thread


class Replay(nn.Module):
    """A module as a function of the tokens that enter its last attention, as (batch channel row col).

    `tap` sees the feature map, so a library that hooks a convolutional layer explains any ViT. All that comes before is
    computed again, for nothing; the prefix tokens are constants.
    """

    def __init__(
        self, root: nn.Module, last: str, images: Images, prefix: Tokens, changes: Sequence[Changes], apart: int
    ) -> None:
        super().__init__()
        self.root, self.last, self.images, self.prefix = root, last, images, prefix
        self.changes, self.apart = changes, apart
        self.tap = nn.Identity()

    def forward(self, features: Features) -> Logits:
        tokens = torch.cat([self.prefix, self.tap(features).flatten(2).transpose(1, 2)], dim=1)

        def enter(module: nn.Module, args: Any, kwargs: Any) -> Any:
            own = given_tokens(args, kwargs)
            return replaced(own, tokens.to(own), args, kwargs)

        hook = self.root.get_submodule(self.last).register_forward_pre_hook(here(enter), with_kwargs=True)
        try:
            with under(self.root, self.changes, self.apart):
                return logits_of(self.root(self.images), type(self.root).__name__)
        finally:
            hook.remove()
