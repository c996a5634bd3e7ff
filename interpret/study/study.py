"""Study: the numbers that stand between computing and drawing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, UInt8

from interpret.foundation.errors import InterpretError
from interpret.foundation.tables import as_text, write_csv
from interpret.study.earlier import renewed_models, renewed_settings, renewed_tables


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

    def heatmap(self, model: int) -> Float[np.ndarray, "image layer head row col"]:
        """Attention of the classifier's token after any threshold."""
        return self.arrays[f"heatmap/{model}"]

    def tau_map(self, model: int) -> Float[np.ndarray, "tau image row col"]:
        """Last layer's attention of the classifier's token, heads fused, at each of `taus`."""
        return self.arrays[f"tau_map/{model}"]

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
            InterpretError: the folder holds no study.
        """
        folder = Path(folder)
        if not (folder / "study.json").is_file():
            raise InterpretError(f"{folder}: no study.json in it; expected the study/ folder of a pack")
        text = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz") as file:
            arrays = dict(file)
        return cls(
            models=renewed_models(text["models"]),
            settings=renewed_settings(text["settings"]),
            tables=renewed_tables(
                {name: _read_table(folder / f"{name}.csv", types) for name, types in text["dtypes"].items()}
            ),
            images=arrays.pop("images"),
            image_ids=tuple(text["image_ids"]),
            masks=arrays.pop("masks", None),
            arrays=arrays,
        )


def _read_table(path: Path, types: dict[str, str]) -> pd.DataFrame:
    """All is read as text and converted by type: no parser rounds a number or takes a name for one."""
    if not types:
        return pd.DataFrame()
    written = pd.read_csv(path, keep_default_na=False, dtype=str)
    text = written.assign(**{str(name): as_text(column) for name, column in written.items()})
    numbers = text[[column for column, dtype in types.items() if dtype.startswith("float")]].replace("", "nan")
    flags = {column: text[column] == "True" for column, dtype in types.items() if dtype == "bool"}
    return text.assign(**numbers, **flags).astype(types)
