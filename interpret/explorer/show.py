"""show(): a picture at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from interpret.attributions import ATTRIBUTIONS, without_evidence
from interpret.data import as_pictures
from interpret.figures import _layout
from interpret.figures.drawing import photograph, plots
from interpret.foundation.errors import InterpretError
from interpret.foundation.registry import as_names
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import Trace, stages_needed
from interpret.models.tracing import trace
from interpret.models.upsampling import upsample

PANEL = 2.4
"""Inches."""


def show(model: Any, images: Any, attributions: str | Sequence[str] = "rollout", *, target: Any = None) -> plots.Figure:
    """Maps on the original photographs: a row an image, a column an attribution, each column on one colour scale.

    Under each photograph stands what the model predicts, over each map what it explains. What the model does not see,
    outside the centred crop, stays as it is. A map that shows nothing is stamped.

    Args:
        model: as `interpret.load` gives it.
        images: one photograph or several: PIL, paths or arrays.
        attributions: registered names, one or several.
        target: what is explained, as of `trace`.

    Returns:
        The figure, which a notebook shows; `figure.savefig("maps.png")` keeps it.

    Raises:
        InterpretError: something that is no loaded model, no picture, no attribution or no target.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> interpret.show(vit, interpret.load_data("photos")[0].image, ["rollout", "relevance"])
        <Figure size 720x240 with 5 Axes>
    """
    if not isinstance(model, LoadedModel):
        raise InterpretError(f"show takes what interpret.load gives, got a {type(model).__name__}; load it first")
    entries = [ATTRIBUTIONS[name] for name in as_names(attributions)]
    pictures = as_pictures(images)
    seen = trace(model, pictures, target, keep=stages_needed(entries))
    with plots.style():
        rows, columns = len(pictures), 1 + len(entries)
        figure, axes = _layout.panels(rows, columns, PANEL * columns, PANEL * rows)
        for row, picture, caption in zip(axes, pictures, _predictions(seen), strict=True):
            plots.picture(np.asarray(picture), row[0]).set_xlabel(caption)
        for column, entry in zip(axes.T[1:], entries, strict=True):
            _column(column, entry.name, seen, pictures)
            column[0].set_title(f"{entry.name}\n{_explained(seen) if entry.class_specific else 'same for every class'}")
    return figure


def _column(column: np.ndarray, name: str, seen: Trace, pictures: Sequence[Image.Image]) -> None:
    maps = ATTRIBUTIONS[name](seen).cpu()
    scale = plots.shared_scale([maps.numpy()])
    silent = without_evidence(maps).tolist()
    for ax, patch_map, picture, empty in zip(column, maps, pictures, silent, strict=True):
        if empty:
            plots.no_evidence(np.asarray(picture), "constant map", ax)
        else:
            photograph.over(np.asarray(picture), upsample(patch_map, picture, seen.model), ax, scale)
    bar = plots.color_bar(list(column), scale, "", location="bottom")
    bar.set_ticks([scale.low, scale.high], labels=[f"{end:.2g}" for end in (scale.low, scale.high)])


def _predictions(seen: Trace) -> list[str]:
    probability, predicted = seen.logits.double().softmax(dim=-1).max(dim=-1)
    pairs = zip(predicted.tolist(), probability.tolist(), strict=True)
    return [f"{seen.model.class_name(index)} {share:.2f}" for index, share in pairs]


def _explained(seen: Trace) -> str:
    """What the maps explain, of one image by name."""
    if seen.target is None:
        return f"explains {seen.objective!r}"
    names = {seen.model.class_name(index) for index in seen.target.tolist()}
    return f"explains {names.pop()}" if len(names) == 1 else "explains the class of each image"
