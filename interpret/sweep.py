"""The tau sweep: a model re-run with another threshold inside its forward pass."""

import math
from collections.abc import Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS
from interpret.errors import UnsupportedModelError
from interpret.indicators import INDICATORS
from interpret.interventions.threshold import threshold
from interpret.loaded_model import LoadedModel
from interpret.tensors import Images, Logits, Target
from interpret.tracing import Trace, trace

MEASURED = ("active_tokens", "retained_mass", "dead_rows")
RULES = {"hard_threshold": "hard", "soft_threshold": "soft", "learned_threshold": "soft"}


def rule_of(model: LoadedModel) -> str:
    """The rule a sweep uses: the model's own, "hard" where it has none."""
    return RULES.get(model.spec.mechanism, "hard")


def default_taus(models: Sequence[LoadedModel]) -> tuple[float, ...]:
    """Zero, up to six multiples of 1/N from a quarter to eight (of the largest N, in two digits), every model's tau."""
    tokens = max(model.grid.tokens for model in models)
    spread = {float(f"{multiple / tokens:.2g}") for multiple in (0.25, 0.5, 1, 2, 4, 8) if multiple < tokens}
    return tuple(sorted({0.0} | spread | own_taus(models)))


def own_taus(models: Sequence[LoadedModel]) -> set[float]:
    """Every tau that a model has now or was trained at."""
    taus = (tau for model in models for tau in (model.spec.options.get("tau"), model.trained_tau))
    return {tau for tau in taus if tau is not None}


def tau_sweep(
    model: LoadedModel, images: Images, labels: Target | None, taus: Sequence[float], batch_size: int
) -> pd.DataFrame:
    """Tidy table, one row a tau: what the model predicts and how its attention behaves with every layer cut at tau.

    Columns: rule, tau, tau_n (tau times N, multiples of uniform attention), n images, accuracy (NaN without labels),
    confidence (mean probability of the predicted class), agreement (share of predictions equal to those of the model
    as it was loaded), active_tokens, retained_mass and dead_rows (means over layers, heads, queries and images), and
    trained, whether the model was trained at this tau.
    """
    rows = []
    as_loaded, _ = _pass(model, images, batch_size)
    for tau in taus:
        with threshold(model, tau, rule_of(model)):
            logits, measured = _pass(model, images, batch_size)
        rows.append(_identity(model, tau, len(images)) | _predictions(logits, as_loaded, labels) | measured)
    return pd.DataFrame(rows)


def tau_maps(
    model: LoadedModel, images: Images, taus: Sequence[float], batch_size: int
) -> Float[Tensor, "tau batch row col"]:
    """The last layer's attention of the classifier's token, heads fused, at each tau; NaN where no such row exists."""
    maps = []
    for tau in taus:
        with threshold(model, tau, rule_of(model)):
            maps.append(torch.cat([_map(model, batch) for batch in images.split(batch_size)]))
    return torch.stack(maps)


def _map(model: LoadedModel, images: Images) -> Float[Tensor, "batch row col"]:
    try:
        return ATTRIBUTIONS["cls_attention"](trace(model, images, keep=("weights",)))
    except UnsupportedModelError:
        return torch.full((len(images), model.grid.rows, model.grid.cols), torch.nan)


def _pass(model: LoadedModel, images: Images, batch_size: int) -> tuple[Logits, dict[str, float]]:
    logits, sums = [], dict.fromkeys(MEASURED, 0.0)
    for batch in images.split(batch_size):
        seen = trace(model, batch)
        logits.append(seen.logits)
        sums = {name: total + _mean(seen, name) * len(batch) for name, total in sums.items()}
    return torch.cat(logits), {name: total / len(images) for name, total in sums.items()}


def _mean(seen: Trace, name: str) -> float:
    return INDICATORS[name].function(seen).mean().item()


def _identity(model: LoadedModel, tau: float, count: int) -> dict[str, object]:
    trained = model.trained_tau
    return {
        "model": model.name,
        "rule": rule_of(model),
        "tau": tau,
        "tau_n": tau * model.grid.tokens,
        "n": count,
        "trained": trained is not None and math.isclose(trained, tau),
    }


def _predictions(logits: Logits, as_loaded: Logits, labels: Target | None) -> dict[str, float]:
    confidence, predicted = logits.softmax(dim=-1).max(dim=-1)
    right = math.nan if labels is None else (predicted == labels.to(predicted.device)).double().mean().item()
    return {
        "accuracy": right,
        "confidence": confidence.mean().item(),
        "agreement": (predicted == as_loaded.argmax(dim=-1)).double().mean().item(),
    }
