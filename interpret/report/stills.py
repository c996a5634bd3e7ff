"""The panels of the explorer as pictures, which stand where no script runs."""

from typing import Any

import numpy as np
from PIL import Image

from interpret.explorer import embedding
from interpret.explorer.screen import Panel, Row, packed_bar
from interpret.explorer.study_screens import StudyScreens
from interpret.figures.drawing import overlay, plots
from interpret.figures.drawing.octaves import Octaves
from interpret.study.study import Study

SIDE = 160
"""Of a still picture in pixels, at least; the script replaces them by larger ones."""


def stills(study: Study) -> list[dict[str, Any]]:
    """A row an image: what the page shows as it opens, name, input and panels."""
    first = next(iter(StudyScreens(study).screens().values()))
    return [_row(study, row) for row in first.rows]


def _row(study: Study, row: Row) -> dict[str, Any]:
    picture = plots.enlarge(study.images[row.image], SIDE)
    panels = [
        {
            "src": _small(picture if isinstance(panel.shown, str) else _drawn(picture, row, panel, model["covered"])),
            "why": panel.shown if isinstance(panel.shown, str) else "",
            "lines": [model["name"], *panel.lines],
            "wrong": panel.wrong,
        }
        for model, panel in zip(study.models, row.panels, strict=True)
    ]
    return {"name": row.title, "src": _small(picture), "bar": _bar(row.scale), "panels": panels}


def _bar(scale: Octaves) -> dict[str, Any]:
    """The colours of a scale on white paper, one pixel a level, and what is written at them."""
    levels = np.arange(256, dtype=np.uint8)[None]
    pixels = overlay.painted(np.full((1, 256, 3), 255, dtype=np.uint8), levels, scale.colours)
    return {"src": embedding.picture(pixels), "unit": overlay.UNIT} | packed_bar(scale)


def _drawn(picture: plots.Picture, row: Row, panel: Panel, covered: plots.Shares) -> plots.Picture:
    levels = row.scale.levels(panel.shares)
    return overlay.overlay_pixels(picture, levels, row.scale.colours, covered)


def _small(pixels: plots.Picture) -> str:
    image = Image.fromarray(pixels)
    scale = SIDE / min(image.size)
    return embedding.photograph(image.resize([round(side * scale) for side in image.size]), quality=60)
