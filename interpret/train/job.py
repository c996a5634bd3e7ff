"""What the command does: one run into a file, or the arms of a preset under several seeds into a folder."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from interpret import checkpoint, history
from interpret.data import load_data
from interpret.errors import InterpretError
from interpret.files import write_atomically
from interpret.loaded_model import LoadedModel
from interpret.train.card import card
from interpret.train.comparison import compare, to_markdown
from interpret.train.loop import some, train
from interpret.train.recipe import Recipe
from interpret.train.run import Run
from interpret.train.state import Progress

logger = logging.getLogger(__name__)


def train_one(recipe: Recipe, out: Path, command: str, *, resume: bool = False) -> LoadedModel:
    """Train into `out`; beside it its card (.md), the history as it grows (.history.csv) and, until done, .resume.

    Raises:
        InterpretError: what `train` raises, and what cannot be written. The last epoch's .resume then stays.
    """
    state, table = out.with_suffix(".resume"), out.with_suffix(".history.csv")

    def after_epoch(run: Run, progress: Progress) -> None:
        progress.save(run, state)
        write_atomically(table, partial(history.tidy(progress.history).to_csv, index=False))

    found = state if resume and state.exists() else None
    trained = train(recipe, out.stem, command, resume=found, after_epoch=after_epoch)
    checkpoint.save(out, trained, recipe.dtype)
    write_atomically(out.with_suffix(".md"), lambda file: file.write_text(card(trained)))
    state.unlink(missing_ok=True)
    return trained


def train_arms(recipes: Sequence[Recipe], seeds: Sequence[int], folder: Path, command: str, *, resume: bool) -> Path:
    """Train every arm under every seed and write the comparison; what is finished already is kept with `resume`.

    Args:
        recipes: of the arms, the baseline first.

    Returns:
        The comparison as a page, beside comparison.csv.
    """
    arms = {
        recipe.mechanism: [_finished(replace(recipe, seed=seed), folder, command, resume=resume) for seed in seeds]
        for recipe in recipes
    }
    baseline = recipes[0]
    table = compare(arms, some(load_data(baseline.data, "test"), baseline.limit))
    write_atomically(folder / "comparison.csv", partial(table.to_csv, index=False))
    page = folder / "comparison.md"
    write_atomically(page, lambda file: file.write_text(to_markdown(table)))
    return page


def _finished(recipe: Recipe, folder: Path, command: str, *, resume: bool) -> LoadedModel:
    out = folder / f"{recipe.mechanism}-seed{recipe.seed}.pt"
    logger.info("%s", out.stem)
    if not (resume and out.exists()):
        train_one(recipe, out, command, resume=resume)
    found = checkpoint.load(out)
    if found.record["recipe"]["seed"] != recipe.seed or found.spec.mechanism != recipe.mechanism:
        raise InterpretError(f"{out} holds another run; choose an empty folder for --out")
    return found
