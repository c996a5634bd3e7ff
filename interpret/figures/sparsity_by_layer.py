"""How much of the attention selection removes, layer by layer."""

from interpret.figures import FIGURES, Pages, _by_layer
from interpret.study.study import Study

PANELS = {
    "sparsity\nweights that are zero": ("sparsity", ""),
    "retained mass\nprobability kept": ("retained_mass", ""),
    "dead rows\nqueries that keep nothing": ("dead_rows", ""),
}


@FIGURES.register(
    title="What selection removes, by layer",
    section="cutting",
    caption="Share of weights that are zero, share of the probability that survives, and queries all of whose weights "
    "are zero: dots are heads, the line is their mean.",
    applies=lambda study: bool(_by_layer.moved(study, PANELS)),
    note=lambda study: _by_layer.note(study, PANELS),
)
def sparsity_by_layer(study: Study) -> Pages:
    """One panel for each of sparsity, retained mass and dead rows, as far as they moved."""
    figure, axes = _by_layer.page(study, _by_layer.moved(study, PANELS), "What selection removes")
    for ax in axes:
        ax.set_ylim(0, 1)
    return {"": figure}
