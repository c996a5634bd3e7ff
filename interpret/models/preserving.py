"""Looking at a model without leaving a trace in it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class _Held:
    """How a model was when the first of those who look at it came, and how many are looking."""

    training: list[tuple[nn.Module, bool]]
    parameters: list[tuple[nn.Parameter, bool, Tensor | None]]
    lookers: int = 0


_held: dict[nn.Module, _Held] = {}
_lock = threading.Lock()


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Scope with the model frozen, in eval mode and at full precision; afterwards all is as it was, whatever happened.

    Restores the `training` flag of every module, `requires_grad` and `.grad` of every parameter, and the random state;
    where several threads look at one model, the last to leave does.
    """
    held = _hold(model)
    devices = {parameter.device for parameter, *_ in held.parameters if parameter.is_cuda}
    try:
        with (
            torch.random.fork_rng(devices=list(devices)),
            torch.inference_mode(False),
            torch.autocast(held.parameters[0][0].device.type, enabled=False),
        ):
            yield
    finally:
        _let_go(model, held)


def _hold(model: nn.Module) -> _Held:
    with _lock:
        if model not in _held:
            training = [(module, module.training) for module in model.modules()]
            _held[model] = _Held(training, [(each, each.requires_grad, each.grad) for each in model.parameters()])
            model.eval().requires_grad_(False)
        _held[model].lookers += 1
        return _held[model]


def _let_go(model: nn.Module, held: _Held) -> None:
    with _lock:
        held.lookers -= 1
        if held.lookers:
            return
        del _held[model]
        for module, flag in held.training:
            module.training = flag
        for parameter, requires_grad, grad in held.parameters:
            parameter.requires_grad_(requires_grad)
            parameter.grad = grad
