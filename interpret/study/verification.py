"""What an intervention does to a model, on images: its attention and its predictions before and after."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from interpret.data import as_dataset
from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.interventions.sigma_retention import accounting, reduced, sigma_retention
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.side_by_side import as_models
from interpret.models.trace import Trace
from interpret.study.passes import passes, right_classes
from interpret.study.processes import put_together
from interpret.study.statistics import paired_interval, sign_flip_p

Scope = Callable[[], AbstractContextManager[LoadedModel]]
COMPARED = ("accuracy_before", "accuracy_after", "difference", "difference_low", "difference_high", "p")


def verify_intervention(model: LoadedModel, intervention: Scope, data: Any, *, batch_size: int = 16) -> pd.DataFrame:
    """One row: `model` against what `intervention` makes of it, on the same images.

    Columns: images; max_weight_change, the largest |dA| over images, layers, heads, queries and keys of `weights`;
    agreement, the share of images whose predicted class stays, NaN where none is predicted; accuracy_before,
    accuracy_after and difference (after minus before), shares; difference_low and difference_high, its 95 % interval
    over images (Bonett and Price); p, McNemar's exact test. Where labels are not known all but the first three are NaN.
    The model is taken as given: nothing here speaks of other trainings.

    Args:
        data: whatever holds images, as of `survey`.
        intervention: called for every batch, as `lambda: sigma_retention(model, 0.9)`. What its scope yields is looked
            at, so a model that was changed for good is verified by `lambda: contextlib.nullcontext(changed)`.

    Raises:
        InterpretError: no image, or fewer than processes; what is yielded takes other pixels or has other heads.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> table = interpret.verify_intervention(vit, lambda: interpret.threshold(vit, 0.0), data[:4])
        >>> table[["images", "agreement", "accuracy_after"]]
           images  agreement  accuracy_after
        0       4        1.0             1.0
    """
    rows, data = [], as_dataset(data)
    for examples, before in passes(model, data, ("weights",), batch_size):
        labels = right_classes(model, examples, data.classes)
        rows.extend(zip(*_compare(before, intervention), labels, strict=True))
    moved, before, after, labels = zip(*put_together(rows), strict=True)
    facts = {"images": len(moved), "max_weight_change": float(np.max(moved))}
    facts["agreement"] = np.nan if np.isnan(before).any() else float(np.equal(before, after).mean())
    unknown = dict.fromkeys(COMPARED, np.nan)
    known = None not in labels
    return pd.DataFrame([facts | (_accuracies(np.equal([before, after], labels)) if known else unknown)])


def verify_retention(model: LoadedModel, data: Any, rho: float = 0.9, *, batch_size: int = 16) -> pd.DataFrame:
    """What keeping the share rho of spectral energy removes and changes: a row for each way to do it.

    The form is "masked" (`sigma_retention`) or "reduced", where the directions are deleted from q and k too; the latter
    is left out where the backbone's own norms of q and k do not allow it. Columns: model, form, rho, removed (share of
    score directions), parameters_saved and macs_saved (shares of the model, nothing where masked; the model's tensors
    keep their shape) where each head is cut to its own width, the same with `_padded` where it is cut to the largest
    of its layer, then those of `verify_intervention`.

    Args:
        rho: share of the energy, in (0, 1].

    Raises:
        InterpretError: rho out of range, a model without sigma, or no image.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-svda.pt"), interpret.load_data("shapes")
        >>> table = interpret.verify_retention(vit, data[:4], 0.9)
        >>> table[["form", "removed", "parameters_saved", "agreement"]].round(3)
              form  removed  parameters_saved  agreement
        0   masked    0.102             0.000        1.0
        1  reduced    0.102             0.016        1.0
    """
    saved = _saved(model, rho)
    masked = verify_intervention(model, partial(sigma_retention, model, rho), data, batch_size=batch_size)
    forms = [masked.assign(form="masked", **saved | {name: 0.0 for name in saved if name != "removed"})]
    try:
        small = reduced(model, rho)
    except UnsupportedModelError:
        pass
    else:
        forms.append(
            verify_intervention(model, partial(nullcontext, small), data, batch_size=batch_size).assign(
                form="reduced", **saved
            )
        )
    table = pd.concat(forms, ignore_index=True).assign(model=model.name, rho=rho)
    first = ["model", "form", "rho", *saved]
    return table.reindex(columns=[*first, *(column for column in table if column not in first)])


def _saved(model: LoadedModel, rho: float) -> dict[str, float]:
    table = accounting(model, rho)
    names = [f"{noun}_saved{padded}" for noun in ("parameters", "macs") for padded in ("", "_padded")]
    shares = {name: table[f"{name}_share"].to_numpy().sum() for name in names}
    return {"removed": table["removed"].to_numpy().mean(), **shares}


def _compare(before: Trace, intervention: Scope) -> tuple[list, list, list]:
    """Of each image the largest change of a weight, and the class predicted before and after."""
    with _entered(intervention) as changed:
        as_models(changed)
        _check_alike(before.model, changed)
        after = tracing.trace(changed, before.images, keep=("weights",))
    moved = after.need("weights").sub_(before.need("weights")).abs_().amax(dim=(0, 2, 3, 4))
    return moved.tolist(), _classes(before), _classes(after)


def _classes(trace: Trace) -> list:
    """Predicted of each image; NaN where none is."""
    classes = trace.model.task.predicted(trace.logits)
    return [np.nan] * len(trace.logits) if classes is None else classes.tolist()


def _entered(intervention: Any) -> AbstractContextManager[LoadedModel]:
    scope = None if isinstance(intervention, AbstractContextManager) else intervention()
    if not isinstance(scope, AbstractContextManager):
        raise InterpretError(
            "an intervention is entered once a batch: pass a function that gives its scope, as lambda: "
            "threshold(model, 0.1)"
        )
    return scope


def _check_alike(model: LoadedModel, changed: LoadedModel) -> None:
    (own, other), (shape, another) = zip(*((_input(each), _heads(each)) for each in (model, changed)), strict=True)
    if own != other or shape != another:
        raise InterpretError(
            f"{changed.name} takes input of (size, patch grid, mean, std) {other} and has heads by layer {another}, "
            f"{model.name} {own} and {shape}; what an intervention makes of a model takes the same pixels and has the "
            "same heads"
        )


def _input(model: LoadedModel) -> tuple[object, ...]:
    return model.img_size, model.grid, tuple(model.spec.mean), tuple(model.spec.std)


def _heads(model: LoadedModel) -> list[int]:
    return [model.heads] * model.depth


def _accuracies(right: Bool[np.ndarray, "time image"]) -> dict[str, float]:
    before, after = right.astype(float)
    low, high = paired_interval(after - before)
    values = (before.mean(), after.mean(), (after - before).mean(), low, high, sign_flip_p(after - before))
    return dict(zip(COMPARED, values, strict=True))
