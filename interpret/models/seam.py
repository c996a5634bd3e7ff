"""The seam: attention is seen, cut and differentiated where it is computed, in any module, with nothing installed."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from interpret.mechanisms import Mechanism
from interpret.models import operations
from interpret.models.attention import Stages, attended, attention, stages

Change = Callable[[Mechanism], Mechanism]
Changes = Mapping[int, Change]
"""Of the mechanisms of some layers."""
Observer = Callable[[int, Stages], Tensor]
"""Sees the attention of a layer and gives the weights to go on with."""


class Seam(TorchFunctionMode):
    """What runs inside one module, on one thread, as long as the mode is on.

    Attentions are counted as layers in the order in which they are computed, or, where each head's is computed apart,
    as so many heads of a layer.

    Attributes:
        apart: how many attentions make a layer.
        calls: attentions so far.
        changes: what becomes of the mechanism of a layer; the later ones stand in front of the earlier.
        observers: who sees the attention of every layer.
        running: the modules that are being called, the root first.
        scores, probs: of a softmax by hand that was not multiplied yet.
    """

    def __init__(self, root: nn.Module, apart: int = 1) -> None:
        super().__init__()
        self.root, self.apart = root, apart
        self.changes: list[Changes] = []
        self.observers: list[Observer] = []
        self.modules = {module: name for name, module in root.named_modules()}
        self.running: list[nn.Module] = []
        self.calls = self.batch = 0
        self.scores: Tensor = torch.empty(0)
        self.probs: Tensor | None = None
        self._thread = threading.get_ident()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if self.running:
            if func in operations.CALLS:
                return self._call(func, args, given)
            if func in operations.SOFTMAX:
                return self._softmax(func, args, given)
            if func in operations.PRODUCTS and self.probs is not None:
                args = self._product(self.probs, args)
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
        seen = self._observed(stages(call.q, call.k, mechanism, **call.options))
        return call.result(attended(seen, call.v, dropout), seen.weights)

    def _softmax(self, func: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> Tensor:
        """A softmax by hand is kept: what its result is multiplied by may be values."""
        probs = func(*args, **given)
        if operations.is_square(probs, given.get("dim", args[1] if len(args) > 1 else None)):
            self.scores, self.probs = self._by_head(args[0] if args else given["input"]), self._by_head(probs)
            return self.probs.reshape(probs.shape)
        return probs

    def _product(self, probs: Tensor, args: Sequence[Any]) -> list[Any]:
        """The arguments of a product, the weights among them as they are to go on."""
        listed = [args[0], *args[1]] if len(args) == 2 and isinstance(args[1], list | tuple) else list(args)
        place = operations.weights_in(probs, listed)
        if place is not None:
            listed[place] = self._by_hand(probs, listed[place])
        return listed

    def _by_hand(self, probs: Tensor, weights: Tensor) -> Tensor:
        scores, self.probs = self.scores, None
        if not self._waits:
            self.calls += 1
            return weights
        mechanism = self.changed(self.layer, operations.Own(self._by_head(weights)))
        seen = self._observed(Stages(mechanism, scores, probs, mechanism.select(probs)))
        return seen.weights.to(weights.dtype).reshape(weights.shape)

    @property
    def _waits(self) -> bool:
        """Whether anyone looks at the next layer, or changes it."""
        return bool(self.observers) or any(self.layer in changes for changes in self.changes)

    def changed(self, layer: int, mechanism: Mechanism) -> Mechanism:
        """What stands in the place of a layer's mechanism now."""
        whole = changed(self.changes, layer, mechanism)
        if whole is mechanism or self.apart == 1:
            return whole
        return operations.OneHead(whole, self.apart, self.calls % self.apart)

    @property
    def layer(self) -> int:
        """Of the next attention."""
        return self.calls // self.apart

    def _observed(self, seen: Stages) -> Stages:
        head = None if self.apart == 1 else self.calls % self.apart
        seen = replace(seen, module=self.modules[self.running[-1]], head=head)
        for observer in self.observers:
            seen = replace(seen, weights=observer(self.layer, seen))
        self.calls += 1
        return seen

    def _by_head(self, attention: Tensor) -> Tensor:
        return attention.unflatten(0, (self.batch, -1)) if attention.ndim == 3 else attention

    @contextmanager
    def _following(self) -> Iterator[None]:
        """Scope in which it is known which module runs."""
        with ExitStack() as hooks:
            hooks.callback(register_module_forward_pre_hook(self._enter).remove)
            hooks.callback(register_module_forward_hook(self._leave, always_call=True).remove)
            yield

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if module not in self.modules or threading.get_ident() != self._thread:
            return
        if module is self.root:
            self.running.clear()
            self.calls, self.probs = 0, None
            self.batch = next((len(each) for each in args if isinstance(each, Tensor)), 1)
        if self.running or module is self.root:
            self.running.append(module)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        if self.running and self.running[-1] is module and threading.get_ident() == self._thread:
            self.running.pop()


class _Seams(threading.local):
    def __init__(self) -> None:
        self.by_root: dict[nn.Module, Seam] = {}


_seams = _Seams()


@contextmanager
def seam_of(root: nn.Module, apart: int = 1) -> Iterator[Seam]:
    """Scope with the module's seam on this thread: the one that is on already, so that scopes meet in one place."""
    if root in _seams.by_root:
        yield _seams.by_root[root]
        return
    seam = Seam(root, apart)
    with seam, seam._following():
        _seams.by_root[root] = seam
        try:
            yield seam
        finally:
            del _seams.by_root[root]


@contextmanager
def changing(root: nn.Module, changes: Changes, apart: int = 1) -> Iterator[None]:
    """Scope in which the mechanism of each named layer is what its change makes of it."""
    with seam_of(root, apart) as seam:
        seam.changes.append(changes)
        try:
            yield
        finally:
            seam.changes = [each for each in seam.changes if each is not changes]


def changed(changes: Sequence[Changes], layer: int, mechanism: Mechanism) -> Mechanism:
    """What a layer's mechanism becomes, change by change."""
    for each in changes:
        if layer in each:
            mechanism = each[layer](mechanism)
    return mechanism


@contextmanager
def under(root: nn.Module, changes: Sequence[Changes], apart: int = 1) -> Iterator[None]:
    """Scope in which these changes are in force, and no others."""
    with seam_of(root, apart) as seam:
        outside, seam.changes = seam.changes, list(changes)
        try:
            yield
        finally:
            seam.changes = outside


@contextmanager
def observing(root: nn.Module, observer: Observer) -> Iterator[None]:
    """Scope in which `observer` sees the attention of every layer."""
    with seam_of(root) as seam:
        seam.observers.append(observer)
        try:
            yield
        finally:
            seam.observers = [each for each in seam.observers if each is not observer]


def is_changed(root: nn.Module) -> bool:
    """Whether any scope changes the module here and now."""
    return root in _seams.by_root and bool(_seams.by_root[root].changes)


def in_force(root: nn.Module, layer: int, mechanism: Mechanism) -> Mechanism:
    """What stands in the place of a layer's own mechanism here and now."""
    return _seams.by_root[root].changed(layer, mechanism) if root in _seams.by_root else mechanism
