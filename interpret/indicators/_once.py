"""What several indicators of one trace share is computed once, and in portions that stay in the processor's cache."""

from collections.abc import Callable
from functools import wraps
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from interpret.models.trace import Trace

PORTION_BYTES = {"cpu": 2e6, "cuda": 4e9}
"""Attention is read in as many images of a layer at a time as lie below this."""


def once(function: Callable[[Trace], Tensor]) -> Callable[[Trace], Tensor]:
    """`function` of a trace, kept for as long as the trace is in use."""
    values: WeakKeyDictionary[Trace, Tensor] = WeakKeyDictionary()

    @wraps(function)
    def remembered(trace: Trace) -> Tensor:
        if trace not in values:
            values[trace] = function(trace)
        return values[trace]

    return remembered


def swept(function: Callable[..., Tensor], *stages: Tensor) -> Tensor:
    """`function` of (image head ...) parts of tensors (layer image head ...), its values joined along layer and image.

    Intermediate results are as small as a part, which on a CPU takes a third of the time of whole tensors.
    """
    first = stages[0]
    a_image = first[0, 0].numel() * first.element_size()
    images = max(1, int(PORTION_BYTES.get(first.device.type, PORTION_BYTES["cpu"]) // a_image))
    layers = [zip(*(stage.split(images) for stage in layer), strict=True) for layer in zip(*stages, strict=True)]
    return torch.stack([torch.cat([function(*parts) for parts in layer]) for layer in layers])
