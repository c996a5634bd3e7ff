"""show(): a picture at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from interpret.attributions import ATTRIBUTIONS, Attribution, without_evidence
from interpret.data import as_pictures, as_rgb
from interpret.figures import _layout
from interpret.figures.drawing import photograph, plots
from interpret.foundation.errors import InterpretError
from interpret.foundation.registry import as_names
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import as_targets
from interpret.models.pixels import as_picture
from interpret.models.trace import Trace, stages_needed
from interpret.models.upsampling import upsample
from interpret.study.predictions import predicted

PANEL, BAR, TEXT = 2.4, 0.08, 0.3
"""Width of a panel, height of a colour bar, and of the text under a picture; inches."""
LONGEST = 28
"""Letters of a class name."""
ASPECTS = (0.3, 2.0)
"""Height by width of a row: a picture beyond is drawn smaller."""


def show(
    source: Any,
    images: Any = None,
    attributions: str | Sequence[str] = "rollout",
    *,
    target: Any = None,
    targets: Any = None,
) -> plots.Figure:
    """Maps on the original photographs: a row an image, a column an attribution, each column on one colour scale.

    Under each photograph stands what the model predicts, over each map what it explains. What the model does not see,
    outside the centred crop or beyond the last patch, stays as it is. A map that shows nothing is stamped.

    Args:
        source: a model as `interpret.load` gives it, or a trace.
        images: one photograph or several: PIL, paths or arrays. Those of a trace may be left out: what the model saw is
            then shown.
        attributions: registered names, one or several.
        target: what is explained, as of `trace`; a trace has its own.
        targets: several of these, a column each.

    Returns:
        The figure, which a notebook shows; `figure.savefig("maps.png")` keeps it.

    Raises:
        InterpretError: something that is neither a loaded model nor a trace, no picture, no attribution or no target;
            photographs that the trace is not of.
        MissingTensorError: the trace was made without a stage that an attribution needs.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> interpret.show(vit, interpret.load_data("photos")[0].image, ["rollout", "relevance"])
        <Figure size 720x287.645 with 5 Axes>
    """
    entries = [ATTRIBUTIONS[name] for name in as_names(attributions)]
    if not entries:
        raise InterpretError(f"no attribution is named; available: {', '.join(ATTRIBUTIONS)}")
    looks = [_traced(source, images, entries, each) for each in as_targets(targets, target)]
    trace, pictures = looks[0]
    pictures = [as_rgb(picture, trace.model.spec.range) for picture in pictures]
    columns = [(entry, trace) for entry in entries for trace, _ in (looks if entry.class_specific else looks[:1])]
    with plots.style():
        figure, axes = _panels(pictures, 1 + len(columns))
        for row, picture, caption in zip(axes, pictures, _predictions(trace), strict=False):
            plots.picture(np.asarray(picture), ax=row[0]).set_xlabel(caption)
        axes[-1, 0].remove()
        for column, (entry, look) in zip(axes.T[1:], columns, strict=True):
            _column(column, entry.name, look, pictures)
            explained = _explained(look) if entry.class_specific else "same for every class"
            column[0].set_title(f"{entry.name}\n{explained}")
    return figure


def _panels(pictures: Sequence[Image.Image], columns: int) -> tuple[plots.Figure, np.ndarray]:
    """A row for each picture, as high as it is, and one of colour bars."""
    heights = [PANEL * float(np.clip(picture.height / picture.width, *ASPECTS)) for picture in pictures]
    whole = sum(heights) + TEXT * (len(pictures) + 3) + BAR
    return _layout.panels(len(pictures) + 1, columns, PANEL * columns, whole, height_ratios=[*heights, BAR])


def _traced(source: Any, images: Any, entries: Sequence[Attribution], target: Any) -> tuple[Trace, list[Image.Image]]:
    """The trace, and the photograph of each of its images."""
    if isinstance(source, LoadedModel) and images is not None:
        pictures = as_pictures(images)
        return tracing.trace(source, pictures, target, keep=stages_needed(entries)), pictures
    if not isinstance(source, Trace):
        raise InterpretError(
            f"show takes what interpret.load gives and photographs, or a trace; got a {type(source).__name__}"
            f"{' alone' if isinstance(source, LoadedModel) else '; load it first'}"
        )
    if target is not None:
        raise InterpretError("the target belongs to the trace: trace(model, images, target), then show(trace)")
    return source, _photographs(source, images)


def _photographs(trace: Trace, images: Any) -> list[Image.Image]:
    spec = trace.model.spec
    if images is None:
        return [Image.fromarray(as_picture(image, spec)) for image in trace.images]
    pictures = as_pictures(images)
    fitted = trace.model.pixels(pictures).to(trace.images)
    if fitted.shape != trace.images.shape or not torch.allclose(fitted, trace.images, atol=1e-2):
        raise InterpretError(
            f"the trace is of {len(trace.images)} images, which are not these {len(pictures)}; pass the photographs it "
            "was made of, or none"
        )
    return pictures


def _column(column: np.ndarray, name: str, trace: Trace, pictures: Sequence[Image.Image]) -> None:
    maps = ATTRIBUTIONS[name](trace).cpu()
    scale = plots.shared_scale([maps.numpy()])
    silent = without_evidence(maps).tolist()
    for ax, patch_map, picture, empty in zip(column, maps, pictures, silent, strict=False):
        if empty:
            plots.no_evidence(np.asarray(picture), "constant map", ax)
        else:
            photograph.over(np.asarray(picture), upsample(patch_map, picture, trace.model), scale, ax=ax)
    photograph.scale_bar(scale, column[-1])


def _predictions(trace: Trace) -> list[str]:
    answers = predicted(trace.model, trace.logits)
    return [replace(answer, name=_layout.short(answer.name, LONGEST)).worded() for answer in answers]


def _explained(trace: Trace) -> str:
    """What the maps explain, of one image by name."""
    if trace.target is None:
        return f"explains {trace.objective!r}"
    names = {trace.model.class_name(index) for index in trace.target.tolist()}
    return f"explains {_layout.short(names.pop(), LONGEST)}" if len(names) == 1 else "explains the class of each image"
