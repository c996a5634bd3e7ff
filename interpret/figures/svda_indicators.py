"""The six indicators that are named by SVDA, against the epoch and against the layer."""

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


@FIGURES.register(
    title="The six SVDA indicators",
    section="spectra",
    caption="After figures 3 and 4 of arXiv 2602.10994, from what the checkpoints recorded on validation images. First "
    "and third row against the epoch (mean and range of all heads), second and fourth against the layer after "
    "the last epoch. The first three exist only where a sigma is learned. Definitions of this toolkit, not verified "
    "against the paper.",
    applies=lambda study: all(len(_tracked.rows(study, *panel)) for panel in PANELS),
)
def svda_indicators(study: Study) -> Pages:
    """Twelve panels."""
    figure, axes = _layout.panels(4, 3, _layout.WIDTH, 7.6)
    for number, (indicator, kind) in enumerate(PANELS):
        row, column = 2 * (number // 3), number % 3
        _tracked.draw(study, indicator, kind, axes[row, column], axes[row + 1, column])
    _layout.model_legend(study, figure, [curves.head_dot()])
    figure.suptitle("The six SVDA indicators while the models learned")
    return {"": figure}
