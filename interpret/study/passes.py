"""A model over many images, batch by batch, under one bar: each batch is decoded once and none is kept."""

from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

from interpret.data import Dataset, Example
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import Trace
from interpret.study.processes import my_share


def batches(
    model: LoadedModel, data: Dataset | list[Example], batch_size: int
) -> Iterator[tuple[list[Example], Images]]:
    """Examples and the same as the model's input, for what runs a batch more than once.

    Of a data set they are this process's share; every process looks at the whole of a list.

    Raises:
        InterpretError: batches of no image, or a data set of fewer images than processes.
    """
    check_batch_size(batch_size)
    examples = data.subset(my_share(len(data))) if isinstance(data, Dataset) else data
    for first in tqdm(range(0, len(examples), batch_size), model.name, disable=None, leave=False):
        batch = list(examples[first : first + batch_size])
        yield batch, model.pixels([example.image for example in batch])


def right_classes(model: LoadedModel, examples: Sequence[Example], classes: Sequence[str]) -> list[int | None]:
    """The one class of each image that is right; None where that is not known, or several may be.

    Args:
        classes: of the data set.
    """
    known = model.labels(examples, classes) if model.task.exclusive else None
    return [None] * len(examples) if known is None else [*known]


def check_batch_size(batch_size: Any) -> None:
    """Refuse batches of no image."""
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InterpretError(f"batch_size {batch_size!r}: a batch has at least one image")


def passes(
    model: LoadedModel,
    data: Dataset | list[Example],
    keep: Sequence[str],
    batch_size: int,
    targets: Sequence[int] | None = None,
) -> Iterator[tuple[list[Example], Trace]]:
    """The examples of each of the `batches`, and their trace.

    Args:
        keep: stages, as `stages_needed` gives them.
        targets: the class to explain of each example of a list; None is the predicted one.

    Raises:
        InterpretError: as `batches`.
    """
    done = 0
    for examples, images in batches(model, data, batch_size):
        target = None if targets is None else targets[done : done + len(examples)]
        yield examples, tracing.trace(model, images, target, keep=keep)
        done += len(examples)
