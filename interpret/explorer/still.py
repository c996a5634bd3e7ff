"""A screen as a figure, where no script runs."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from interpret.explorer.screen import NO_EVIDENCE, Row, Screen
from interpret.figures import _layout, _names
from interpret.figures.drawing import overlay, plots

PANEL, BAR, TEXT = 2.0, 0.7, 0.55
"""Width of a panel, of a bar with its numbers, and height of the text of a row; inches."""


def still(
    screen: Screen, models: Sequence[dict[str, Any]], pictures: Sequence[Sequence[plots.Picture]]
) -> plots.Figure:
    """The rows of a screen.

    Args:
        models: name and share under patches of each.
        pictures: of each row the picture under every model.
    """
    width = PANEL * (1 + len(models)) + BAR
    height = sum(PANEL * each[0].shape[0] / each[0].shape[1] + TEXT for each in pictures) + TEXT
    with plots.style():
        figure, axes = _layout.panels(len(screen.rows), 1 + len(models), width, height)
        for row, under, line in zip(screen.rows, pictures, axes, strict=True):
            _draw(row, models, under, line)
        for ax, model in zip(axes[0], [{"name": "input"}, *models], strict=True):
            ax.set_title(_names.short(model["name"]))
        overlay.bars(axes, [[row.scale] * len(models) for row in screen.rows], "image")
        figure.suptitle(_names.short(screen.caption, 30 * (1 + len(models))))
    return figure


def _draw(row: Row, models: Sequence[dict[str, Any]], pictures: Sequence[plots.Picture], axes: np.ndarray) -> None:
    plots.picture(plots.enlarge(pictures[0]), ax=axes[0]).set_xlabel(_names.short(row.title, 40))
    for panel, model, picture, ax in zip(row.panels, models, pictures, axes[1:], strict=True):
        if isinstance(panel.shown, str):
            plots.no_evidence(picture, panel.shown.removeprefix(NO_EVIDENCE), ax)
        else:
            overlay.overlay(picture, panel.shares, row.scale, model["covered"], ax=ax)
        ax.set_xlabel("\n".join(_names.short(line, 40) for line in panel.lines))


def png(figure: plots.Figure) -> str:
    """The bytes of the picture, base64."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode()
