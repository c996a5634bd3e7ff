"""The panels of the explorer as pictures, which stand where no script runs."""

from typing import Any

from PIL import Image

from interpret.explorer import embedding
from interpret.explorer.screen import Panel, Row
from interpret.explorer.study_screens import StudyScreens
from interpret.figures.drawing import overlay, plots
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
    return {"name": row.title, "src": _small(picture), "panels": panels}


def _drawn(picture: plots.Picture, row: Row, panel: Panel, covered: plots.Shares) -> plots.Picture:
    levels = row.scale.levels(panel.shares)
    return overlay.overlay_pixels(picture, levels, row.scale.colours, covered)


def _small(pixels: plots.Picture) -> str:
    image = Image.fromarray(pixels)
    scale = SIDE / min(image.size)
    return embedding.photograph(image.resize([round(side * scale) for side in image.size]), quality=60)
