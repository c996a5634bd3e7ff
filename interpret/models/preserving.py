"""Looking at a model without leaving a trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Scope with the model frozen, in eval mode and at full precision; afterwards all is as it was, whatever happened.

    Restores the `training` flag of every module, `requires_grad` and `.grad` of every parameter, and the random state.
    """
    training = [(module, module.training) for module in model.modules()]
    parameters = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    devices = {parameter.device for parameter, *_ in parameters if parameter.is_cuda}
    model.eval().requires_grad_(False)
    try:
        with (
            torch.random.fork_rng(devices=list(devices)),
            torch.inference_mode(False),
            torch.autocast(parameters[0][0].device.type, enabled=False),
        ):
            yield
    finally:
        for module, flag in training:
            module.training = flag
        for parameter, requires_grad, grad in parameters:
            parameter.requires_grad_(requires_grad)
            parameter.grad = grad
