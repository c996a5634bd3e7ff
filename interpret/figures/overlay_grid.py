"""The same images under every model, one page for each attribution."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interpret.attributions import ATTRIBUTIONS
from interpret.figures import FIGURES, Pages, _layout, _names
from interpret.figures.drawing import overlay, plots
from interpret.figures.drawing.octaves import Octaves, Shares, scales, uniform_share
from interpret.study.predictions import of_row
from interpret.study.study import Study

ROWS = 8
"""Images on one page."""
BAR = 0.6
"""Width of a colour bar with its numbers, inches."""


@FIGURES.register(
    title="Where the evidence lies",
    section="overlays",
    caption="One image a row, one model a column. The row's label names the class explained: the image's label, or, "
    "where that is unknown, the first model's prediction. Colour and opacity follow, in octaves, how many times its "
    "uniform share a patch has (1x: as if all counted alike; at or below it nothing is painted); models of an image "
    "share the scale printed beside it. Under a panel stand what the model predicts (red where that is not the label) "
    "and the sum of the map's raw magnitudes. A red stamp marks a map that shows nothing.",
    applies=lambda study: bool(study.settings["attributions"]),
)
def overlay_grid(study: Study) -> Pages:
    """Overlays of each attribution: rows are images, columns the input and the models."""
    return dict(_pages(study))


def _pages(study: Study) -> Iterator[tuple[str, Figure]]:
    count = len(study.image_ids)
    for attribution in study.settings["attributions"]:
        for start in range(0, count, ROWS):
            suffix = attribution if count <= ROWS else f"{attribution}_{start // ROWS + 1}"
            yield suffix, _page(study, attribution, range(start, min(start + ROWS, count)))


def _page(study: Study, attribution: str, images: range) -> Figure:
    models = range(len(study.models))
    width = min(_layout.WIDTH, 1.75 * (1 + len(models)) + BAR)
    height, breadth = study.images.shape[1:3]
    panel = (width - BAR) / (1 + len(models)) * height / breadth + 0.35
    figure, axes = _layout.panels(len(images), 1 + len(models), width, panel * len(images) + 0.6)
    shares = [[uniform_share(study.map(index, attribution)[image]) for index in models] for image in images]
    drawn = scales(shares, [ATTRIBUTIONS[attribution].signed] * len(models))
    for row, image, shown, scale in zip(axes, images, shares, drawn, strict=True):
        _input(study, image, row[0])
        for index, ax in enumerate(row[1:]):
            _panel(study, index, attribution, image, shown[index], scale[index], ax)
    titles = [_layout.title(model, len(study.models)) for model in study.models]
    for ax, text in zip(axes[0], ["input", *titles], strict=True):
        ax.set_title(text)
    overlay.bars(axes, drawn, "image")
    figure.suptitle(f"{attribution}: the same images under every model")
    return figure


def _input(study: Study, image: int, ax: Axes) -> None:
    plots.picture(plots.enlarge(study.images[image]), ax=ax)
    if study.masks is not None:
        plots.outline(study.masks[image], ax)
    rows = _predictions(study, image)
    targets = " / ".join(filter(None, rows["target"].unique()))
    what = "explained: " if targets and not bool(rows["label"].astype(bool).any()) else ""
    name = _names.short(PurePosixPath(study.image_ids[image]).name)
    ax.set_ylabel(f"{name}\n{what}{_names.short(targets)}")


def _panel(study: Study, index: int, attribution: str, image: int, shares: Shares, scale: Octaves, ax: Axes) -> None:
    why = study.silent(index, attribution).get(study.image_ids[image])
    row = _predictions(study, image).iloc[index]
    under = [of_row(row.to_dict(), _names.short(row["predicted"])).worded()]
    if why:
        plots.no_evidence(study.images[image], why, ax=ax)
    else:
        overlay.overlay(study.images[image], shares, scale, study.models[index]["covered"], ax=ax)
        under.append(f"raw total {np.abs(study.map(index, attribution)[image]).sum():.3g}")
    ax.set_xlabel("\n".join(filter(None, under)), color=_verdict(row["correct"]))


def _predictions(study: Study, image: int) -> pd.DataFrame:
    table = study.tables["predictions"]
    names = [model["name"] for model in study.models]
    return table.loc[table["image"] == study.image_ids[image]].set_index("model").loc[names].reset_index()


def _verdict(correct: object) -> str:
    return plots.STAMP if correct is False or correct == 0 else "black"
