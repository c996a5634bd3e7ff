"""The panels of the page: what their script needs, and the still pictures that stand where no script runs."""

import math
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from interpret.figures.drawing import plots
from interpret.report import embedding
from interpret.report.views import IMAGES, View, views
from interpret.study.curves import whole_model
from interpret.study.predictions import of_row
from interpret.study.study import Study

STILL = 160
"""Side of a still picture in pixels, at least; the script replaces them by larger ones."""


def explorer(study: Study) -> dict[str, Any] | None:
    """Everything the template shows: payload of the script, first view and step, stills; None without any map."""
    shown = views(study)
    if not shown:
        return None
    first, step = shown[0], _first_step(study, shown[0])
    return {
        "payload": _payload(study, shown) | {"step": step},
        "first": first,
        "step": step,
        "taus": _labels(study),
        "layers": max(model["layers"] for model in study.models),
        "heads": max(model["heads"] for model in study.models),
        "bars": {view.scale.cmap: _bar(view.scale.cmap) for view in shown},
        "views": shown,
        "rows": [_row(study, first, step, image) for image in range(min(IMAGES, len(study.images)))],
    }


def _first_step(study: Study, view: View) -> int:
    """The first trained tau of the sweep, where the first view has steps of tau."""
    taus = study.taus
    trained = [model["tau"] for model in study.models if model["tau"] in taus]
    return taus.index(trained[0]) if trained and view.kind == "rerun" else 0


def _labels(study: Study) -> list[str]:
    return [f"tau = {tau:g}" for tau in study.taus]


def _bar(cmap: str) -> str:
    return embedding.photograph(Image.fromarray(plots.lookup(cmap)[None]))


def _payload(study: Study, shown: list[View]) -> dict[str, Any]:
    pictures, enlarged = study.images[:IMAGES], plots.enlarge(study.images[0])
    cmaps = sorted({view.scale.cmap for view in shown})
    return {
        "taus": _labels(study),
        "height": pictures.shape[1],
        "width": pictures.shape[2],
        "factor": enlarged.shape[0] // pictures.shape[1],
        "blend": plots.BLEND,
        "luts": {cmap: embedding.deflated(plots.lookup(cmap)) for cmap in cmaps},
        "greys": [embedding.exact(plots.grey(picture)) for picture in pictures],
        "models": [
            {
                "name": model["name"],
                "rule": model["rule"],
                "layers": model["layers"],
                "heads": model["heads"],
                "covered": plots.under_patches(enlarged.shape[:2], model["covered"]),
                "notes": notes(study, model),
            }
            for model in study.models
        ],
        "views": [_view(view) for view in shown],
    }


def _view(view: View) -> dict[str, Any]:
    scale = view.scale
    return {
        "kind": view.kind,
        "name": view.name,
        "about": view.about,
        "cmap": scale.cmap,
        "low": f"{scale.low:.3g}",
        "high": high_end(view),
        "models": [_model(view, index, levels) for index, levels in enumerate(view.levels)],
    }


def _model(view: View, index: int, levels: np.ndarray) -> dict[str, Any]:
    _, images, rows, cols = levels.shape
    blank = {f"{step},{image}": why for (step, image), why in view.blank[index].items()}
    cuts = {} if view.cuts is None else {"cuts": embedding.deflated(view.cuts[index])}
    return {
        "images": images,
        "rows": rows,
        "cols": cols,
        "levels": embedding.deflated(levels),
        "blank": blank,
        **cuts,
    }


def high_end(view: View) -> str:
    """The upper end of the colour bar, its unit, and how far values go beyond it."""
    unit = "raw values" if view.kind == "map" else "attention weight, raw"
    beyond = f"; largest {view.scale.peak:.3g}" if view.scale.peak > view.scale.high else ""
    return f"{view.scale.high:.3g} ({unit}{beyond})"


def notes(study: Study, model: dict[str, Any]) -> list[str]:
    """For each tau of the sweep what the model does there, in the words of its table."""
    table = whole_model(study.tables["sweep"], "threshold")
    mine = {row["strength"]: row for row in table.to_dict("records") if row["model"] == model["name"]}
    return [_note(mine[tau]) if tau in mine else "" for tau in study.taus]


def _note(row: dict[Any, Any]) -> str:
    told = [name for name in ("accuracy", "confidence", "value") if not math.isnan(row.get(name, math.nan))]
    answer = f", {told[0]} {row[told[0]]:.2f}" if told else ""
    own = ", of its training" if row["trained"] else ""
    kept = f"{row['active_tokens']:.1f} active tokens"
    return f"{row['rule']} rule{own}, tau N = {row['tau_n']:.3g}: {kept}{answer}"


def _row(study: Study, view: View, step: int, image: int) -> dict[str, Any]:
    picture = study.images[image]
    rows = study.tables["predictions"].loc[lambda table: table["image"] == study.image_ids[image]].set_index("model")
    return {
        "index": image,
        "id": study.image_ids[image],
        "label": str(rows["label"].iloc[0]),
        "input": embedding.photograph(Image.fromarray(plots.enlarge(picture, STILL)), quality=65),
        "stills": [
            _still(study, view, index, step, image) | _prediction(rows.loc[model["name"]])
            for index, model in enumerate(study.models)
        ],
    }


def _still(study: Study, view: View, index: int, step: int, image: int) -> dict[str, str]:
    why = view.blank[index].get((step, image), "")
    enlarged = plots.enlarge(study.images[image], STILL)
    grey = np.repeat(plots.grey(enlarged)[..., None], 3, axis=-1)
    levels, covered = view.levels[index][step, image], study.models[index]["covered"]
    pixels = grey if why else plots.overlay_pixels(enlarged, levels, view.scale.cmap, covered)
    small = Image.fromarray(pixels)
    broad, tall = (math.ceil(side * STILL / min(small.size)) for side in small.size)
    small.thumbnail((broad, tall))
    return {"src": embedding.photograph(small, quality=60), "blank": why}


def _prediction(row: pd.Series) -> dict[str, Any]:
    wrong = bool(row["correct"] == 0)
    return {"prediction": of_row(row.to_dict()).worded(), "wrong": wrong}
