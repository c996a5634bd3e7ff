"""Scopes in which a module is looked at or changed, on one thread, in any order."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from interpret.mechanisms import Mechanism
from interpret.models.seam import Changes, Observer, Seam, changed


class _Mode(TorchFunctionMode):
    """Hands what is called inside a module to the seam of that module; one for all modules of a thread.

    Scopes may so be closed in any order: the mode is left with the last of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seams: dict[nn.Module, Seam] = {}
        self.hooks = ExitStack()
        self.thread = threading.get_ident()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        inside = next((seam for seam in reversed(self.seams.values()) if seam.running), None)
        given = kwargs or {}
        return func(*args, **given) if inside is None else inside.handle(func, args, given)

    def join(self, root: nn.Module, apart: int) -> Seam:
        """The seam of a module; the first one turns the mode on."""
        if not self.seams:
            self.__enter__()
            self.hooks.callback(register_module_forward_pre_hook(self._enter).remove)
            self.hooks.callback(register_module_forward_hook(self._leave, always_call=True).remove)
        seam = self.seams.setdefault(root, Seam(root, apart))
        seam.scopes += 1
        return seam

    def part(self, seam: Seam) -> None:
        """One scope less needs it; the last one turns the mode off."""
        seam.scopes -= 1
        if not seam.scopes:
            del self.seams[seam.root]
        if not self.seams:
            self.hooks.close()
            self.__exit__(None, None, None)

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if threading.get_ident() == self.thread:
            for seam in self.seams.values():
                if module in seam.modules:
                    seam.enter(module, args)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        if threading.get_ident() == self.thread:
            for seam in self.seams.values():
                seam.leave(module)


class _Local(threading.local):
    def __init__(self) -> None:
        self.mode = _Mode()


_here = _Local()


@contextmanager
def seam_of(root: nn.Module, apart: int = 1) -> Iterator[Seam]:
    """Scope with the module's seam on this thread, the one that is on already where there is one."""
    mode = _here.mode
    seam = mode.join(root, apart)
    try:
        yield seam
    finally:
        mode.part(seam)


@contextmanager
def changing(root: nn.Module, changes: Changes, apart: int = 1) -> Iterator[None]:
    """Scope in which the mechanism of each named layer is what its change makes of it."""
    with seam_of(root, apart) as seam:
        seam.changes.append(changes)
        try:
            yield
        finally:
            seam.changes = [each for each in seam.changes if each is not changes]


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
    seam = _here.mode.seams.get(root)
    return seam is not None and bool(seam.changes)


def in_force(root: nn.Module, layer: int, mechanism: Mechanism) -> Mechanism:
    """What stands in the place of a layer's own mechanism here and now."""
    seam = _here.mode.seams.get(root)
    return mechanism if seam is None else changed(seam.changes, layer, mechanism)
