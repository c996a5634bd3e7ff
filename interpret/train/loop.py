"""From a recipe to a trained model: epochs, a choice on the validation split, one measurement on the test split."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import set_seed

from interpret.data import SPLITS, Dataset, load_data
from interpret.foundation.errors import InterpretError
from interpret.models.checkpoint import converted
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.train.initialisation import initialise, model_spec
from interpret.train.provenance import describe, duration
from interpret.train.recipe import Recipe
from interpret.train.run import Run
from interpret.train.state import Progress

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    name: str,
    command: str,
    *,
    resume: Path | None = None,
    after_epoch: Callable[[Run, Progress], None] = lambda run, progress: None,
) -> LoadedModel:
    """Train a model as `recipe` says; its history and its provenance come with it.

    The test split is looked at once, after everything is chosen, in full precision and with the weights as saved.

    Args:
        name: what tables and figures will call the model.
        command: what the provenance says the model was made with.
        resume: the file of an interrupted run, to go on after its last epoch.
        after_epoch: called in the main process with what there is after every epoch.

    Raises:
        InterpretError: an unknown name, a data set without labels, a device that is not there, a loss that is NaN,
            memory that does not suffice.
    """
    begun = time.perf_counter()
    set_seed(recipe.seed)
    datasets = {split: some(load_data(recipe.data, split), recipe.limit) for split in SPLITS}
    _check_classes(datasets)
    spec = model_spec(recipe, datasets["train"].classes)
    vit = spec.build()
    initialise(vit, recipe)
    run = Run.start(recipe, spec, vit, datasets)
    progress = Progress() if resume is None else Progress.restore(run, resume)
    if run.accelerator.is_main_process:
        logger.info("%s", _start(run, progress, datasets))
    begun -= progress.seconds
    while len(progress.history) < min(recipe.epochs, progress.best_epoch + recipe.patience):
        _advance(run, progress)
        progress.seconds = time.perf_counter() - begun
        if run.accelerator.is_main_process:
            after_epoch(run, progress)
            logger.info("%s", _epoch(run, progress))
    accuracy = _test(run, progress)
    message = "weights of epoch %d; test accuracy %.2f %% of %d images"
    logger.info(message, progress.best_epoch, 100 * accuracy, len(datasets["test"]))
    images = {split: len(data) for split, data in datasets.items()}
    provenance = describe(recipe, command, vit, images, run.accelerator.device)
    seconds = time.perf_counter() - begun
    provenance |= {"best_epoch": progress.best_epoch, "test_accuracy": accuracy, "seconds": seconds}
    return replace(from_memory(vit.cpu(), spec, name), history=progress.history, provenance=provenance)


def saved_dtype(recipe: Recipe) -> torch.dtype:
    """The type of the weights in the file."""
    return getattr(torch, recipe.save_dtype)


def _start(run: Run, progress: Progress, datasets: dict[str, Dataset]) -> str:
    images = ", ".join(f"{len(data):,} {split}" for split, data in datasets.items())
    weights = sum(parameter.numel() for parameter in run.vit.parameters())
    done = len(progress.history)
    epochs = f"{done} of at most {run.recipe.epochs} epochs done" if done else f"at most {run.recipe.epochs} epochs"
    return f"{run.spec.rule}: {weights:,} weights, {images} images, {epochs}"


def _epoch(run: Run, progress: Progress) -> str:
    """The line of an epoch, said when its state is on disk: an interruption after it loses nothing."""
    row, done = progress.history[-1], len(progress.history)
    left = duration(progress.seconds / done * (run.recipe.epochs - done))
    splits = (
        f"{split} loss {row[f'{split}_loss']:.3f}, accuracy {100 * row[f'{split}_accuracy']:.2f} %"
        for split in SPLITS[:2]
    )
    pace = f"{row['seconds']:.0f} s, {row['images_per_second']:,.0f} images/s"
    line = f"epoch {done}/{run.recipe.epochs}: {'; '.join(splits)}; {pace}"
    return f"{line}; best epoch {progress.best_epoch}; about {left} left"


def _check_classes(datasets: dict[str, Dataset]) -> None:
    """Labels are numbers: they mean the same in every split only if its classes are the same."""
    known = datasets["train"].classes
    for split, data in datasets.items():
        if data.classes != known:
            odd = sorted(set(known) ^ set(data.classes))
            raise InterpretError(
                f"data set {data.name!r}: {split} and train have different classes, such as {odd[0]!r}; every split "
                "needs a folder of each class"
            )


def some(data: Dataset, limit: int | None) -> Dataset:
    """At most `limit` images, drawn with a fixed seed: the first ones of a folder tree are all of one class."""
    if limit is None or limit >= len(data):
        return data
    return data.subset(np.sort(np.random.default_rng(0).permutation(len(data))[:limit]).tolist())


def _advance(run: Run, progress: Progress) -> None:
    try:
        progress.advance(run)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise InterpretError(
            f"memory does not suffice for batches of {run.recipe.batch_size}; lower --batch-size and raise "
            "--accumulate by as much"
        ) from error


def _test(run: Run, progress: Progress) -> float:
    """Test accuracy of the chosen weights, rounded as they will be saved, at full precision."""
    run.accelerator.unwrap_model(run.model, keep_fp32_wrapper=False)
    run.average = None
    run.vit.load_state_dict(progress.best_weights)
    run.vit.load_state_dict(converted(run.vit, saved_dtype(run.recipe)))
    return run.evaluate("test")[1]
