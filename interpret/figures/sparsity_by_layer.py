"""How much of the attention selection removes, layer by layer."""

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import curves
from interpret.study.study import Study

SHOWN = {
    "sparsity": "weights that are zero",
    "retained_mass": "probability kept",
    "dead_rows": "queries that keep nothing",
}


@FIGURES.register(
    title="What selection removes, by layer",
    section="cutting",
    caption="Share of weights that are zero, share of the probability that survives, and queries all of whose weights "
    "are zero: dots are heads, the line is their mean.",
    applies=_layout.varies(*SHOWN),
)
def sparsity_by_layer(study: Study) -> Pages:
    """One panel for each of sparsity, retained mass and dead rows, as far as they were measured and differ."""
    measured = [name for name in SHOWN if _layout.varies(name)(study)]
    figure, axes = _layout.panels(1, len(measured), _layout.WIDTH, 2.8)
    _layout.draw_by_layer(study, [(ax, name, "") for ax, name in zip(axes[0], measured, strict=True)])
    for ax, name in zip(axes[0], measured, strict=True):
        title = f"{name.replace('_', ' ')}\n{SHOWN[name]}"
        ax.set(title=title, ylabel=_layout.unit(study, name), ylim=(-0.04, 1.04))
    _layout.model_legend(study, figure, [curves.head_dot()])
    figure.suptitle(f"What selection removes, mean over {len(study.image_ids)} images")
    return {"": figure}
