"""Study: the numbers that stand between computing and drawing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, UInt8

from interpret.foundation.errors import InterpretError, read_as
from interpret.foundation.files import check_exists
from interpret.foundation.registry import check_name
from interpret.foundation.tables import as_text, write_csv
from interpret.models.task import TASKS
from interpret.study.earlier import renewed_models, renewed_settings, renewed_tables

TABLES = ("predictions", "maps", "indicators", "survey", "history", "tracked")
MODEL = ("name", "task", "rule", "tau", "as_trained", "named", "assumed", "tokens", "grid", "prefix", "layers", "heads")
MODEL += ("parameters", "sha256", "record")
"""What every study holds, whatever it was asked for."""
NO_TARGET = "no target"
"""Status of a map that would explain a class, of a model that predicts none."""


@dataclass(frozen=True, eq=False)
class Study:
    """What was found: tidy tables and raw maps, on the CPU, savable; figures are drawn from it alone.

    Attributes:
        models: what is known of each model, JSON-able.
        settings: what was asked: data, seed, sweeps (strengths by intervention), device, versions ...
        tables: "predictions", "maps" and "indicators" of the images shown; "survey", "sweep", "operating_points" and
            "retention" of a larger sample; "history" and "tracked" of the training; each tidy.
        images: what the models saw, one size for all.
        image_ids: what each is called, in order.
        arrays: what `map`, `heatmap` and `tau_map` give out, under names such as "map/0/rollout".
        masks: exact object masks where the data set has them.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> study = interpret.run_study(vit, data[:2], attributions="rollout", indicators=[], sweeps=[])
        >>> study.save("study")
        >>> len(interpret.Study.load("study").tables["predictions"])
        2
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

    @property
    def taus(self) -> list[float]:
        """The thresholds that were swept."""
        return self.settings["sweeps"].get("threshold", [])

    def map(self, model: int, attribution: str) -> Float[np.ndarray, "image row col"]:
        """Raw maps of one attribution; NaN where it is undefined."""
        return self.arrays[f"map/{model}/{attribution}"]

    def silent(self, model: int, attribution: str) -> dict[str, str]:
        """Of each image whose map shows nothing why, in a few words."""
        table = self.tables["maps"]
        mine = table[(table["model"] == self.models[model]["name"]) & (table["attribution"] == attribution)]
        status = dict(zip(mine["image"], mine["status"], strict=True))
        return {image: why if why == NO_TARGET else f"{why} map" for image, why in status.items() if why != "ok"}

    def heatmap(self, model: int) -> Float[np.ndarray, "image layer head row col"]:
        """Attention of the classifier's token after any threshold."""
        return self.arrays[f"heatmap/{model}"]

    def tau_map(self, model: int) -> Float[np.ndarray, "tau image row col"]:
        """Last layer's attention of the classifier's token, heads fused, at each of `taus`."""
        return self.arrays[f"tau_map/{model}"]

    def renamed(self, names: Any) -> "Study":
        """The same with other names of models, for figures and pages.

        Args:
            names: name of a model -> what it is called; models that are left out keep their names.

        Raises:
            InterpretError: no dict of texts, a name of no model, or two models of one name.

        Example:
            >>> import interpret
            >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
            >>> study = interpret.run_study(vit, data[:1], attributions="rollout", indicators=[], sweeps=[])
            >>> study.renamed({"shapes-softmax": "ViT, plain"}).models[0]["name"]
            'ViT, plain'
        """
        if not isinstance(names, Mapping):
            raise InterpretError(f"names={names!r} is no dict of a model's name and what it is called")
        for name, shown in names.items():
            check_name("model", name, [model["name"] for model in self.models])
            if not (isinstance(shown, str) and shown.strip()):
                raise InterpretError(f"names: {name!r} is to be called {shown!r}; expected a text")
        called = [names.get(model["name"], model["name"]) for model in self.models]
        if len(set(called)) < len(called):
            raise InterpretError(f"names={dict(names)!r} calls two models alike; give each a name of its own")
        shown = {own: {"name": name, "shown": name} for own, name in names.items()}
        models = (model | shown.get(model["name"], {}) for model in self.models)
        tables = {
            name: table.assign(model=table["model"].replace(dict(names))) if "model" in table else table
            for name, table in self.tables.items()
        }
        return replace(self, models=tuple(models), tables=tables)

    def save(self, folder: str | Path) -> None:
        """Write the study into a folder that is made for it: study.json, arrays.npz and one CSV a table."""
        folder = Path(folder)
        folder.mkdir(parents=True)
        masks = {} if self.masks is None else {"masks": self.masks}
        arrays: dict[str, Any] = {"images": self.images} | masks | self.arrays
        np.savez_compressed(folder / "arrays.npz", **arrays)
        for name, table in self.tables.items():
            write_csv(table, folder / f"{name}.csv")
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
            InterpretError: the folder holds no study, or one that is damaged or leads out of it.
        """
        folder = Path(folder)
        if not (folder / "study.json").is_file():
            raise InterpretError(f"{folder}: no study.json in it; expected the study/ folder of a pack")
        check_exists(folder / "arrays.npz", InterpretError, "the arrays of the study")
        with read_as(str(folder), "a study as it was written"):
            text = json.loads((folder / "study.json").read_text(encoding="utf-8"))
            with np.load(folder / "arrays.npz") as file:
                arrays = dict(file)
            tables = {name: _read_table(folder, name, types) for name, types in text["dtypes"].items()}
            study = cls(
                models=renewed_models(text["models"]),
                settings=renewed_settings(text["settings"]),
                tables=renewed_tables(tables),
                images=arrays.pop("images"),
                image_ids=tuple(text["image_ids"]),
                masks=arrays.pop("masks", None),
                arrays=arrays,
            )
            _check(study)
        return study


def _check(study: Study) -> None:
    """Refuse what figures and pages would stumble over.

    Raises:
        TypeError: models, settings, names or images of another kind than a study's.
        LookupError: something that every study holds is missing.
    """
    missing = [name for name in TABLES if name not in study.tables]
    missing += [key for model in study.models for key in MODEL if key not in model]
    missing += [key for key in ("data", "attributions", "sweeps") if key not in study.settings]
    missing = missing or [f"task {model['task']}" for model in study.models if model["task"] not in TASKS]
    missing = missing or [name for name in _arrays(study) if name not in study.arrays]
    if missing:
        raise LookupError(f"no {missing[0]}")
    names = [*study.image_ids, *(model["name"] for model in study.models)]
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError("a name of an image or a model is no text")
    if study.images.dtype != np.uint8 or study.images.shape[:1] + study.images.shape[3:] != (len(study.image_ids), 3):
        raise TypeError(f"images of {study.images.dtype}, {study.images.shape}")


def _arrays(study: Study) -> list[str]:
    """What the raw maps are called."""
    kinds = ["heatmap/{}", *(f"map/{{}}/{name}" for name in study.settings["attributions"])]
    kinds += ["tau_map/{}"] * bool(study.taus)
    return [kind.format(index) for index in range(len(study.models)) for kind in kinds]


def _read_table(folder: Path, name: str, types: dict[str, str]) -> pd.DataFrame:
    """All is read as text and converted by type: no parser rounds a number or takes a name for one."""
    if not name.isidentifier():
        raise InterpretError(f"{folder}: a table called {name!r} lies elsewhere, and is not read")
    if not types:
        return pd.DataFrame()
    check_exists(folder / f"{name}.csv", InterpretError, "a table of the study")
    written = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, dtype=str)
    text = written.assign(**{str(name): as_text(column) for name, column in written.items()})
    text.columns = as_text(pd.Series(written.columns))
    numbers = text[[column for column, dtype in types.items() if dtype.startswith("float")]].replace("", "nan")
    flags = {column: text[column] == "True" for column, dtype in types.items() if dtype == "bool"}
    return text.assign(**numbers, **flags).astype(types)
