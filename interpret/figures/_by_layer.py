"""What figures by layer share: a panel for each quantity that moved."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interpret.figures import _layout, _still
from interpret.figures.drawing import curves
from interpret.indicators import SPECTRA
from interpret.study.study import Study

Panels = Mapping[str, tuple[str, str]]
"""What a panel is called -> its indicator and its kind of spectrum."""
BESIDE = 3
"""So many panels stand beside each other at most."""


def spectra(study: Study, indicator: str) -> Panels:
    """A panel for each kind of spectrum that an indicator was measured on."""
    return {spectrum(kind): (indicator, kind) for kind in _layout.kinds(study, indicator)}


def spectrum(kind: str) -> str:
    """A kind of spectrum in words; a file may have recorded one that is not here."""
    return SPECTRA[kind].label if kind in SPECTRA else kind


def moved(study: Study, panels: Panels) -> Panels:
    """The panels whose quantity moved."""
    return {name: panels[name] for name, each in _values(study, panels).items() if _still.moved(*each)}


def note(study: Study, panels: Panels) -> str:
    """What the caption says of the panels that are left out."""
    values = {name.partition("\n")[0]: each for name, each in _values(study, panels).items()}
    return _still.told({name: each for name, each in values.items() if np.size(each[1])})


def page(study: Study, panels: Panels, title: str) -> tuple[Figure, list[Axes]]:
    """The panels, heads as dots and their mean as a line, and their axes."""
    rows = math.ceil(len(panels) / BESIDE)
    columns = math.ceil(len(panels) / rows)
    width = min(_layout.WIDTH, 3.4 * columns + 0.4)
    figure, axes = _layout.panels(rows, columns, width, 2.0 * rows + 0.9)
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    drawn = list(axes.flat[: len(panels)])
    for ax, (name, (indicator, kind)) in zip(drawn, panels.items(), strict=True):
        _layout.draw_by_layer(study, indicator, kind, ax)
        ax.set(title=name, ylabel=_layout.unit(study, indicator) or "count")
    _layout.titled(study, figure, f"{title}, mean over {len(study.image_ids)} images", curves.heads())
    return figure, drawn


def _values(study: Study, panels: Panels) -> _still.Quantities:
    """The means over the images of all heads of all models."""
    return {
        name: (pair[0], pd.concat(_layout.per_head(study, *pair))["value"].to_numpy()) for name, pair in panels.items()
    }
