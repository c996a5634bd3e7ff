"""What the explorer shows under one state of its controls, as numbers: page and notebook draw the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from interpret.explorer import embedding
from interpret.figures.drawing.octaves import OPACITY, Octaves, octaves, uniform_share
from interpret.figures.drawing.overlay import UNIT
from interpret.figures.drawing.style import NONNEGATIVE, SIGNED

Shown = Float[np.ndarray, "_row _col"] | str
"""A raw map, or the reason why there is none."""

Weights = Float[np.ndarray, "_layer _head _row _col"]

NO_EVIDENCE = "NO EVIDENCE: "
PLAIN = [NONNEGATIVE, "viridis", "cividis"]
"""Colour maps to choose from; signed maps have one of their own."""


@dataclass(frozen=True)
class Panel:
    """One model's map with what is written under it.

    Attributes:
        wrong: whether the prediction is not the label.
        box: (row, col) of a patch to be marked, on the model's own grid.
    """

    shown: Shown
    lines: tuple[str, ...] = ()
    wrong: bool = False
    box: tuple[int, int] | None = None

    @property
    def shares(self) -> np.ndarray:
        """The map, times the uniform share; nothing where there is none."""
        return np.zeros((0, 0)) if isinstance(self.shown, str) else uniform_share(self.shown)


@dataclass(frozen=True)
class Row:
    """An image under all models, on one scale.

    Attributes:
        image: index of it.
    """

    image: int
    title: str
    scale: Octaves
    panels: tuple[Panel, ...]

    def of(self, models: Sequence[int]) -> "Row":
        """The same row under these models alone."""
        return replace(self, panels=tuple(self.panels[index] for index in models))


@dataclass(frozen=True)
class Grid:
    """All heads of all models at once, on one scale: maps[model][layer][head], the mean over heads before head 0."""

    image: int
    title: str
    scale: Octaves
    maps: tuple[list[list[Shown]], ...]


@dataclass(frozen=True)
class Screen:
    """Everything that one state of the controls shows.

    Attributes:
        caption: the state in one line.
        claim: what was done to the models.
        notes: about each model.
    """

    caption: str
    claim: str
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    grids: tuple[Grid, ...] = ()


def silent(values: Float[np.ndarray, "row col"]) -> str:
    """Why a map shows nothing, "" where it shows something."""
    if not np.isfinite(values).all():
        return "undefined map"
    return "" if np.ptp(values) else "constant map" if values.any() else "zero map"


def speaking(values: Float[np.ndarray, "row col"]) -> Shown:
    """The map, or why it shows nothing."""
    why = silent(values)
    return f"{NO_EVIDENCE}{why}" if why else values


def scale_of(loaded: Iterable[Shown], now: Iterable[Shown], signed: bool = False) -> Octaves:
    """The scale of the models as loaded; its peak is the largest share that is shown now."""
    kept = octaves([Panel(each).shares for each in loaded], signed)
    peak = octaves([Panel(each).shares for each in now], signed).peak
    return replace(kept, peak=peak)


def raw_total(shown: Shown) -> tuple[str, ...]:
    """The sum of the raw magnitudes, as a line under a panel."""
    return () if isinstance(shown, str) else (f"raw total {np.abs(shown).sum():.3g}",)


def grid_of(image: int, title: str, loaded: Sequence[Weights], now: Sequence[Weights]) -> Grid:
    """All heads of each model as a grid, on the scale of the models as loaded."""
    maps = tuple(map(_tiles, now))
    return Grid(image, title, scale_of(_flat(map(_tiles, loaded)), _flat(maps)), maps)


def _tiles(weights: Weights) -> list[list[Shown]]:
    means = np.concatenate([weights.mean(axis=1, keepdims=True), weights], axis=1)
    return [[speaking(values) for values in heads] for heads in means]


def _flat(maps: Iterable[list[list[Shown]]]) -> list[Shown]:
    return [tile for layers in maps for heads in layers for tile in heads]


@dataclass
class Levels:
    """Maps as steps 0 to 255, one after the other; the same map is kept once."""

    places: dict[bytes, int] = field(default_factory=dict)
    size: int = 0

    def place(self, levels: UInt8[np.ndarray, "row col"]) -> int:
        """Where the map begins."""
        data = levels.tobytes()
        if data not in self.places:
            self.places[data] = self.size
            self.size += len(data)
        return self.places[data]

    @property
    def joined(self) -> bytes:
        """All of them."""
        return b"".join(self.places)


def packed(screen: Screen, levels: Levels) -> dict[str, Any]:
    """The screen for the script, JSON-able; its maps go into `levels`."""
    return {
        "caption": screen.caption,
        "claim": screen.claim,
        "notes": screen.notes,
        "rows": [_row(row, levels) for row in screen.rows],
        "grids": [packed_grid(grid, levels) for grid in screen.grids],
    }


def _row(row: Row, levels: Levels) -> dict[str, Any]:
    panels = [
        _map(panel.shown, row.scale, levels) | {"lines": panel.lines, "wrong": panel.wrong, "box": panel.box}
        for panel in row.panels
    ]
    return {"image": row.image, "title": row.title, "bar": packed_bar(row.scale), "panels": panels}


def packed_grid(grid: Grid, levels: Levels) -> dict[str, Any]:
    """Likewise, all heads."""
    maps = [[[_map(each, grid.scale, levels) for each in heads] for heads in layers] for layers in grid.maps]
    return {"image": grid.image, "title": grid.title, "bar": packed_bar(grid.scale), "maps": maps}


def _map(shown: Shown, scale: Octaves, levels: Levels) -> dict[str, Any]:
    if isinstance(shown, str):
        return {"why": shown}
    return {"at": levels.place(scale.levels(uniform_share(shown)))}


def packed_bar(scale: Octaves) -> dict[str, Any]:
    """What is written at a scale: ticks and their places, and how far the shares go beyond."""
    beyond = f"up to {scale.peak:.2g}x" if scale.exceeded else ""
    return {"ticks": scale.ticks, "beyond": beyond, "signed": scale.signed}


def colours() -> dict[str, str]:
    """Red, green, blue and opacity of each level, in every colour map that can be chosen."""
    tables = {name: octaves([], cmap=name).colours for name in PLAIN}
    tables |= {SIGNED: octaves([], signed=True).colours}
    return {name: embedding.deflated(table) for name, table in tables.items()}


def menu(models: Sequence[dict[str, Any]], images: Sequence[dict[str, str]], controls: Sequence[dict]) -> dict:
    """What the script knows before anything is chosen: models, images, controls and colours."""
    known = {"models": models, "images": images, "controls": controls, "colours": colours()}
    return known | {"plain": PLAIN, "signed": SIGNED, "opacity": OPACITY, "unit": UNIT}


def control(name: str, label: str, kind: str, options: Sequence[tuple[str, Any]], about: str = "") -> dict[str, Any]:
    """A control of the kind "select", "range" or "several"; options are (text, value)."""
    return {"name": name, "label": label, "kind": kind, "options": options, "about": about}
