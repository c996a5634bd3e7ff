"""The tau slider of the page: what its script needs, and the still pictures that stand where no script runs."""

import base64
import io
import zlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from interpret import plots
from interpret.curves import whole_model
from interpret.study import Study

IMAGES = 8
"""Images in the explorer: three models of these are redrawn within one frame of the screen."""


def slider(study: Study) -> dict[str, Any] | None:
    """Everything the template shows: payload of the script, default step, stills; None where there is no map to move.

    The maps are steps 0 to 255 of one scale for all images, models and taus; `plots.overlay_pixels` and the script
    turn them into the same picture.
    """
    taus = study.settings["taus"]
    if not taus or not len(study.image_ids):
        return None
    shown = study.images[:IMAGES]
    maps = [study.tau_map(index)[:, :IMAGES] for index in range(len(study.models))]
    if any(np.isnan(values).any() for values in maps):
        return None
    scale = plots.shared_scale(maps)
    levels = [plots.quantise(values, scale) for values in maps]
    default = _default(study, taus)
    return {
        "payload": _payload(study, shown, levels, scale),
        "default": default,
        "scale": scale,
        "bar": data_url(Image.fromarray(plots.lookup(scale.cmap)[None])),
        "rows": [_row(study, shown, levels, scale, default, image) for image in range(len(shown))],
    }


def _payload(study: Study, shown: np.ndarray, levels: list[np.ndarray], scale: plots.Scale) -> dict[str, Any]:
    height, width = shown.shape[1:3]
    taus = study.settings["taus"]
    return {
        "taus": taus,
        "labels": [f"tau = {tau:g}" for tau in taus],
        "images": len(shown),
        "height": height,
        "width": width,
        "factor": plots.enlarge(shown[0]).shape[0] // height,
        "blend": plots.BLEND,
        "lut": _deflated(plots.lookup(scale.cmap)),
        "greys": _deflated(np.stack([plots.grey(image) for image in shown])),
        "models": [_model(study, index, values) for index, values in enumerate(levels)],
    }


def _model(study: Study, index: int, levels: np.ndarray) -> dict[str, Any]:
    rows, cols = levels.shape[2:]
    return {"rows": rows, "cols": cols, "levels": _deflated(levels), "notes": notes(study, study.models[index])}


def notes(study: Study, model: dict[str, Any]) -> list[str]:
    """For each tau of the sweep what the model does there, in the words of its table."""
    sweep = whole_model(study.tables["tau_sweep"])
    mine = {row["tau"]: row for row in sweep[sweep["model"] == model["name"]].to_dict("records")}
    return [_note(mine[tau]) if tau in mine else "" for tau in study.settings["taus"]]


def _note(row: dict[Hashable, Any]) -> str:
    quality = f"confidence {row['confidence']:.2f}" if "accuracy" not in row else f"accuracy {row['accuracy']:.2f}"
    trained = ", as trained" if row["trained"] else ""
    return (
        f"{row['rule']} rule{trained}, tau N = {row['tau_n']:.3g}: {row['active_tokens']:.1f} active tokens, {quality}"
    )


def _default(study: Study, taus: Sequence[float]) -> int:
    trained = [model["tau"] for model in study.models if model["tau"] in taus]
    return taus.index(trained[0]) if trained else 0


def _row(study: Study, shown: np.ndarray, levels: list[np.ndarray], scale: plots.Scale, step: int, image: int) -> dict:
    picture = plots.enlarge(shown[image])
    stills = [plots.overlay_pixels(picture, values[step, image], scale.cmap) for values in levels]
    return {
        "index": image,
        "id": study.image_ids[image],
        "input": data_url(Image.fromarray(picture)),
        "stills": [data_url(Image.fromarray(still)) for still in stills],
    }


def data_url(image: Image.Image) -> str:
    """An image inside the page, as WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "webp", quality=88)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _deflated(array: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()
