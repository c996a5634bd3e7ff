"""How the models were trained."""

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import curves, plots
from interpret.figures.drawing.style import Line
from interpret.study.study import Study

LINES: dict[str, Line] = {"train": ":", "validation": "-"}


@FIGURES.register(
    title="Training curves",
    section="training",
    place=1,
    caption="Loss and accuracy of each epoch as the checkpoints record them: training figures are means while the "
    "epoch ran, on augmented images, validation figures were taken after it. The validation split chose the epoch that "
    "was kept; it is not the test split.",
    applies=lambda study: len(study.tables["history"]) > 0,
)
def training_curves(study: Study) -> Pages:
    """Loss and accuracy against the epoch, training dotted and validation solid."""
    figure, axes = _layout.panels(1, 2, _layout.WIDTH, 2.8)
    for ax, (quantity, label) in zip(
        axes[0], {"loss": "loss (nats)", "accuracy": "accuracy (share)"}.items(), strict=True
    ):
        _curves(study, quantity, ax)
        curves.calm(ax).set(xlabel="epoch", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    splits = [Line2D([], [], color="0.3", linestyle=style, label=split) for split, style in LINES.items()]
    _layout.titled(study, figure, "Training curves", splits)
    return {"": figure}


def _curves(study: Study, quantity: str, ax: Axes) -> None:
    for index, (model, color) in enumerate(zip(study.models, plots.colors(len(study.models)), strict=True)):
        rows = _layout.of_model(study.tables["history"], model)
        for split, style in LINES.items():
            column = f"{split}_{quantity}"
            if column in rows:
                options = {} if split == "validation" else {"marker": ""}
                curves.line(rows["epoch"], rows[column], index, color, ax=ax, linestyle=style, **options)
