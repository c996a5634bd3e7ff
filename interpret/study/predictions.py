"""What a model says of images: a class and how probable it finds it, one value, or nothing where it gives features."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from interpret.foundation.tensors import Logits
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import Trace


@dataclass(frozen=True)
class Prediction:
    """Of one image.

    Attributes:
        name: of the most probable class, or of the only output; "" where there is neither.
        probability: of that class; NaN where outputs are no probabilities.
        value: of the only output; NaN where there are several.
    """

    name: str
    probability: float = math.nan
    value: float = math.nan

    def worded(self, digits: int = 2) -> str:
        """In a few words, as figures print it."""
        if not math.isnan(self.value):
            return f"{self.name} {self.value:.{digits + 1}g}"
        return self.name if math.isnan(self.probability) else f"{self.name} {self.probability:.{digits}f}"


def of_output(model: LoadedModel, output: Logits) -> dict[str, list]:
    """Of each image the predicted class and the confidence in it, or the value of the only output, or nothing."""
    if model.task.shares is not None:
        confidence, best = model.task.shares(output.double()).max(dim=-1)
        return {"predicted": best.tolist(), "confidence": confidence.tolist()}
    alone = model.task.name == "regression" and output.shape[1] == 1
    return {"value": output[:, 0].tolist()} if alone else {}


def predicted(model: LoadedModel, output: Logits) -> list[Prediction]:
    """What the model says of each image."""
    answers = of_output(model, output)
    if "value" in answers:
        return [Prediction(model.class_name(0), value=value) for value in answers["value"]]
    if not answers:
        return [Prediction("")] * len(output)
    pairs = zip(answers["predicted"], answers["confidence"], strict=True)
    return [Prediction(model.class_name(index), share) for index, share in pairs]


def of_row(row: Mapping[str, Any], name: str | None = None) -> Prediction:
    """From a row of the table of predictions, under another name where one is given."""
    return Prediction(row["predicted"] if name is None else name, row["probability"], row.get("value", math.nan))


def tabled(trace: Trace, labels: Sequence[int] | None) -> pd.DataFrame:
    """A row for each image: label, target, predicted, probability and that of the target, correct; value of a model
    with one output. What there is not is "" or NaN.
    """
    model, count = trace.model, len(trace.logits)
    answers = predicted(model, trace.logits)
    targets = [] if trace.target is None else trace.target.tolist()
    table = pd.DataFrame(
        {
            "label": [""] * count if labels is None else [model.class_name(label) for label in labels],
            "target": list(map(model.class_name, targets)) or [""] * count,
            "predicted": [answer.name for answer in answers],
            "probability": [answer.probability for answer in answers],
            "target_probability": _shares_of(trace),
            "correct": _correct(trace, labels),
        }
    )
    values = [answer.value for answer in answers]
    return table if np.isnan(values).all() else table.assign(value=values)


def _shares_of(trace: Trace) -> np.ndarray:
    shares = trace.model.task.shares
    if shares is None or trace.target is None:
        return np.full(len(trace.logits), np.nan)
    return shares(trace.logits.double()).gather(1, trace.target[:, None])[:, 0].numpy(force=True)


def _correct(trace: Trace, labels: Sequence[int] | None) -> np.ndarray:
    if labels is None or not trace.model.task.exclusive:
        return np.full(len(trace.logits), np.nan)
    return (trace.logits.argmax(dim=-1).numpy(force=True) == labels).astype(float)
