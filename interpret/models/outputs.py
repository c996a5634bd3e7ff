"""What a module gives, whatever it is wrapped in."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Logits

NAMES = ("logits", "pooler_output", "image_embeds", "last_hidden_state")


def logits_of(output: object, name: str) -> Logits:
    """The numbers (batch, class) in an output: itself, or what the libraries of ViTs call logits or pooled features.

    Raises:
        UnsupportedModelError: there are none.
    """
    tensor = _tensor(output)
    if tensor is not None and tensor.ndim == 1 and tensor.is_floating_point():
        return tensor[:, None]
    if tensor is None or tensor.ndim != 2 or not tensor.numel() or not tensor.is_floating_point():
        given = type(output).__name__ if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"
        raise UnsupportedModelError(
            f"{name} gives {given}, expected (batch, class) floats; wrap it in a module whose forward returns them"
        )
    return tensor


def are_features(output: object) -> bool:
    """Whether a library of ViTs calls these numbers features, by any of its names but that of logits."""
    return _name(output) in NAMES[1:]


def _tensor(output: object) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Sequence):
        return _tensor(output[0]) if output else None
    return _getter(output)(_name(output), None)


def _name(output: object) -> str:
    """What a library of ViTs calls the tensor that is meant; "" where it is not named."""
    get = _getter(output)
    known = () if isinstance(output, Tensor) else NAMES
    return next((name for name in known if isinstance(get(name, None), Tensor)), "")


def _getter(output: object) -> Callable[..., Any]:
    return output.get if isinstance(output, Mapping) else partial(getattr, output)
