"""A small study made of numbers alone: three models, four images, two layers of three heads, 4 x 6 patches."""

import itertools

import numpy as np
import pandas as pd

from interpret.figures import svda_indicators
from interpret.study.study import Study

NAMES = ("plain", "selective", "svda")
CLASSES = ("circle", "square", "star")
IMAGES = tuple(f"image-{index}" for index in range(4))
TAUS = (0.0, 0.01, 0.05)
RHOS = (0.5, 0.9, 1.0)
SWEEPS = {"sweeps": {"threshold": list(TAUS), "sigma_retention": list(RHOS)}}
ROWS, COLS = 4, 6
LAYERS, HEADS, TOKENS = 2, 3, ROWS * COLS + 1
ATTRIBUTIONS = ("rollout", "layer_grad_cam")
TRACKED = [("active_tokens", ""), ("sparsity", ""), *svda_indicators.PANELS]
INDICATORS = {
    "active_tokens": ("", "tokens"),
    "sparsity": ("", "share"),
    "retained_mass": ("", "share"),
    "dead_rows": ("", "share"),
    "attention_entropy": ("", "nats"),
    "spectral_entropy": ("attention", "nats"),
    "effective_rank": ("attention", "directions"),
}


def synthetic_study(*, labelled: bool = True, history: bool = True, dead: tuple[int, int] | None = (2, 1)) -> Study:
    """The study, the same in every call; `dead` = (model, image) has a constant rollout, and a wrong prediction."""
    generator = np.random.default_rng(0)
    arrays = _arrays(generator)
    if dead:
        arrays[f"map/{dead[0]}/rollout"][dead[1]] = 0.25
    indicators = _indicators(generator)
    return Study(
        models=tuple(_model(name) for name in NAMES),
        settings={"data": "shapes", "seed": 0, "device": "cpu", "attributions": list(ATTRIBUTIONS)} | SWEEPS,
        tables={
            "predictions": _predictions(labelled, dead),
            "maps": _maps(dead, arrays),
            "indicators": indicators,
            "survey": _survey(indicators),
            "sweep": pd.concat([_tau_sweep(labelled), _rho_sweep(labelled)], ignore_index=True),
            "operating_points": _operating_points(labelled),
            "retention": _retention(labelled),
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
        "mechanism": {"plain": "softmax", "selective": "hard_threshold", "svda": "svda"}[name],
        "tau": tau, "trained_tau": tau, "as_trained": True, "named": True, "assumed": [],
        "task": "classification",
        "tokens": TOKENS, "grid": [ROWS, COLS], "covered": [1.0, 1.0], "prefix": 1, "layers": LAYERS, "heads": HEADS,
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


def _survey(indicators: pd.DataFrame) -> pd.DataFrame:
    keys = ["model", "layer", "head", "indicator", "kind", "variant", "unit"]
    moments = indicators.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    return moments.rename(columns={"count": "n_valid"}).assign(n=len(IMAGES))


def _tau_sweep(labelled: bool) -> pd.DataFrame:
    """Of the whole model and of each layer alone."""
    tables = []
    for (index, name), tau, layer in itertools.product(enumerate(NAMES), TAUS, ("all", *map(str, range(LAYERS)))):
        trained = name == "selective" and tau == 0.05 and layer == "all"
        said = {"model": name, "intervention": "threshold", "rule": "hard", "strength": tau, "tau_n": tau * TOKENS}
        said |= {"layer": layer, "trained": trained}
        means = {"accuracy": 0.9 - tau - 0.01 * index, "accuracy_change": -tau} if labelled else {}
        means |= {"agreement": 1.0 - tau, "confidence": 0.8 - tau}
        means |= {"active_tokens": TOKENS - 100 * tau, "retained_mass": 1.0 - tau, "dead_rows": 0.0}
        tables.append(_with_intervals(said, means))
    return pd.concat(tables, ignore_index=True)


def _rho_sweep(labelled: bool) -> pd.DataFrame:
    tables = []
    for rho in RHOS:
        means = {"accuracy": 0.9 * rho, "accuracy_change": rho - 1} if labelled else {}
        said = {"model": "svda", "intervention": "sigma_retention", "rule": "", "strength": rho, "removed": 1 - rho}
        said |= {"layer": "all", "trained": False}
        tables.append(_with_intervals(said, means | {"agreement": rho, "confidence": 0.8}))
    return pd.concat(tables, ignore_index=True)


def _with_intervals(said: dict, means: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame([said | {"n": 640, "quantity": name, "mean": mean} for name, mean in means.items()])
    low, high = table["mean"] - 0.02, table["mean"] + 0.02
    return table.assign(kind="", variant="", low=low, high=high, n_valid=640)


def _operating_points(labelled: bool) -> pd.DataFrame:
    rows = [
        {
            "model": name, "intervention": intervention, "rule": rule, "layer": "all", "n": 640, "points": 1.0,
            "labelled": labelled, "trained": 0.05 if name == "selective" else np.nan, "knee": np.nan,
            "free": free if labelled else np.nan, "change_low": -0.005 if labelled else np.nan, "strongest": strongest,
        }
        for name, intervention, rule, free, strongest in [
            *((name, "threshold", "hard", TAUS[1], TAUS[-1]) for name in NAMES),
            ("svda", "sigma_retention", "", 0.9, 0.5),
        ]
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _retention(labelled: bool) -> pd.DataFrame:
    saved = ("parameters_saved", "parameters_saved_padded", "macs_saved", "macs_saved_padded")
    compared = {
        "accuracy_before": 0.9, "accuracy_after": 0.89, "difference": -0.01, "difference_low": -0.03,
        "difference_high": 0.01, "p": 0.5,
    }  # fmt: skip
    rows = [
        {"model": "svda", "form": form, "rho": 0.9, "removed": 0.25, **dict.fromkeys(saved, share)}
        | {"images": 64, "max_weight_change": 0.1, "agreement": 0.95}
        | (compared if labelled else dict.fromkeys(compared, np.nan))
        for form, share in (("masked", 0.0), ("reduced", 0.04))
    ]
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
