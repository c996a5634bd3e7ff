"""All that a forward pass uses of a model, as it is now."""

from torch import Tensor, nn

PLAIN = (bool, int, float, str, tuple)


def plain_attributes(model: nn.Module) -> list[tuple[str, dict[str, object]]]:
    """Numbers and words that modules hold beside their tensors, such as tau and scale; not whether they train."""
    return [
        (name, {key: value for key, value in sorted(vars(module).items()) if _counts(key, value)})
        for name, module in model.named_modules()
    ]


def _counts(key: str, value: object) -> bool:
    return not key.startswith("_") and key != "training" and isinstance(value, PLAIN)


def state_of(model: nn.Module) -> tuple[object, ...]:
    """What differs once a model was changed: versions and sums of its tensors, and plain attributes.

    Mechanisms are left out: an intervention puts others in their place, and a trace keeps its own.
    """
    tensors = [*model.named_parameters(), *model.named_buffers()]
    held = [(name, _version(tensor), _sum(tensor)) for name, tensor in tensors if ".mechanism." not in name]
    plain = [entry for entry in plain_attributes(model) if not entry[0].endswith(".mechanism")]
    return (*held, repr(plain))


def _version(tensor: Tensor) -> int:
    """How often it was written to; a tensor of inference mode does not count."""
    return -1 if tensor.is_inference() else tensor._version


def _sum(tensor: Tensor) -> float:
    return float(tensor.detach().sum())
