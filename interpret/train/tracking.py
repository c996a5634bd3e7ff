"""The indicators of a model while it learns."""

import itertools
from typing import Any

import torch

from interpret.data import normalise
from interpret.history import pack_indicators
from interpret.indicators import INDICATORS, measure
from interpret.loaded_model import from_memory
from interpret.tracing import trace
from interpret.train.run import Run

TRACKED_IMAGES = 64
"""The indicators of an epoch are means over the first so many validation images."""


def track(run: Run) -> dict[str, Any]:
    """The indicators that the recipe tracks, at full precision, as an epoch's record keeps them."""
    if not run.recipe.track:
        return {}
    with torch.random.fork_rng():  # a model is drawn to be filled: the run's random numbers stay its own
        copy = run.spec.build()
    copy.load_state_dict(run.measured.state_dict())
    first = itertools.islice(run.loaders["validation"].dataset, TRACKED_IMAGES)
    images = normalise(torch.stack([image for image, _ in first]), run.spec.mean, run.spec.std)
    needs = {"weights"}.union(*(INDICATORS[name].needs for name in run.recipe.track))
    loaded = from_memory(copy.to(run.accelerator.device), run.spec, "run")
    return pack_indicators(measure(trace(loaded, images, keep=tuple(needs)), run.recipe.track))
