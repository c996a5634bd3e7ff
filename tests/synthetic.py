"""A small study made of numbers alone: three models, four images, two layers of three heads, 4 x 6 patches."""

import itertools

import numpy as np
import pandas as pd

from interpret.figures import svda_indicators
from interpret.study import Study

NAMES = ("plain", "selective", "svda")
CLASSES = ("circle", "square", "star")
IMAGES = tuple(f"image-{index}" for index in range(4))
TAUS = (0.0, 0.01, 0.05)
ROWS, COLS = 4, 6
LAYERS, HEADS, TOKENS = 2, 3, ROWS * COLS + 1
ATTRIBUTIONS = ("rollout", "layer_grad_cam")
TRACKED = [("active_tokens", ""), ("sparsity", ""), *svda_indicators.PANELS]
INDICATORS = {
    "active_tokens": ("", "tokens"),
    "sparsity": ("", "share"),
    "retained_mass": ("", "share"),
    "dead_rows": ("", "share"),
    "spectral_entropy": ("attention", "nats"),
    "effective_rank": ("attention", "directions"),
}


def synthetic_study(*, labelled: bool = True, history: bool = True, dead: tuple[int, int] | None = (2, 1)) -> Study:
    """The study, the same in every call; `dead` = (model, image) has a constant rollout, and a wrong prediction."""
    generator = np.random.default_rng(0)
    arrays = _arrays(generator)
    if dead:
        arrays[f"map/{dead[0]}/rollout"][dead[1]] = 0.25
    return Study(
        models=tuple(_model(name) for name in NAMES),
        settings={"data": "shapes", "seed": 0, "device": "cpu", "attributions": list(ATTRIBUTIONS), "taus": list(TAUS)},
        tables={
            "predictions": _predictions(labelled, dead),
            "maps": _maps(dead, arrays),
            "indicators": _indicators(generator),
            "tau_sweep": _tau_sweep(labelled),
            "history": _history() if history else pd.DataFrame(),
            "tracked": _tracked() if history else pd.DataFrame(),
        },
        images=generator.integers(0, 256, (len(IMAGES), 32, 48, 3), dtype=np.uint8),
        image_ids=IMAGES,
        arrays=arrays,
        masks=None,
    )


def _tracked() -> pd.DataFrame:
    rows = itertools.product(NAMES, (1, 2), range(LAYERS), range(HEADS), TRACKED)
    table = pd.DataFrame(rows, columns=["model", "epoch", "layer", "head", "pair"])
    table[["indicator", "kind"]] = table.pop("pair").tolist()
    table = table[(table["kind"] != "sigma") | (table["model"] == "svda")]
    return table.assign(value=table["epoch"] + 0.5 * table["layer"] + 0.1 * table["head"])


def _model(name: str) -> dict:
    tau = 0.05 if name == "selective" else None
    return {
        "name": name, "rule": {"plain": "softmax", "selective": "hard_threshold tau=0.05", "svda": "svda"}[name],
        "tau": tau, "trained_tau": tau, "as_trained": True, "named": True, "assumed": [],
        "tokens": TOKENS, "grid": [ROWS, COLS], "prefix": 1, "layers": LAYERS, "heads": HEADS,
        "parameters": 12345, "classes": list(CLASSES), "sha256": "0" * 64,
        "record": {"test_accuracy": 0.5, "images": {"test": 100}, "recipe": {"data": "shapes"}},
        "spec": {"backbone": "tiny"},
    }  # fmt: skip


def _arrays(generator: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {}
    for index, name in enumerate(NAMES):
        shape = (len(IMAGES), ROWS, COLS)
        arrays[f"map/{index}/rollout"] = generator.random(shape, dtype=np.float32)
        arrays[f"map/{index}/layer_grad_cam"] = generator.standard_normal(shape, dtype=np.float32)
        weights = generator.random((len(IMAGES), LAYERS, HEADS, ROWS, COLS), dtype=np.float32)
        arrays[f"heatmap/{index}"] = np.where(weights < 0.5, 0, weights) if name == "selective" else weights
        arrays[f"tau_map/{index}"] = generator.random((len(TAUS), *shape), dtype=np.float32)
    return arrays


def _predictions(labelled: bool, dead: tuple[int, int] | None) -> pd.DataFrame:
    rows = []
    for (model, name), (image, key) in itertools.product(enumerate(NAMES), enumerate(IMAGES)):
        label = CLASSES[image % 3]
        predicted = CLASSES[(image + ((model, image) == dead)) % 3]
        rows.append(
            {
                "model": name, "image": key, "label": label if labelled else "", "target": label,
                "predicted": predicted, "probability": 0.75, "target_probability": 0.75,
                "correct": predicted == label if labelled else np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _maps(dead: tuple[int, int] | None, arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    rows = []
    for attribution, (model, name), (image, key) in itertools.product(
        ATTRIBUTIONS, enumerate(NAMES), enumerate(IMAGES)
    ):
        silent = attribution == "rollout" and (model, image) == dead
        values = arrays[f"map/{model}/{attribution}"][image]
        rows.append(
            {
                "model": name, "image": key, "attribution": attribution,
                "min": float(values.min()), "max": float(values.max()),
                "status": "constant" if silent else "ok", "message": "every patch has 0.25" if silent else "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _indicators(generator: np.random.Generator) -> pd.DataFrame:
    rows = itertools.product(NAMES, IMAGES, range(LAYERS), range(HEADS), INDICATORS)
    table = pd.DataFrame(rows, columns=["model", "image", "layer", "head", "indicator"])
    table["kind"] = [INDICATORS[name][0] for name in table["indicator"]]
    table["variant"], table["value"] = "", generator.random(len(table))
    table.loc[table["indicator"].eq("dead_rows") & table["model"].ne("selective"), "value"] = 0.0
    table["unit"] = [INDICATORS[name][1] for name in table["indicator"]]
    return table


def _tau_sweep(labelled: bool) -> pd.DataFrame:
    rows = [
        {
            "model": name, "rule": "hard", "tau": tau, "tau_n": tau * TOKENS, "n": 64, "trained": trained,
            "accuracy": 0.9 - tau - 0.01 * index if labelled else np.nan, "confidence": 0.8 - tau,
            "agreement": 1.0 - tau, "active_tokens": TOKENS - 100 * tau, "retained_mass": 1.0 - tau, "dead_rows": 0.0,
        }
        for (index, name), tau in itertools.product(enumerate(NAMES), TAUS)
        for trained in [name == "selective" and tau == 0.05]
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _history() -> pd.DataFrame:
    rows = [
        {
            "model": name, "epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 1.1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch, "validation_accuracy": 1 - 0.6 / epoch, "seconds": 1.0,
            "images_per_second": 100.0, "lr": 1e-3,
        }
        for name, epoch in itertools.product(NAMES[:2], (1, 2, 3))
    ]  # fmt: skip
    return pd.DataFrame(rows)
