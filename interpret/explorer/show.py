"""show(): a picture at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS, Attribution, without_evidence
from interpret.data import as_pictures, as_rgb
from interpret.figures import _layout, _names
from interpret.figures.drawing import overlay, plots
from interpret.figures.drawing.octaves import OPACITY, Octaves, Shares, scales, uniform_share
from interpret.foundation.errors import InterpretError
from interpret.foundation.registry import as_names
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import as_targets
from interpret.models.pixels import as_picture
from interpret.models.trace import Trace, stages_needed
from interpret.models.upsampling import upsample
from interpret.study.predictions import predicted

PANEL, BAR, TEXT = 2.4, 0.6, 0.3
"""Width of a panel, of a colour bar with its numbers, and height of the text under a picture; inches."""
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
    scale: Any = "image",
    cmap: Any = None,
    alpha: Any = OPACITY,
    smooth: bool = True,
    bare: bool = False,
) -> plots.Figure:
    """Maps on the original photographs: a row an image, a column an attribution.

    The photograph keeps its colours. Over it lies the map in multiples of the uniform share (1x: what every patch would
    have if all counted alike), in octaves: opacity and colour follow log2 of it, and nothing is painted at or below 1x.
    Under each photograph stands what the model predicts, over each map what it explains, under it the sum of its raw
    magnitudes. What the model does not see, outside the centred crop or beyond the last patch, stays as it is. A map
    that shows nothing is stamped.

    Args:
        source: a model as `interpret.load` gives it, or a trace.
        images: one photograph or several: PIL, paths or arrays; or floats as the model wants them. Those of a trace may
            be left out: what the model saw is then shown.
        attributions: registered names, one or several.
        target: what is explained, as of `trace`; a trace has its own.
        targets: several of these, a column each.
        scale: which panels share one: those of an "image" (a row), each column by itself ("model"), or "all"; or its
            two ends, times the uniform share.
        cmap: a colour map of matplotlib; "magma", and "RdBu_r" for maps with negative values, where None.
        alpha: opacity of the strongest values, in [0, 1].
        smooth: False shows the patches as squares.
        bare: whether each map stands alone, too, right of its overlay, dark where it is uniform or less.

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
        <Figure size 780x249.645 with 4 Axes>
    """
    entries = [ATTRIBUTIONS[name] for name in as_names(attributions)]
    if not entries:
        raise InterpretError(f"no attribution is named; available: {', '.join(ATTRIBUTIONS)}")
    looks = [_traced(source, images, entries, each) for each in as_targets(targets, target)]
    trace, pictures = looks[0]
    pictures = [as_rgb(picture, trace.model.spec.range) for picture in pictures]
    columns = [Column(entry, look) for entry in entries for look, _ in (looks if entry.class_specific else looks[:1])]
    shares = list(zip(*(column.shares for column in columns), strict=True))
    drawn = scales(shares, [column.entry.signed for column in columns], scale, cmap, alpha)
    with plots.style():
        bars, beside = 0 if scale == "model" else len(set(drawn[0])), 2 if bare else 1
        figure, axes = _panels(pictures, 1 + len(columns) * beside, bars)
        for ax, picture, caption in zip(axes[:, 0], pictures, _predictions(trace), strict=True):
            plots.picture(np.asarray(picture), ax=ax).set_xlabel(caption)
        panels = axes[:, 1:].reshape(len(pictures), len(columns), beside)
        for index, column in enumerate(columns):
            column.draw(panels[:, index], pictures, [row[index] for row in drawn], smooth)
        overlay.bars(panels, drawn, scale)
    return figure


def _panels(pictures: Sequence[Image.Image], columns: int, bars: int) -> tuple[plots.Figure, np.ndarray]:
    """A row for each picture, as high as it is, with room for bars at its right."""
    heights = [PANEL * _aspect(picture.height / picture.width) for picture in pictures]
    whole = sum(heights) + TEXT * (len(pictures) + 2)
    return _layout.panels(len(pictures), columns, PANEL * columns + BAR * bars, whole, height_ratios=heights)


def _aspect(ratio: float) -> float:
    """Height by width of a row; a strip in which nothing is to be seen gets a low one."""
    least, most = ASPECTS
    return max(least, min(ratio, most * most / ratio))


@dataclass(frozen=True, eq=False)
class Column:
    """An attribution of all images that a trace is of."""

    entry: Attribution
    trace: Trace

    @cached_property
    def maps(self) -> Tensor:
        """Raw maps, on the CPU."""
        return self.entry(self.trace).cpu()

    @cached_property
    def shares(self) -> Shares:
        """The maps, times the uniform share."""
        return uniform_share(self.maps.numpy())

    @property
    def title(self) -> str:
        """The attribution and what it explains."""
        return f"{self.entry.name}\n{_explained(self.trace) if self.entry.class_specific else 'same for every class'}"

    def draw(self, axes: np.ndarray, pictures: Sequence[Image.Image], scales: Sequence[Octaves], smooth: bool) -> None:
        """A picture a row of `axes`, and the bare map beside it where a row has room for two."""
        axes[0, 0].set_title(self.title)
        silent = without_evidence(self.maps).tolist()
        totals = self.maps.abs().sum(dim=(-2, -1)).tolist()
        for row, image in enumerate(map(np.asarray, pictures)):
            over, *alone = axes[row]
            if silent[row]:
                why = "undefined" if not math.isfinite(totals[row]) else "constant" if totals[row] else "zero"
                for ax in (over, *alone):
                    plots.no_evidence(image, f"{why} map", ax)
                continue
            levels = scales[row].levels(self.shares[row])
            placed = upsample(levels.astype(float), pictures[row], self.trace.model, smooth=smooth)
            overlay.on_photograph(image, placed, scales[row], over).set_xlabel(f"raw total {totals[row]:.3g}")
            for ax in alone:
                overlay.bare(self.shares[row], scales[row], smooth=smooth, ax=ax)


def _traced(source: Any, images: Any, entries: Sequence[Attribution], target: Any) -> tuple[Trace, list[Image.Image]]:
    """The trace, and the photograph of each of its images."""
    if isinstance(source, LoadedModel) and _are_floats(images):
        trace = tracing.trace(source, images, target, keep=stages_needed(entries))
        return trace, _photographs(trace, None)
    if isinstance(source, LoadedModel) and images is not None:
        pictures = as_pictures(images)
        return tracing.trace(source, pictures, target, keep=stages_needed(entries)), pictures
    if isinstance(images, LoadedModel | Trace):
        raise InterpretError(
            "show takes the model first and then the photographs, show(model, images); got a "
            f"{type(source).__name__} and a {type(images).__name__}"
        )
    if not isinstance(source, Trace):
        raise InterpretError(
            f"show takes what interpret.load gives and photographs, or a trace; got a {type(source).__name__}"
            f"{' alone' if isinstance(source, LoadedModel) else '; load it first'}"
        )
    if target is not None:
        raise InterpretError("the target belongs to the trace: trace(model, images, target), then show(trace)")
    return source, _photographs(source, images)


def _are_floats(images: Any) -> bool:
    """Whether they are what a model takes, not pictures."""
    return isinstance(images[0] if isinstance(images, list | tuple) and images else images, Tensor)


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


def _predictions(trace: Trace) -> list[str]:
    answers = predicted(trace.model, trace.logits)
    return [replace(answer, name=_names.short(answer.name, LONGEST)).worded() for answer in answers]


def _explained(trace: Trace) -> str:
    """What the maps explain, of one image by name."""
    if trace.target is None:
        return f"explains {trace.objective!r}"
    names = {trace.model.class_name(index) for index in trace.target.tolist()}
    return f"explains {_names.short(names.pop(), LONGEST)}" if len(names) == 1 else "explains the class of each image"
