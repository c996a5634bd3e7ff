"""The seam: what runs inside a module is seen and changed where attention is computed, with nothing installed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.mechanisms import Mechanism
from interpret.models import operations
from interpret.models.attention import Stages, attended, attention, stages

Change = Callable[[Mechanism], Mechanism]
Changes = Mapping[int, Change]
"""Of the mechanisms of some layers."""
Observer = Callable[[int, Stages], Tensor]
"""Sees the attention of a layer and gives the weights to go on with."""


def changed(changes: Sequence[Changes], layer: int, mechanism: Mechanism) -> Mechanism:
    """What a layer's mechanism becomes, change by change."""
    for each in changes:
        if layer in each:
            mechanism = each[layer](mechanism)
    return mechanism


class Seam:
    """What runs inside one module on one thread.

    Attentions are counted as layers in the order in which they are computed, or, where the heads of a layer form theirs
    apart, as so many parts of a layer.

    Attributes:
        apart: how many attentions make a layer.
        calls: attentions so far.
        changes: what becomes of the mechanism of a layer; the later ones stand in front of the earlier.
        observers: who sees the attention of every layer.
        running: the modules that are being called, the root first.
        softmax: scores and probabilities of a softmax by hand that was not multiplied yet.
        mixed: whether another softmax came before that one was multiplied.
        gone_on: the weights of a softmax by hand, and what went on in their place.
        scopes: how many need this seam.
    """

    def __init__(self, root: nn.Module, apart: int) -> None:
        self.root, self.apart = root, apart
        self.changes: list[Changes] = []
        self.observers: list[Observer] = []
        self.modules = {module: name for name, module in root.named_modules()}
        self.running: list[nn.Module] = []
        self.calls = self.batch = self.scopes = 0
        self.softmax: tuple[Tensor, Tensor] | None = None
        self.gone_on: tuple[Tensor, Tensor] | None = None
        self.mixed = False

    def handle(self, func: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> Any:
        """The result of a torch function that was called inside the module."""
        if func in operations.CALLS:
            return self._call(func, args, given)
        if func in operations.SOFTMAX:
            return self._softmax(func, args, given)
        if func in operations.PRODUCTS:
            args, given = self._product([*args, *given.values()]), {}
        return func(*args, **given)

    def _call(self, func: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> Any:
        call = operations.CALLS[func](*args, **given)
        if call is None or not self._waits:
            self.calls += call is not None
            return func(*args, **given)
        mechanism = self.changed(self.layer, call.mechanism)
        if not (self.observers or call.gives_weights):
            self.calls += 1
            return call.result(attention(call.q, call.k, call.v, mechanism, **call.options), None)
        dropout = call.options.pop("dropout", 0.0)
        observed = self._observed(stages(call.q, call.k, mechanism, **call.options))
        return call.result(attended(observed, call.v, dropout), observed.weights)

    def _softmax(self, func: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> Tensor:
        """A softmax by hand is kept: what its result is multiplied by may be values."""
        probs = func(*args, **given)
        if not operations.is_square(probs, given.get("dim", args[1] if len(args) > 1 else None)):
            return probs
        self.mixed = self.softmax is not None
        self.softmax = self._by_head(args[0] if args else given["input"]), self._by_head(probs)
        return self.softmax[1].reshape(probs.shape)

    def _product(self, args: Sequence[Any]) -> list[Any]:
        """The arguments of a product, the weights among them as they are to go on."""
        listed = [args[0], *args[1]] if len(args) == 2 and isinstance(args[1], list | tuple) else list(args)
        if self.gone_on is not None:
            old, new = self.gone_on
            listed = [new if each is old else each for each in listed]
        place = None if self.softmax is None else operations.weights_in(self.softmax[1], listed)
        if place is not None:
            weights = listed[place]
            listed[place] = self._by_hand(weights)
            self.gone_on = weights, listed[place]
        return listed

    def _by_hand(self, weights: Tensor) -> Tensor:
        assert self.softmax is not None
        (scores, probs), self.softmax = self.softmax, None
        if not self._waits:
            self.calls += 1
            return weights
        mechanism = self.changed(self.layer, operations.Own(self._by_head(weights)))
        observed = self._observed(Stages(mechanism, scores, probs, mechanism.select(probs), mixed=self.mixed))
        return observed.weights.to(weights.dtype).reshape(weights.shape)

    @property
    def layer(self) -> int:
        """Of the next attention."""
        return self.calls // self.apart

    @property
    def _waits(self) -> bool:
        """Whether anyone looks at the next layer, or changes it."""
        return bool(self.observers) or any(self.layer in changes for changes in self.changes)

    def changed(self, layer: int, mechanism: Mechanism) -> Mechanism:
        """What stands in the place of a layer's mechanism now."""
        if self.apart == 1 or not any(layer in changes for changes in self.changes):
            return changed(self.changes, layer, mechanism)
        own = mechanism.repeated(self.apart) if isinstance(mechanism, operations.Own) else mechanism
        return operations.SomeHeads(changed(self.changes, layer, own), self.apart, self.calls % self.apart)

    def _observed(self, formed: Stages) -> Stages:
        formed = replace(formed, module=self.modules[self.running[-1]], part=self.calls % self.apart)
        for observer in self.observers:
            formed = replace(formed, weights=observer(self.layer, formed))
        self.calls += 1
        return formed

    def _by_head(self, attention: Tensor) -> Tensor:
        if attention.ndim > 3:
            return attention
        if not self.batch:
            raise UnsupportedModelError(
                f"{type(self.root).__name__} was called without a batch of images as its first argument, so the images "
                "of its attention cannot be told from its heads; pass them by position"
            )
        return attention.unflatten(0, (self.batch, -1))

    def enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A module is called."""
        if module is self.root:
            self.running.clear()
            self.calls, self.softmax, self.gone_on = 0, None, None
            self.batch = next((len(each) for each in args if isinstance(each, Tensor)), 0)
        if self.running or module is self.root:
            self.running.append(module)

    def leave(self, module: nn.Module) -> None:
        """It has returned, or failed; nothing of a pass is held after it."""
        if self.running and self.running[-1] is module:
            self.running.pop()
        if module is self.root:
            self.softmax = self.gone_on = None
