"""How attention changed while the models learned."""

from matplotlib.figure import Figure

from interpret.figures import FIGURES, Pages, _layout, _tracked
from interpret.figures.drawing import curves
from interpret.study.study import Study


@FIGURES.register(
    title="Indicators while the models learned",
    section="training",
    caption="As the checkpoints recorded them on validation images: left against the epoch, the line being the mean of "
    "all heads and the band reaching from the lowest to the highest; right against the layer, after the last epoch.",
    applies=lambda study: "indicator" in study.tables["tracked"],
)
def indicators_by_epoch(study: Study) -> Pages:
    """A page for each kind of spectrum, and one for what needs none; a row is an indicator."""
    tracked = study.tables["tracked"]
    kinds = tracked["kind"].fillna("")
    return {kind: _page(study, kind, list(tracked.loc[kinds == kind, "indicator"].unique())) for kind in kinds.unique()}


def _page(study: Study, kind: str, indicators: list[str]) -> Figure:
    figure, axes = _layout.panels(len(indicators), 2, _layout.WIDTH, 1.0 + 1.6 * len(indicators))
    for row, indicator in zip(axes, indicators, strict=True):
        _tracked.draw(study, indicator, kind, *row)
    _layout.model_legend(study, figure, [curves.head_dot()])
    figure.suptitle(f"Attention{f': spectra of {kind}' if kind else ''} while the models learned")
    return figure
