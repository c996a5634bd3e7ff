"""All that a forward pass uses of a model, as it is now."""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, str, tuple)
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Whole numbers of so many bytes."""


def plain_attributes(model: nn.Module) -> list[tuple[str, str, dict[str, object]]]:
    """Of every module its type and the numbers and words that it holds beside its tensors, such as tau and scale."""
    return [(name, *_plain(module)) for name, module in model.named_modules()]


def state_of(model: nn.Module, mechanisms: Sequence[nn.Module]) -> tuple[object, ...]:
    """What differs once a model was changed: types and plain attributes of modules, versions and checksums of tensors.

    Args:
        mechanisms: those whose state counts. Of the model's own nothing does: an intervention puts others in their
            place, and a trace keeps those it saw.
    """
    tensors = [*model.named_parameters(), *model.named_buffers()]
    held = [(name, *_marks(tensor)) for name, tensor in tensors if ".mechanism." not in name]
    plain = [entry for entry in plain_attributes(model) if ".mechanism" not in entry[0]]
    return (*held, repr(plain), *(_of_mechanism(each) for mechanism in mechanisms for each in _stacked(mechanism)))


def digest_of(model: nn.Module) -> str:
    """SHA-256 of all tensors and plain attributes."""
    digest = hashlib.sha256(repr(plain_attributes(model)).encode())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        digest.update(name.encode() + tensor.detach().reshape(-1).view(torch.uint8).numpy(force=True).tobytes())
    return digest.hexdigest()


def _plain(module: nn.Module) -> tuple[str, dict[str, object]]:
    kind = type(module)
    counted = {key: value for key, value in sorted(vars(module).items()) if _counts(key, value)}
    return f"{kind.__module__}.{kind.__qualname__}", counted


def _counts(key: str, value: object) -> bool:
    return not key.startswith("_") and key != "training" and isinstance(value, PLAIN)


def _stacked(mechanism: nn.Module) -> Iterator[nn.Module]:
    """A mechanism and, where it is an edit, what is edited: no submodule of it."""
    inner: nn.Module | None = mechanism
    while inner is not None:
        yield inner
        inner = getattr(inner, "inner", None)


def _of_mechanism(mechanism: nn.Module) -> tuple[object, ...]:
    tensors = [*mechanism.named_parameters(), *mechanism.named_buffers()]
    return (*((name, *_marks(tensor)) for name, tensor in tensors), repr(plain_attributes(mechanism)))


def _marks(tensor: Tensor) -> tuple[int, int]:
    """How often it was written to, and a checksum; a tensor of inference mode does not count its writes."""
    return -1 if tensor.is_inference() else tensor._version, _checksum(tensor.detach())


def _checksum(tensor: Tensor) -> int:
    """Of its bits, in whole numbers: exact, and so the same in whatever order threads add them up.

    Rows are weighted by their place, so that it differs where two of them have changed places.
    """
    rows = tensor.flatten(0, -2) if tensor.ndim > 1 else tensor.reshape(-1, 1)
    sums = rows.contiguous().view(BITS.get(tensor.element_size(), torch.int8)).sum(dim=1)
    return int((sums * torch.arange(1, 1 + len(sums), device=sums.device)).sum())
