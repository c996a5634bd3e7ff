"""What the readout token attends to after selection, head by head."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from interpret.figures import FIGURES, Pages, _layout, _names
from interpret.figures.drawing import bars, plots
from interpret.study.study import Study

TALLEST = 9.0
"""Height of a page in inches: what a paper leaves beside a caption."""


@FIGURES.register(
    title="Attention weights of the readout row, by layer and head",
    section="appendix",
    caption="Post-threshold attention of the token that the classifier reads, over the patches of the first image. "
    "Grey-blue patches are exactly zero: selection has cut them. All pages share one scale.",
    applies=lambda study: len(study.image_ids) > 0,
)
def attention_heatmaps(study: Study) -> Pages:
    """A page for each model: rows are layers, columns heads, for the first image."""
    return dict(_pages(study))


def _pages(study: Study) -> Iterator[tuple[str, Figure]]:
    shown = [study.heatmap(index)[0] for index in range(len(study.models))]
    scale = plots.shared_scale(shown)
    for model, weights in zip(study.models, shown, strict=True):
        if not np.isnan(weights).all():
            yield model["name"], _page(study, model, weights, scale)


def _page(study: Study, model: dict, weights: np.ndarray, scale: plots.Scale) -> Figure:
    figure, axes = _axes(weights.shape)
    _fill(axes, study.images[0], weights, scale)
    shared = ", one scale for all models" if len(study.models) > 1 else ""
    bars.color_bar(list(axes.flat), scale, f"attention weight{shared}", location="bottom")
    if (weights == 0).any():
        label = f"exactly 0 ({np.mean(weights == 0):.0%} of the weights shown)"
        figure.legend(handles=[Patch(facecolor=plots.CUT, label=label)], loc="outside lower center")
    image = _names.short(PurePosixPath(study.image_ids[0]).name)
    figure.suptitle(
        f"{_names.wrapped(_layout.entry(model), int(_layout.LETTERS * figure.get_figwidth()))}\nreadout row of {image}"
    )
    return figure


def _axes(shape: tuple[int, ...]) -> tuple[Figure, np.ndarray]:
    """Layers by heads, after a column for the input; as large as a page of a paper allows."""
    layers, heads, rows, columns = shape
    tall = rows / columns * layers / (heads + 1)
    width = min(_layout.WIDTH, 1.1 * (heads + 1) + 0.4, (TALLEST - 1.5) / tall + 0.6)
    return _layout.panels(layers, heads + 1, width, (width - 0.6) * tall + 1.5)


def _fill(axes: np.ndarray, image: np.ndarray, weights: np.ndarray, scale: plots.Scale) -> None:
    for layer, row in enumerate(axes):
        row[0].set_axis_off()
        row[1].set_ylabel(f"layer {layer}")
        for head, ax in enumerate(row[1:]):
            plots.patch_heatmap(weights[layer, head], scale, ax=ax)
    for head, ax in enumerate(axes[0, 1:]):
        ax.set_title(f"head {head}")
    plots.picture(plots.enlarge(image), ax=axes[0, 0]).set_title("input")
