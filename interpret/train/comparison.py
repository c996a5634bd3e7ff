"""Arms trained under one recipe, held against each other on the same test images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.data import Dataset, as_tensors, normalise
from interpret.foundation import tables
from interpret.models.description import describe
from interpret.models.loaded_model import LoadedModel
from interpret.study.statistics import bootstrap_interval, holm, seed_interval, sign_flip_p

BATCH = 256
COLUMNS = ["arm", "rule", "tau_n", "seeds", "images", "parameters", "accuracy", "accuracy_low", "accuracy_high"]
COLUMNS += [
    "difference",
    "difference_low",
    "difference_high",
    "seeds_low",
    "seeds_high",
    "p",
    "verdict",
    "seconds_per_epoch",
    "overhead",
]
HEADINGS = {
    "rule": "selection",
    "tau_n": "tau N",
    "seeds": "seeds",
    "images": "test images",
    "accuracy": "accuracy",
    "difference": "difference to the baseline",
    "p_holm": "p (images alone, Holm)",
    "verdict": "changed here?",
    "seconds_per_epoch": "s an epoch (fastest)",
    "overhead": "overhead",
    "parameters": "parameters",
}


def compare(arms: Mapping[str, Sequence[LoadedModel]], data: Dataset) -> pd.DataFrame:
    """One row an arm, the first being the baseline: accuracy and its paired difference, each with a 95 % interval.

    Intervals resample seeds and images, the p values images alone; `p_holm` is adjusted for the number of arms;
    `seeds_low` and `seeds_high` are Student's interval of the difference over the seeds. The verdict is "higher" or
    "lower" where both intervals of the difference exclude zero, else "not shown"; of one seed it rests on the first and
    says so, for then it is about two models and not about two methods. Accuracies and differences are shares;
    `overhead` is the time of the fastest epoch over the baseline's, minus one. What compares is NaN for the baseline.

    Args:
        arms: the models of each arm, one a seed, in the same order of seeds.
        data: labelled test images.
    """
    baseline, *_ = arms
    images, labels = as_tensors(data, arms[baseline][0].img_size)
    right = {arm: np.stack([_right(model, images, labels) for model in models]) for arm, models in arms.items()}
    pace = {arm: _seconds_per_epoch(models) for arm, models in arms.items()}
    rows = []
    for arm, models in arms.items():
        against = _difference(right[arm], right[baseline]) if arm != baseline else {}
        low, high = bootstrap_interval(right[arm])
        accuracy = {"accuracy": right[arm].mean(), "accuracy_low": low, "accuracy_high": high}
        time = {"seconds_per_epoch": pace[arm], "overhead": pace[arm] / pace[baseline] - 1}
        rows.append(_facts(arm, models, data) | accuracy | against | time)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_holm=[np.nan, *holm(table["p"].to_numpy(dtype=float)[1:])])


def to_markdown(table: pd.DataFrame) -> str:
    """The table as a page prints it: percent, intervals in brackets."""
    shown = table.assign(
        tau_n=[f"{value:.2f}" if value == value else "-" for value in table["tau_n"]],
        accuracy=[_percent(row) for row in table.to_dict("records")],
        difference=[_points(row) for row in table.to_dict("records")],
        p_holm=[f"{value:.3g}" if value == value else "-" for value in table["p_holm"]],
        verdict=table["verdict"].astype(object).fillna("baseline"),
        seconds_per_epoch=[f"{value:.0f}" for value in table["seconds_per_epoch"]],
        overhead=[f"{100 * value:+.0f} %" for value in table["overhead"]],
        parameters=[f"{value:,}" for value in table["parameters"]],
    )
    return tables.to_markdown(list(HEADINGS.values()), shown[list(HEADINGS)].astype(str).to_numpy().tolist())


def _percent(row: Mapping[str, Any]) -> str:
    value, low, high = (100 * row[name] for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"{value:.2f} % [{low:.2f}, {high:.2f}]"


def _points(row: Mapping[str, Any]) -> str:
    if pd.isna(row["difference"]):
        return "-"
    value, low, high = (100 * row[name] for name in ("difference", "difference_low", "difference_high"))
    return f"{value:+.2f} pp [{low:+.2f}, {high:+.2f}]"


def _facts(arm: str, models: Sequence[LoadedModel], data: Dataset) -> dict[str, Any]:
    facts = describe(models[0])
    tau_n = facts["tau"] * facts["tokens"] if facts["tau"] is not None else np.nan
    return {
        "arm": arm, "rule": facts["rule"], "tau_n": tau_n, "seeds": len(models), "images": len(data),
        "parameters": facts["parameters"],
    }  # fmt: skip


def _difference(right: np.ndarray, baseline: np.ndarray) -> dict[str, Any]:
    differences = right - baseline
    low, high = bootstrap_interval(differences)
    seeds_low, seeds_high = seed_interval(differences)
    lowest, highest = (low, high) if len(right) == 1 else (min(low, seeds_low), max(high, seeds_high))
    verdict = "higher" if lowest > 0 else "lower" if highest < 0 else "not shown"
    verdict += " (one seed)" if len(right) == 1 else ""
    row = {"difference": differences.mean(), "difference_low": low, "difference_high": high}
    row |= {"seeds_low": seeds_low, "seeds_high": seeds_high}
    return row | {"p": sign_flip_p(differences.mean(axis=0)), "verdict": verdict}


def _seconds_per_epoch(models: Sequence[LoadedModel]) -> float:
    return min(row["seconds"] for model in models for row in model.history)


@torch.no_grad()
def _right(model: LoadedModel, images: Tensor, labels: Tensor) -> Float[np.ndarray, "image"]:
    """1 where the model is right, 0 where it is wrong."""
    logits = [
        model.model(normalise(batch.to(model.device), model.spec.mean, model.spec.std)) for batch in images.split(BATCH)
    ]
    return (torch.cat(logits).argmax(dim=1).cpu() == labels).double().numpy()
