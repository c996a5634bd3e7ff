"""WHERE the evidence is: an attribution maps a trace to one value a patch, raw and signed, higher = more relevant."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interpret.foundation.errors import InterpretError, MissingTensorError, NoEvidenceError
from interpret.foundation.registry import Registry
from interpret.foundation.tensors import PatchMap
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import as_targets
from interpret.models.trace import Trace, stages_needed
from interpret.models.tracing import trace


@dataclass(frozen=True)
class Attribution:
    """A registered attribution.

    Attributes:
        signed: whether values below zero mean evidence against the class.
        class_specific: whether the map depends on the class explained.
        needs: stages that the trace must keep.
        of_one_layer: whether they are needed of one layer alone, which is an option of it.
    """

    name: str
    function: Callable[..., PatchMap]
    label: str
    reference: str
    signed: bool
    class_specific: bool
    needs: tuple[str, ...]
    of_one_layer: bool = False

    def __call__(self, trace: Trace, **options: Any) -> PatchMap:
        """The raw maps, one an image, in fp32, at full precision whatever autocast surrounds the call.

        Raises:
            MissingTensorError: the trace keeps some layers, and this needs all of them.
        """
        if self.needs and trace.layers and not self.of_one_layer and len(trace.layers) < trace.model.depth:
            raise MissingTensorError(f"{self.name} needs every layer, the trace holds {trace.held}; leave layers= out")
        with torch.autocast(trace.images.device.type, enabled=False):
            return self.function(trace, **options).float()


ROUNDING = 1e-5
"""Differences between patches below this share of the largest magnitude are rounding, not evidence."""

ATTRIBUTIONS: Registry[Attribution] = Registry("attribution", __name__, Attribution)


def attribute(
    source: Any, *what: Any, target: Any = None, targets: Any = None, strict: bool = False, **options: Any
) -> Float[Tensor, "*target batch row col"]:
    """One map an image, on the patch grid, in fp32: raw, signed, never scaled.

    `attribute(trace, name)`, or `attribute(model, images, name, target=...)`, which traces what the attribution needs.
    An image whose map is constant over the patches, or not finite, shows no evidence: its map is NaN, and a warning
    names it.

    Args:
        source: a trace, or a loaded model.
        what: the name, or images as `trace` takes them and the name.
        target: what is explained, as of `trace`; a trace has its own.
        targets: several of these, such as all labels of an image, each traced in its turn: maps (target batch row col).
        strict: refuse images without evidence instead.
        options: of the attribution.

    Raises:
        NoEvidenceError: with `strict`, a map that shows nothing.
        MissingTensorError: the trace was made without a stage that this attribution needs.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> tuple(interpret.attribute(vit, interpret.load_data("shapes")[0].image, "rollout").shape)
        (1, 8, 8)
    """
    if targets is not None:
        return torch.stack(
            [attribute(source, *what, target=each, strict=strict, **options) for each in as_targets(targets, target)]
        )
    trace, entry = _traced(source, what, target)
    known = list(inspect.signature(entry.function).parameters)[1:]
    if not options.keys() <= set(known):
        [unknown, *_] = options.keys() - set(known)
        raise InterpretError(f"{entry.name} takes no {unknown}=; it takes {', '.join(known) or 'no option'}")
    maps = entry(trace, **options)
    empty = without_evidence(maps)
    if empty.any():
        images = ", ".join(str(index) for index in empty.nonzero().flatten().tolist())
        message = (
            f"{entry.name} of {trace.model.name}: the map of image {images} is constant over the patches or not "
            "finite, it shows no evidence; a gradient that died, or an attention row that was cut whole, is the usual "
            "cause: look at measure(trace, ['dead_rows'])"
        )
        if strict:
            raise NoEvidenceError(message)
        warnings.warn(message, NoEvidenceWarning, stacklevel=2)
    return maps.masked_fill(empty[:, None, None], torch.nan)


class NoEvidenceWarning(UserWarning):
    """An image whose map shows nothing."""


def _traced(source: Any, what: tuple[Any, ...], target: Any) -> tuple[Trace, Attribution]:
    if isinstance(source, Trace) and len(what) == 1:
        if target is not None:
            raise InterpretError(
                "the target belongs to the trace: trace(model, images, target), then attribute(trace, name)"
            )
        return source, ATTRIBUTIONS[what[0]]
    if isinstance(source, LoadedModel) and len(what) == 2:
        entry = ATTRIBUTIONS[what[1]]
        return trace(source, what[0], target, keep=stages_needed([entry])), entry
    raise InterpretError(
        "attribute takes a trace and a name, or a loaded model, images and a name; got "
        f"{', '.join(type(each).__name__ for each in (source, *what))}"
    )


def without_evidence(maps: PatchMap) -> Bool[Tensor, "batch"]:
    """Which maps are constant up to rounding (a map of zeros above all) or not finite."""
    flat = maps.flatten(1)
    spread = flat.amax(dim=1) - flat.amin(dim=1)
    return (spread <= ROUNDING * flat.abs().amax(dim=1)) | ~flat.isfinite().all(dim=1)
