"""The screens of a study: its maps in every state that it has numbers for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from interpret.attributions import ATTRIBUTIONS, Attribution
from interpret.explorer.notes import notes
from interpret.explorer.screen import (
    NO_EVIDENCE,
    Grid,
    Panel,
    Row,
    Screen,
    Shown,
    grid_of,
    raw_total,
    scale_of,
    speaking,
)  # fmt: skip
from interpret.explorer.strengths import OWN
from interpret.figures.drawing.octaves import Octaves
from interpret.study.predictions import of_row
from interpret.study.study import Study

IMAGES = 8
"""Images in the page: three models of these are redrawn within one frame of the screen."""
WEIGHTS = 100_000
"""Attention weights by layer and head in the page, at most; where images have more, fewer images show them."""
MEAN = "mean"
READOUT, HEADS = "readout", "heads"
LOADED = "Models as loaded."
LEFT_OUT = "left out to keep this page small"


@dataclass(frozen=True)
class View:
    """One thing to look at: its name, what it is for a reader, and the controls that it follows with their values."""

    name: str
    title: str
    follows: dict[str, list[Any]]


class StudyScreens:
    """Everything that a study can show."""

    def __init__(self, study: Study) -> None:
        self.study, self.models = study, range(len(study.models))
        self.images = range(min(IMAGES, len(study.images)))

    @cached_property
    def views(self) -> list[View]:
        """In the order of the menu."""
        names = self.study.settings["attributions"] if self.images else []
        layers, heads = (max(model[side] for model in self.study.models) for side in ("layers", "heads"))
        taus = [OWN, *(f"{tau:g}" for tau in self.study.taus)]
        places = {"layer": list(range(layers)), "head": [MEAN, *range(heads)]}
        readout = View(READOUT, "attention of the readout token, last layer, mean of heads", {"tau": taus})
        by_head = View(HEADS, "attention of the readout token by layer and head", places)
        attended = [*([readout] if self.study.taus else []), by_head] if self.grids else []
        return [*attended, *(View(name, f"{name}: {ATTRIBUTIONS[name].label}", {}) for name in names)]

    @cached_property
    def grids(self) -> list[Grid]:
        """All heads of the models as loaded, of as many images as there is room for."""
        heatmaps = [self.study.heatmap(model)[:IMAGES] for model in self.models]
        if all(np.isnan(weights).all() for weights in heatmaps):
            return []
        kept = max(1, WEIGHTS // max(1, sum(weights[0].size for weights in heatmaps)))
        title = "readout row of {}, models as loaded"
        by_image = [[weights[image] for weights in heatmaps] for image in self.images[:kept]]
        return [
            grid_of(image, title.format(self.study.image_ids[image]), weights, weights)
            for image, weights in enumerate(by_image)
        ]

    def screens(self) -> dict[str, Screen]:
        """Every screen by its key: the view, then the values of the controls that it follows."""
        makers = {READOUT: self._of_readout, HEADS: self._of_heads}
        made: dict[str, Screen] = {}
        for view in self.views:
            made |= dict(makers[view.name](view)) if view.name in makers else {view.name: self._of_map(view.name)}
        return made

    @cached_property
    def _notes(self) -> dict[str, tuple[str, ...]]:
        return notes(self.study)

    @cached_property
    def _predictions(self) -> dict[tuple[str, str], dict[Any, Any]]:
        rows = self.study.tables["predictions"].to_dict("records")
        return {(row["model"], row["image"]): row for row in rows}

    def _of_readout(self, view: View) -> Iterator[tuple[str, Screen]]:
        loaded = [self.study.heatmap(model)[:, -1].mean(axis=1) for model in self.models]
        swept = [self.study.tau_map(model) for model in self.models]
        about = "Attention of the readout token in the last layer, mean of the heads."
        for step, tau in enumerate(view.follows["tau"]):
            again = tau != OWN
            now = [maps[step - 1] for maps in swept] if again else loaded
            done = f"Every model was run again with tau = {tau} inside its forward pass." if again else LOADED
            yield f"{READOUT}/{tau}", self._screen(f"{about} {done}", _shown(now), _shown(loaded), tau)

    def _of_heads(self, view: View) -> Iterator[tuple[str, Screen]]:
        for layer in view.follows["layer"]:
            for column, head in enumerate(view.follows["head"]):
                which = "mean of the heads" if head == MEAN else f"head {head}"
                about = f"Attention of the readout token, layer {layer}, {which}. {LOADED}"
                rows = tuple(self._row_of_heads(image, layer, column) for image in self.images)
                yield f"{HEADS}/{layer}/{head}", Screen(about, "", self._notes[OWN], rows)

    def _row_of_heads(self, image: int, layer: int, column: int) -> Row:
        if image >= len(self.grids):
            return self._row(image, [LEFT_OUT] * len(self.models), self.grids[0].scale)
        grid = self.grids[image]
        return self._row(image, [_tile(maps, layer, column) for maps in grid.maps], grid.scale)

    def _of_map(self, name: str) -> Screen:
        maps = _shown([self.study.map(model, name) for model in self.models])
        shown = [
            [why or each for why, each in zip(self._reasons(model, name), of_model, strict=False)]
            for model, of_model in enumerate(maps)
        ]
        entry = ATTRIBUTIONS[name]
        return self._screen(f"{_about(entry)} {LOADED}", shown, shown, OWN, entry.signed)

    def _reasons(self, model: int, name: str) -> list[str]:
        """Of each image why the map shows nothing, "" where it shows something."""
        silent = self.study.silent(model, name)
        names = [self.study.image_ids[image] for image in self.images]
        return [f"{NO_EVIDENCE}{silent[each]}" if each in silent else "" for each in names]

    def _screen(
        self,
        about: str,
        shown: Sequence[Sequence[Shown]],
        loaded: Sequence[Sequence[Shown]],
        tau: str,
        signed: bool = False,
    ) -> Screen:
        """Maps of each model and image, on the scale of the models as loaded."""
        rows = []
        for image in self.images:
            now = [of_model[image] for of_model in shown]
            scale = scale_of([of_model[image] for of_model in loaded], now, signed)
            rows.append(self._row(image, now, scale, tau))
        return Screen(about, "", self._notes[tau], tuple(rows))

    def _row(self, image: int, shown: Iterable[Shown], scale: Octaves, tau: str = OWN) -> Row:
        name, panels = self.study.image_ids[image], []
        for model, each in zip(self.study.models, shown, strict=True):
            answer = self._predictions[model["name"], name]
            said, wrong = of_row(answer).worded(), bool(answer["correct"] == 0)
            lines = [f"{'' if tau == OWN else 'as loaded: '}{said}{', wrong' * wrong}"] * bool(said)
            panels.append(Panel(each, (*lines, *raw_total(each)), wrong))
        return Row(image, name, scale, tuple(panels))


def _shown(maps: Sequence[np.ndarray]) -> list[list[Shown]]:
    """Of each model (image row col)."""
    return [[speaking(values) for values in of_model[:IMAGES]] for of_model in maps]


def _tile(maps: Sequence[Sequence[Shown]], layer: int, column: int) -> Shown:
    if layer >= len(maps):
        return f"this model has no layer {layer}"
    return maps[layer][column] if column < len(maps[layer]) else f"this model has no head {column - 1}"


def _about(entry: Attribution) -> str:
    if not entry.class_specific:
        return f"{entry.name}, which depends on no class."
    explained = "the class explained is the image's label, or, where that is unknown, the first model's prediction"
    return f"{entry.name}; {explained}."
