"""The arms of an experiment while they learned: what the trainer draws of several seeds."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from interpret.figures import _layout
from interpret.figures.drawing import plots

PANELS = {"train_loss": "nats", "validation_loss": "nats", "train_accuracy": "share", "validation_accuracy": "share"}


def draw(arms: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """Loss and accuracy of each arm against the epoch: the mean of its seeds, and the band from lowest to highest.

    Training figures are means while the epoch ran, on augmented images; validation figures were taken after it, and
    chose the epoch that was kept.

    Args:
        arms: the rule of each arm -> its histories, one a seed, with one row an epoch.
    """
    with plots.style():
        figure, axes = _layout.panels(2, 2, _layout.WIDTH, 5.0, sharex=True)
        for ax, (quantity, unit) in zip(axes.T.flat, PANELS.items(), strict=True):
            for index, (runs, color) in enumerate(zip(arms.values(), plots.colors(len(arms)), strict=True)):
                _layout.draw_by_epoch(pd.concat(runs), quantity, ax, index, color)
            ax.set(title=quantity.replace("_", " "), ylabel=unit)
        for ax in axes[1]:
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        names = [f"{rule} ({len(runs)} seeds)" for rule, runs in arms.items()]
        figure.legend(axes[0, 0].lines, names, loc="outside lower center", ncols=2)
        figure.suptitle("Training curves: mean of the seeds, lowest to highest")
    return figure
