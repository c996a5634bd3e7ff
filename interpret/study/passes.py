"""A model over many images, batch by batch, under one bar: each batch is decoded once and none is kept."""

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from interpret.data import Dataset, Example
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import Trace
from interpret.models.tracing import trace
from interpret.study.processes import my_share


def batches(model: LoadedModel, examples: Sequence[Example], batch_size: int) -> Iterator[tuple[list[Example], Images]]:
    """Examples and the same as the model's input.

    Raises:
        InterpretError: batches of no image.
    """
    if batch_size < 1:
        raise InterpretError(f"batch_size {batch_size}: a batch has at least one image")
    for first in tqdm(range(0, len(examples), batch_size), model.name, disable=None, leave=False):
        batch = list(examples[first : first + batch_size])
        yield batch, model.pixels([example.image for example in batch])


def passes(
    model: LoadedModel, data: Dataset, keep: Sequence[str], batch_size: int
) -> Iterator[tuple[list[Example], Trace]]:
    """The examples that are this process's share, and what was seen of them.

    Raises:
        InterpretError: fewer images than processes.
    """
    for examples, images in batches(model, my_part(data), batch_size):
        yield examples, trace(model, images, keep=keep)


def my_part(data: Dataset) -> Dataset:
    """The share of this process.

    Raises:
        InterpretError: fewer images than processes.
    """
    return data.subset(my_share(len(data)))
