"""What the panels of the page can show: attention at each tau, attention by layer and head, every attribution.

A view is steps of maps, one step on the screen at a time, all of one view on one colour scale: `plots.overlay_pixels`
and the page's script turn step and picture into the same pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from interpret.attributions import ATTRIBUTIONS, Attribution
from interpret.figures.drawing import plots
from interpret.study.study import Study

IMAGES = 8
"""Images in the page: three models of these are redrawn within one frame of the screen."""
WEIGHTS = 100_000
"""Attention weights by layer and head in the page, at most; where images have more, fewer images show them."""

Steps = Float[np.ndarray, "_step image _row _col"]
"""Of one model; the next may have other layers, heads and patches."""


@dataclass(frozen=True, eq=False)
class View:
    """One thing to look at, for all models.

    Attributes:
        kind: "rerun" (a step a tau, the model run again), "head" (a step a layer and head) or "map" (one step).
        name: the attribution's, else the kind.
        title, about: what it is, for a reader.
        scale: of the colours, one for all panels and steps.
        steps: raw values of each model.
        blank: of each model, (step, image) -> why there is nothing to be seen.
        cuts: of each model, how many of the study's taus lie below a value; None where tau hides nothing.
    """

    kind: str
    name: str
    title: str
    about: str
    scale: plots.Scale
    steps: list[Steps]
    blank: list[dict[tuple[int, int], str]]
    cuts: list[UInt8[np.ndarray, "_step image _row _col"]] | None = None

    @property
    def levels(self) -> list[UInt8[np.ndarray, "_step image _row _col"]]:
        """Steps 0 to 255 of the scale; undefined values stand at 0, under a blank panel."""
        return [plots.quantise(np.nan_to_num(steps), self.scale) for steps in self.steps]


def views(study: Study) -> list[View]:
    """Every view that the study has numbers for, in the order of the page's menu."""
    if not len(study.image_ids):
        return []
    return [*_rerun(study), *_head(study), *_maps(study)]


def _rerun(study: Study) -> Iterator[View]:
    if not study.taus:
        return
    steps = [study.tau_map(index)[:, :IMAGES] for index in range(len(study.models))]
    if not all(np.isnan(each).all() for each in steps):
        yield View(
            "rerun",
            "rerun",
            "What is left of the attention at each tau, models run again",
            "Attention of the readout token in the last layer, mean of the heads.",
            plots.shared_scale(steps),
            steps,
            [_empty(each) for each in steps],
        )


def _head(study: Study) -> Iterator[View]:
    heatmaps = [study.heatmap(index)[:IMAGES] for index in range(len(study.models))]
    if all(np.isnan(weights).all() for weights in heatmaps):
        return
    scale = plots.shared_scale(heatmaps)
    kept = max(1, WEIGHTS // max(1, sum(weights[0].size for weights in heatmaps)))
    steps = [_by_head(weights[:kept]) for weights in heatmaps]
    yield View(
        "head",
        "head",
        "Attention by layer and head, models as loaded",
        "Attention of the readout token after any threshold that the model itself has.",
        scale,
        steps,
        [_empty(each) for each in steps],
        [np.searchsorted(study.taus, each).astype(np.uint8) for each in steps],
    )


def _by_head(weights: Float[np.ndarray, "image layer head row col"]) -> Steps:
    """A step for each layer and head, the mean of the heads before head 0."""
    with_mean = np.concatenate([weights.mean(axis=2, keepdims=True), weights], axis=2)
    steps = np.moveaxis(with_mean, 0, 2)
    return steps.reshape(-1, *steps.shape[2:])


def _maps(study: Study) -> Iterator[View]:
    for name in study.settings["attributions"]:
        maps = [study.map(index, name) for index in range(len(study.models))]
        entry = ATTRIBUTIONS[name]
        yield View(
            "map",
            name,
            f"{name}: {entry.label}",
            _about(entry),
            plots.shared_scale(maps),
            [each[None, :IMAGES] for each in maps],
            [_silent(study, index, name) for index in range(len(study.models))],
        )


def _about(entry: Attribution) -> str:
    signs = "Signed values" if entry.signed else "Nonnegative values"
    if not entry.class_specific:
        return f"{signs} of {entry.name}, which depends on no class."
    explained = "the class explained is the image's label, or, where that is unknown, the first model's prediction"
    return f"{signs} of {entry.name}; {explained}."


def _empty(steps: Steps) -> dict[tuple[int, int], str]:
    """Steps of an image that are undefined or without any weight."""
    undefined = np.isnan(steps).any(axis=(2, 3))
    zero = (steps == 0).all(axis=(2, 3))
    blank = {(int(step), int(image)): "zero map" for step, image in np.argwhere(zero)}
    return blank | {(int(step), int(image)): "undefined map" for step, image in np.argwhere(undefined)}


def _silent(study: Study, index: int, attribution: str) -> dict[tuple[int, int], str]:
    silent = study.silent(index, attribution)
    return {(0, image): silent[name] for image, name in enumerate(study.image_ids[:IMAGES]) if name in silent}
