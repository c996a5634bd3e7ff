"""What the command does: one run into a file, or the arms of a preset under several seeds into a folder."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from interpret.data import load_data
from interpret.figures import _arms
from interpret.figures.drawing import plots
from interpret.foundation.errors import read_as
from interpret.foundation.files import write_atomically
from interpret.foundation.text import printable
from interpret.models import checkpoint, history, loading
from interpret.models.loaded_model import LoadedModel
from interpret.train.card import card
from interpret.train.comparison import compare, to_markdown
from interpret.train.early import check_free, state_file
from interpret.train.loop import saved_dtype, some, train
from interpret.train.recipe import Recipe
from interpret.train.run import Run
from interpret.train.state import Progress, check_same_recipe

PAGE = """# Comparison

{source}

```
{command}
```

{table}
The epoch of each model was chosen on validation images; accuracies are of test images. Intervals of 95 % resample
seeds, then images. p values take the trained models as given: they are about images alone, paired, and adjusted for
the number of arms (Holm). An arm is called higher or lower only where that interval and Student's interval over the
seeds both exclude zero; of one seed it is a finding about two models, not about two methods. Overhead compares the
fastest epochs.
"""

logger = logging.getLogger(__name__)


def train_one(recipe: Recipe, out: Path, command: str, source: str = "", *, resume: bool = False) -> LoadedModel:
    """Train into `out`; beside it its card (.md), the history as it grows (.history.csv) and, until done, .resume.

    Nothing that is there is ever replaced.

    Args:
        source: where the set-up is from, for the provenance.
        resume: go on after the last epoch of an interrupted run; a finished model of the same recipe is kept.

    Raises:
        InterpretError: what `train` raises, and what cannot be written: the last epoch's .resume then stays. `out` or
            its .resume is there already, and `resume` is not set or the recipe was another.
    """
    state, table = state_file(out), out.with_suffix(".history.csv")
    if out.exists() and resume:
        trained = _finished(out, recipe)
        if state.exists() or not out.with_suffix(".md").exists():
            _complete(out, trained)
        return trained
    check_free(out, resume=resume)

    def after_epoch(run: Run, progress: Progress) -> None:
        progress.save(run, state)
        write_atomically(table, partial(history.tidy(progress.history).to_csv, index=False))

    unfinished = state if resume and state.exists() else None
    trained = train(recipe, printable(out.stem), command, resume=unfinished, after_epoch=after_epoch)
    trained = replace(trained, provenance=trained.provenance | {"source": source})
    checkpoint.save(out, trained, saved_dtype(recipe))
    _complete(out, trained)
    return trained


def _complete(out: Path, trained: LoadedModel) -> None:
    """What follows the checkpoint; a run that was killed in between has not done it."""
    write_atomically(out.with_suffix(".md"), lambda file: file.write_text(card(trained)))
    state_file(out).unlink(missing_ok=True)


def train_arms(runs: Mapping[Path, Recipe], folder: Path, command: str, source: str, *, resume: bool) -> Path:
    """Train every arm under every seed and write the comparison; what is finished already is kept with `resume`.

    Args:
        runs: checkpoint to be written -> its recipe; the baseline is the first.
        source: where the set-up is from.

    Returns:
        The comparison as a page, beside comparison.csv and the figure curves.
    """
    arms: dict[str, list[LoadedModel]] = {}
    for number, (out, recipe) in enumerate(runs.items(), start=1):
        logger.info("%s, %d of %d models", printable(str(out)), number, len(runs))
        train_one(recipe, out, command, source, resume=resume)
        arms.setdefault(recipe.mechanism, []).append(loading.load(out, device=_device(recipe)))
    baseline = next(iter(runs.values()))
    table = compare(arms, some(load_data(baseline.data, "test"), baseline.limit))
    write_atomically(folder / "comparison.csv", partial(table.to_csv, index=False))
    page = folder / "comparison.md"
    write_atomically(
        page, lambda file: file.write_text(PAGE.format(source=source, command=command, table=to_markdown(table)))
    )
    histories = {models[0].spec.rule: [history.curves(model.history) for model in models] for models in arms.values()}
    plots.save(_arms.draw(histories), folder / "curves")
    return page


def _finished(out: Path, recipe: Recipe) -> LoadedModel:
    trained = loading.load(out, device=_device(recipe))
    with read_as(str(out), "a model that this command has trained"):
        check_same_recipe(trained.provenance["recipe"], recipe, out)
    logger.info("%s: already finished, kept", printable(str(out)))
    return trained


def _device(recipe: Recipe) -> str:
    return "cuda" if recipe.device != "cpu" and torch.cuda.is_available() else "cpu"
