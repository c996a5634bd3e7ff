"""WHERE the evidence is: an attribution maps a trace to one value a patch, raw and signed, higher = more relevant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from interpret.foundation.errors import NoEvidenceError
from interpret.foundation.registry import Registry
from interpret.foundation.tensors import PatchMap
from interpret.models.trace import Trace


@dataclass(frozen=True)
class Attribution:
    """A registered attribution.

    Attributes:
        signed: whether values below zero mean evidence against the class.
        class_specific: whether the map depends on the class explained.
        needs: stages that the trace must keep.
    """

    name: str
    function: Callable[..., PatchMap]
    label: str
    reference: str
    signed: bool
    class_specific: bool
    needs: tuple[str, ...]

    def __call__(self, trace: Trace, **options: Any) -> PatchMap:
        """The raw maps, one an image, in fp32, at full precision whatever autocast surrounds the call."""
        with torch.autocast(trace.images.device.type, enabled=False):
            return self.function(trace, **options).float()


ROUNDING = 1e-5
"""Differences between patches below this share of the largest magnitude are rounding, not evidence."""

ATTRIBUTIONS: Registry[Attribution] = Registry("attribution", __name__, Attribution)


def attribute(trace: Trace, name: str, **options: Any) -> PatchMap:
    """One map an image, on the patch grid, in fp32: raw, signed, never scaled.

    Raises:
        NoEvidenceError: a map is constant over the patches, or not finite, so a picture of it would show nothing.
        MissingTensorError: the trace was made without a stage that this attribution needs.
    """
    maps = ATTRIBUTIONS[name](trace, **options)
    empty = without_evidence(maps)
    if empty.any():
        images = ", ".join(str(index) for index in empty.nonzero().flatten().tolist())
        raise NoEvidenceError(
            f"{name} of {trace.model.name}: the map of image {images} is constant over the patches or not finite, it "
            "shows no evidence; a gradient that died, or an attention row that was cut whole, is the usual cause: look "
            "at measure(trace, ['dead_rows'])"
        )
    return maps


def without_evidence(maps: PatchMap) -> Bool[Tensor, "batch"]:
    """Which maps are constant up to rounding (a map of zeros above all) or not finite."""
    flat = maps.flatten(1)
    spread = flat.amax(dim=1) - flat.amin(dim=1)
    return (spread <= ROUNDING * flat.abs().amax(dim=1)) | ~flat.isfinite().all(dim=1)
