"""What losing the weakest directions of sigma costs: SVDA models run again at each retained energy."""

from matplotlib.axes import Axes

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import plots
from interpret.study.study import Study

SHOWN = {
    "accuracy": "accuracy (share)",
    "agreement": "same prediction as loaded (share)",
    "removed": "directions removed (share)",
}


@FIGURES.register(
    title="Spectral energy retention",
    caption="Each SVDA model run again with only the score directions that hold the share rho of every head's spectral "
    "energy, the sum of sigma squared. Bands are 95 % intervals over images. The definition is this toolkit's, made "
    "from the abstract of the retention paper.",
    applies=lambda study: len(study.tables["rho_sweep"]) > 0,
)
def rho_sweep(study: Study) -> Pages:
    """Accuracy (where labels are known), agreement and the share of directions removed against rho, weakest left."""
    table = _layout.whole(study.tables["rho_sweep"])
    shown = [name for name in SHOWN if name in {"removed", *table["quantity"]}]
    figure, axes = _layout.panels(1, len(shown), _layout.WIDTH, 3.0)
    for ax, name in zip(axes[0], shown, strict=True):
        _draw(study, name, ax)
        ax.set(xlabel="rho, share of energy kept", ylabel=SHOWN[name], ylim=(-0.02, 1.05))
        ax.invert_xaxis()
    starred = _layout.draw_free(study, "rho", axes[0][0]) if shown[0] == "accuracy" else []
    _layout.model_legend(study, figure, starred, set(table["model"]))
    figure.suptitle(f"Spectral energy retention over {int(table['n'].max())} images")
    return {"": figure}


def _draw(study: Study, name: str, ax: Axes) -> None:
    table = _layout.whole(study.tables["rho_sweep"])
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        mine = _layout.of_model(table, model)
        if mine.empty:
            continue
        if name == "removed":
            once = mine.drop_duplicates("rho").sort_values("rho")
            plots.line(once["rho"], once["removed"], ax, index, color)
        else:
            _layout.draw_curve(_layout.curve(mine, name), "rho", ax, index, color)
