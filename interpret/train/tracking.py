"""The indicators of a model while it learns."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from interpret.data import normalise
from interpret.indicators import INDICATORS, measure
from interpret.models.history import pack_indicators
from interpret.models.loaded_model import from_memory
from interpret.models.trace import stages_needed
from interpret.models.tracing import trace
from interpret.train.run import Run

TRACKED_IMAGES = 64
"""The indicators of an epoch are means over so many validation images, drawn once with a fixed seed."""
TRACED = 8
"""So many at a time: their attention takes less memory than training does."""


def track(run: Run) -> dict[str, Any]:
    """The indicators that the recipe tracks, at full precision, as an epoch's record keeps them."""
    if not run.recipe.track:
        return {}
    with torch.random.fork_rng():  # a model is drawn to be filled: the run's random numbers stay its own
        copy = run.spec.build()
    copy.load_state_dict(run.measured.state_dict())
    validation = run.loaders["validation"].dataset
    drawn = np.random.default_rng(0).permutation(len(validation))[:TRACKED_IMAGES]
    images = normalise(torch.stack([validation[index][0] for index in drawn]), run.spec.mean, run.spec.std)
    keep = stages_needed([INDICATORS[name] for name in run.recipe.track])
    loaded = from_memory(copy.to(run.accelerator.device), run.spec, "run")
    parts = [measure(trace(loaded, few, keep=keep), run.recipe.track) for few in images.split(TRACED)]
    return pack_indicators(pd.concat(parts, ignore_index=True))
