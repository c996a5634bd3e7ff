"""What a module gives, whatever it is wrapped in."""

from collections.abc import Mapping, Sequence

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


def _tensor(output: object) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        return next((each for name in NAMES if isinstance(each := output.get(name), Tensor)), None)
    if isinstance(output, Sequence) and output:
        return _tensor(output[0])
    return next((each for name in NAMES if isinstance(each := getattr(output, name, None), Tensor)), None)
