"""The six indicators that are named by SVDA, against the epoch and against the layer."""

import math

from matplotlib.axes import Axes

from interpret.figures import FIGURES, Pages, _layout, _tracked
from interpret.figures.drawing import curves
from interpret.study.study import Study

PANELS = (
    ("spectral_entropy", "sigma"),
    ("effective_rank", "sigma"),
    ("spectral_sparsity", "sigma"),
    ("angular_alignment", ""),
    ("selectivity_index", ""),
    ("perturbation_robustness", ""),
)
BESIDE = 3
"""Indicators beside each other."""


@FIGURES.register(
    title="The six SVDA indicators",
    section="spectra",
    caption="After figures 3 and 4 of arXiv 2602.10994, from what the checkpoints recorded on validation images. Of "
    "each indicator the upper panel is against the epoch (mean and range of all heads), the lower one against the "
    "layer after the last epoch. Those of sigma exist only where a sigma is learned. Definitions of this toolkit, not "
    "verified against the paper.",
    applies=lambda study: (
        all(len(_tracked.rows(study, pair)) for pair in PANELS) and bool(_tracked.moved(study, PANELS))
    ),
    note=lambda study: _tracked.note(study, PANELS),
)
def svda_indicators(study: Study) -> Pages:
    """Two panels for each indicator that moved."""
    moved = _tracked.moved(study, PANELS)
    columns = min(len(moved), BESIDE)
    bands = math.ceil(len(moved) / columns)
    figure, axes = _layout.panels(2 * bands, columns, _layout.WIDTH, 3.5 * bands + 0.6)
    pairs = axes.reshape(bands, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for pair, (upper, lower) in zip(moved, pairs, strict=False):
        _draw(study, pair, upper, lower)
    for ax in pairs[len(moved) :].flat:
        ax.remove()
    _layout.titled(study, figure, "The six SVDA indicators while the models learned", curves.heads())
    return {"": figure}


def _draw(study: Study, pair: _tracked.Pair, upper: Axes, lower: Axes) -> None:
    for index in range(len(study.models)):
        _tracked.by_epoch(study, pair, index, upper)
    _tracked.by_layer(study, pair, lower)
    for ax in (upper, lower):
        curves.calm(ax).set_ylabel(_tracked.label_and_unit(pair)[1])
    upper.set_title(_tracked.named(pair, "\n"))
