"""What a mechanism costs in training."""

from matplotlib.ticker import MaxNLocator

from interpret.figures import FIGURES, Pages, _layout
from interpret.figures.drawing import curves, plots
from interpret.study.study import Study


@FIGURES.register(
    title="Time of an epoch",
    section="training",
    caption="Seconds that each epoch of training took, validation left out, and the fastest epoch, the one least "
    "disturbed by other work, with its overhead over the plain softmax's, the first model's where there is none. "
    "Comparable only on one kind of machine.",
    applies=lambda study: "seconds" in study.tables["history"],
)
def epoch_time(study: Study) -> Pages:
    """Seconds against the epoch; the fastest epoch of each model against the baseline's, in percent."""
    figure, axes = _layout.panels(1, 2, _layout.WIDTH, 2.8)
    table = study.tables["history"]
    fastest = [_layout.of_model(table, model)["seconds"].min() for model in study.models]
    palette = plots.colors(len(study.models))
    for index, (model, color) in enumerate(zip(study.models, palette, strict=True)):
        rows = _layout.of_model(table, model)
        curves.line(rows["epoch"], rows["seconds"], index, color, ax=axes[0, 0])
    plain = [index for index, model in enumerate(study.models) if model.get("mechanism") == "softmax"]
    baseline = plain[0] if plain else 0
    bars = axes[0, 1].bar(range(len(fastest)), fastest, color=palette)
    axes[0, 1].bar_label(bars, [f"{100 * (seconds / fastest[baseline] - 1):+.0f} %" for seconds in fastest], fontsize=7)
    axes[0, 0].set(xlabel="epoch", ylabel="training time (s)", ylim=(0, None))
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[0, 1].set(ylabel="fastest epoch (s)", xticks=range(len(fastest)))
    axes[0, 1].set_xticklabels([_layout.short(model["name"], 14) for model in study.models], rotation=20, ha="right")
    axes[0, 1].grid(False, axis="x")
    _layout.model_legend(study, figure)
    figure.suptitle(f"Time of an epoch, and its overhead over {_layout.short(study.models[baseline]['name'])}")
    return {"": figure}
