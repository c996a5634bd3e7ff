"""run_study(): models x data -> Study, the numbers that stand between computing and drawing."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, UInt8
from tqdm import tqdm

from interpret.data import Dataset, Example, fit, fit_mask
from interpret.foundation.errors import InterpretError
from interpret.indicators import Options
from interpret.models import history
from interpret.models.loaded_model import LoadedModel
from interpret.study import cohort
from interpret.study.observe import Observation, observe, pixels_of
from interpret.study.operating_points import landmarks
from interpret.study.store import Store
from interpret.study.survey import run_survey
from interpret.study.sweep import default_taus, own_taus, rho_sweep, tau_maps, tau_sweep
from interpret.study.verification import verify_retention

VERSIONED = ("torch", "timm", "captum", "grad-cam", "numpy", "pandas")


@dataclass(frozen=True, eq=False)
class Study:
    """What was found: tidy tables and raw maps, on the CPU, savable; figures are drawn from it alone.

    Attributes:
        models: what is known of each model, JSON-able.
        settings: what was asked: data, seed, taus, device, versions ...
        tables: "predictions", "maps" and "indicators" of the images shown; "survey", "tau_sweep", "rho_sweep",
            "landmarks" and "retention" of a larger sample; "history" and "tracked" of the training; each tidy.
        images: what the models saw, one size for all.
        maps: attribution -> raw signed maps per model; heatmaps: post-threshold attention of the classifier's token;
            tau_maps: the same for the last layer, heads fused, at each of settings["taus"].
        masks: exact object masks where the data set has them.
    """

    models: tuple[dict[str, Any], ...]
    settings: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    images: UInt8[np.ndarray, "image height width rgb"]
    image_ids: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    masks: Bool[np.ndarray, "image height width"] | None = None

    def __repr__(self) -> str:
        names = ", ".join(repr(model["name"]) for model in self.models)
        return (
            f"Study({names}, {len(self.image_ids)} images of {self.settings['data']}, tables: {', '.join(self.tables)})"
        )

    def map(self, model: int, attribution: str) -> Float[np.ndarray, "image row col"]:
        """Raw maps of one attribution; NaN where it is undefined."""
        return self.arrays[f"map/{model}/{attribution}"]

    def heatmap(self, model: int) -> Float[np.ndarray, "image layer head row col"]:
        """Attention of the classifier's token after any threshold."""
        return self.arrays[f"heatmap/{model}"]

    def tau_map(self, model: int) -> Float[np.ndarray, "tau image row col"]:
        """Last layer's attention of the classifier's token, heads fused, at each tau."""
        return self.arrays[f"tau_map/{model}"]

    def save(self, folder: str | Path) -> None:
        """Write the study into a folder that is made for it: study.json, arrays.npz and one CSV a table."""
        folder = Path(folder)
        folder.mkdir(parents=True)
        masks = {} if self.masks is None else {"masks": self.masks}
        np.savez_compressed(folder / "arrays.npz", images=self.images, **masks, **self.arrays)
        for name, table in self.tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        text = {
            "models": self.models,
            "settings": self.settings,
            "image_ids": self.image_ids,
            "dtypes": {name: table.dtypes.astype(str).to_dict() for name, table in self.tables.items()},
        }
        (folder / "study.json").write_text(json.dumps(text, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "Study":
        """Read what `save` wrote; neither a checkpoint nor a GPU is needed.

        Raises:
            InterpretError: the folder holds no study.
        """
        folder = Path(folder)
        if not (folder / "study.json").is_file():
            raise InterpretError(f"{folder}: no study.json in it; expected the study/ folder of a pack")
        text = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz") as file:
            arrays = dict(file)
        return cls(
            models=tuple(text["models"]),
            settings=text["settings"],
            tables={name: _read_table(folder / f"{name}.csv", types) for name, types in text["dtypes"].items()},
            images=arrays.pop("images"),
            image_ids=tuple(text["image_ids"]),
            masks=arrays.pop("masks", None),
            arrays=arrays,
        )


def _read_table(path: Path, types: dict[str, str]) -> pd.DataFrame:
    """All is read as text and converted by type: no parser rounds a number or takes a name for one."""
    if not types:
        return pd.DataFrame()
    text = pd.read_csv(path, keep_default_na=False, dtype=str)
    numbers = text[[column for column, dtype in types.items() if dtype.startswith("float")]].replace("", "nan")
    flags = {column: text[column] == "True" for column, dtype in types.items() if dtype == "bool"}
    return text.assign(**numbers, **flags).astype(types)


def run_study(
    models: Sequence[LoadedModel],
    data: Dataset,
    *,
    attributions: Sequence[str],
    indicators: Sequence[str],
    taus: Sequence[float] | None = None,
    limit: int = 8,
    sample: int = 128,
    by_layer: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    store: Store | None = None,
) -> Study:
    """Look at the same images, explaining the same class of each, through every model.

    The class is the label where the first model knows it, else the first model's prediction; a model with other
    classes explains its own prediction. What a threshold would cut is measured at the thresholds that the models have.
    Where several processes run, each surveys and sweeps its share of the images, and each gets the whole study.

    Args:
        limit: images that are shown, drawn by `seed` from a labelled set, the first ones of another.
        sample: images that the survey and the sweeps look at, drawn alike.
        by_layer: sweep each layer alone too.
        store: keeps what the sweeps saw and finds it again.

    Raises:
        InterpretError: no model, no image, or models whose inputs have different aspect ratios.
    """
    models = cohort.named_apart(models)
    _check(models, data, limit)
    frame = cohort.frame(models)
    order = np.random.default_rng(seed).permutation(len(data)) if data.classes else np.arange(len(data))
    drawn = [data[int(position)] for position in order[:limit]]
    sampled = data.subset([int(position) for position in order[:sample]])
    taus = default_taus(models) if taus is None else tuple(sorted({0.0, *taus}))
    baseline = {"would_be_sparsity": [{"tau": tau} for tau in sorted(own_taus(models))] or [{}]}
    seen: list[Observation] = []
    for model in tqdm(models, "look", disable=None):
        shared = seen[0].targets if seen and cohort.same_classes(model, models[0]) else None
        seen.append(observe(model, drawn, data.classes, shared, attributions, indicators, batch_size, baseline))
    asked = {"data": data.name, "attributions": list(attributions), "indicators": list(indicators), "taus": list(taus)}
    asked |= {"seed": seed, "sample": len(sampled), "by_layer": by_layer}
    return Study(
        models=tuple(model.describe() for model in models),
        settings=asked | _machine(models[0]),
        tables={
            "predictions": _stacked(models, [one.predictions for one in seen]),
            "maps": _stacked(models, [one.status for one in seen]),
            "indicators": _stacked(models, [one.indicators for one in seen]),
            "survey": _survey(models, sampled, indicators, baseline, batch_size),
            **_swept(models, sampled, taus, {"by_layer": by_layer, "batch_size": batch_size, "store": store}),
            "tracked": _stacked(models, [history.indicators(model.history) for model in models]),
            "history": _stacked(models, [history.curves(model.history) for model in models]),
        },
        images=np.stack([np.asarray(fit(example.image, frame)) for example in drawn]),
        image_ids=tuple(example.id for example in drawn),
        arrays=_arrays(models, seen, drawn, taus, batch_size),
        masks=_masks(drawn, frame),
    )


def _arrays(
    models: Sequence[LoadedModel],
    seen: Sequence[Observation],
    drawn: Sequence[Example],
    taus: Sequence[float],
    batch_size: int,
) -> dict[str, np.ndarray]:
    arrays = {}
    for index, (model, one) in enumerate(zip(models, seen, strict=True)):
        arrays |= {f"map/{index}/{name}": maps for name, maps in one.maps.items()}
        arrays[f"heatmap/{index}"] = one.heatmaps
        arrays[f"tau_map/{index}"] = tau_maps(model, pixels_of(model, drawn), taus, batch_size).numpy(force=True)
    return arrays


def _swept(
    models: Sequence[LoadedModel], data: Dataset, taus: Sequence[float], chosen: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """The sweeps and where they turn; what acts on sigma is of the models that have one."""
    with_sigma = [model for model in models if model.spec.mechanism == "svda"]
    by_tau = [tau_sweep(model, data, taus, **chosen) for model in tqdm(models, "tau", disable=None)]
    by_rho = [rho_sweep(model, data, **chosen) for model in tqdm(with_sigma, "rho", disable=None)]
    verified = [verify_retention(model, data, batch_size=chosen["batch_size"]) for model in with_sigma]
    return {
        "tau_sweep": _joined(by_tau),
        "rho_sweep": _joined(by_rho),
        "landmarks": _joined([landmarks(table) for table in (*by_tau, *by_rho)]),
        "retention": _joined(verified),
    }


def _machine(model: LoadedModel) -> dict[str, Any]:
    return {
        "device": str(model.device),
        "dtype": str(next(model.model.parameters()).dtype).removeprefix("torch."),
        "versions": {name: version(name) for name in VERSIONED} | {"python": platform.python_version()},
    }


def _survey(
    models: Sequence[LoadedModel], data: Dataset, indicators: Sequence[str], options: Options, batch_size: int
) -> pd.DataFrame:
    return run_survey(models, data, indicators, options=options, batch_size=batch_size) if indicators else _joined([])


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"model": []})


def _stacked(models: Sequence[LoadedModel], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    named = [table.assign(model=model.name) for model, table in zip(models, tables, strict=True) if len(table)]
    table = _joined(named)
    first = [column for column in ("model", "image", "epoch") if column in table]
    return table.reindex(columns=[*first, *(column for column in table if column not in first)])


def _masks(drawn: Sequence[Example], frame: tuple[int, int]) -> Bool[np.ndarray, "image height width"] | None:
    masks = [fit_mask(example.mask, frame) for example in drawn if example.mask is not None]
    return np.stack(masks) if len(masks) == len(drawn) else None


def _check(models: Sequence[LoadedModel], data: Dataset, limit: int) -> None:
    if not models or not len(data) or limit < 1:
        raise InterpretError(
            f"a study needs a model and an image; got {len(models)} models, {len(data)} images, limit {limit}"
        )
