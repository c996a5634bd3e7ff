"""What an intervention does to a model, on images: its attention and its predictions before and after."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interpret.errors import InterpretError
from interpret.loaded_model import LoadedModel
from interpret.statistics import bootstrap_interval, sign_flip_p
from interpret.tensors import Images, Target
from interpret.tracing import trace

Labels = Int[Tensor, "label"]
Intervention = Callable[[], AbstractContextManager[LoadedModel]]


def verify_intervention(
    model: LoadedModel, intervention: Intervention, images: Images, labels: Labels | None = None, batch_size: int = 64
) -> pd.DataFrame:
    """One row: `model` against what `intervention` makes of it, on the same images.

    Columns: images; max_weight_change, the largest |dA| over images, layers, heads, queries and keys of `weights`;
    agreement, the share of images whose predicted class stays; accuracy_before, accuracy_after and difference (after
    minus before), shares; difference_low and difference_high, its 95 % interval over images; p, McNemar's exact test.
    Without labels all but the first three are NaN. The model is taken as given: nothing here speaks of other trainings.

    Args:
        intervention: called for every batch, as `lambda: sigma_retention(model, 0.9)`. What its scope yields is looked
            at, so a model that was changed for good is verified by `lambda: contextlib.nullcontext(changed)`.

    Raises:
        InterpretError: no image, or not one label an image.
    """
    if not len(images) or (labels is not None and len(labels) != len(images)):
        found = "no" if labels is None else len(labels)
        raise InterpretError(f"expected images, and one label each or None; got {len(images)} images, {found} labels")
    changes, parts = [], []
    for batch in images.split(batch_size):
        moved, before, after = _compare(model, intervention, batch)
        changes.append(moved)
        parts.append(torch.stack([before, after]))
    predicted = torch.cat(parts, dim=1).cpu()
    agreement = (predicted[0] == predicted[1]).double().mean().item()
    facts = {"images": len(images), "max_weight_change": np.max(changes), "agreement": agreement}
    return pd.DataFrame([facts | _accuracies(None if labels is None else predicted == labels.cpu())])


def _compare(model: LoadedModel, intervention: Intervention, images: Images) -> tuple[float, Target, Target]:
    before = trace(model, images, keep=("weights",))
    with intervention() as changed:
        after = trace(changed, images, keep=("weights",))
    moved = after.need("weights").sub_(before.need("weights")).abs_().max().item()
    return moved, before.logits.argmax(dim=-1), after.logits.argmax(dim=-1)


def _accuracies(right: Bool[Tensor, "time image"] | None) -> dict[str, float]:
    if right is None:
        names = ("accuracy_before", "accuracy_after", "difference", "difference_low", "difference_high", "p")
        return dict.fromkeys(names, np.nan)
    before, after = right.double().numpy()
    low, high = bootstrap_interval((after - before)[None])
    return {
        "accuracy_before": before.mean(),
        "accuracy_after": after.mean(),
        "difference": (after - before).mean(),
        "difference_low": low,
        "difference_high": high,
        "p": sign_flip_p(after - before),
    }
