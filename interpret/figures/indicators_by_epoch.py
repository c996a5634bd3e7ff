"""How attention changed while the models learned."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from interpret import plots
from interpret.figures import FIGURES, Pages, _layout
from interpret.indicators import INDICATORS
from interpret.study import Study


@FIGURES.register(
    title="Indicators while the models learned",
    caption="As the checkpoints recorded them on validation images: left against the epoch, the line being the mean of "
    "all heads and the band reaching from the lowest to the highest; right against the layer, after the last epoch.",
    applies=lambda study: "indicator" in study.tables["tracked"],
)
def indicators_by_epoch(study: Study) -> Pages:
    """A page for each indicator and spectrum: against the epoch, and against the layer."""
    return dict(_pages(study))


def _pages(study: Study) -> Iterator[tuple[str, Figure]]:
    tracked = study.tables["tracked"]
    for indicator, kind in tracked[["indicator", "kind"]].drop_duplicates().to_numpy().tolist():
        table = tracked[(tracked["indicator"] == indicator) & (tracked["kind"] == kind)]
        yield "_".join(filter(None, [indicator, kind])), _page(study, table, indicator, kind)


def _page(study: Study, table: pd.DataFrame, indicator: str, kind: str) -> Figure:
    figure, axes = _layout.panels(1, 2, _layout.WIDTH, 2.8)
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        mine = _layout.of_model(table, model)
        if len(mine):
            _by_epoch(mine, axes[0, 0], index, color)
            last = mine[mine["epoch"] == mine["epoch"].max()]
            plots.spread(last, axes[0, 1], index, color, shift=0.12 * (index - (len(study.models) - 1) / 2))
    entry = INDICATORS[indicator]
    for ax in axes[0]:
        plots.calm(ax).set(ylabel=f"{indicator.replace('_', ' ')} ({entry.unit or 'count'})")
    axes[0, 0].set(xlabel="epoch", title="all heads against the epoch")
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[0, 1].set_title("heads against the layer, last epoch")
    _layout.model_legend(study, figure, [plots.head_dot()])
    figure.suptitle(f"{entry.label}{f' of {kind}' if kind else ''} while the models learned")
    return figure


def _by_epoch(table: pd.DataFrame, ax: Axes, index: int, color: plots.Color) -> None:
    heads = table.groupby("epoch")["value"]
    plots.line(pd.Series(sorted(table["epoch"].unique())), heads.mean(), ax, index, color)
    plots.band(pd.Series(sorted(table["epoch"].unique())), heads.min(), heads.max(), ax, color)
