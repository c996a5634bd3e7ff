"""What compiled and parallel modules run."""

from copy import copy

from torch import nn
from torch.jit import ScriptModule


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, with its own weights: what is compiled runs where it is not seen.

    Where a part of it is compiled, what holds that part is copied, so that the user's own stays compiled; the weights
    are the same tensors.
    """
    return _seen_through(module, {})


def _seen_through(module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
    """Likewise; a part that stands at several places stays one."""
    if module not in done:
        inner = _inner(module)
        done[module] = _of_seen_parts(module, done) if inner is None else _seen_through(inner, done)
    return done[module]


def _inner(module: nn.Module) -> nn.Module | None:
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return module.module
    inner = getattr(module, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else None


def _of_seen_parts(module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
    if isinstance(module, ScriptModule):
        return module
    held = module._modules
    parts = {name: None if part is None else _seen_through(part, done) for name, part in held.items()}
    if module._compiled_call_impl is None and all(parts[name] is held[name] for name in held):
        return module
    twin = copy(module)  # without what compile() put in the place of its call
    vars(twin)["_modules"] = parts
    return twin
