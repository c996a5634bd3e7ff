"""What a study embeds: every screen that it has numbers for, and the pictures under them. No kernel is needed."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from interpret.explorer import embedding
from interpret.explorer.screen import Levels, control, menu, packed, packed_grid
from interpret.explorer.strengths import OWN
from interpret.explorer.study_screens import MEAN, StudyScreens
from interpret.study.study import Study

EVERY = "all"
LABELS = {"layer": "layer", "head": "head", "tau": "threshold"}
"""Of the controls that only some views follow."""


def payload(study: Study) -> dict[str, Any] | None:
    """What the script needs, JSON-able; None without any map."""
    whole = StudyScreens(study)
    if not whole.views:
        return None
    levels = Levels()
    made = {key: packed(screen, levels) for key, screen in whole.screens().items()}
    text = json.dumps({"screens": made, "grids": [packed_grid(grid, levels) for grid in whole.grids]})
    return {
        "menu": menu(menu_models(study), _images(whole), _controls(whole)),
        "state": _first_state(whole),
        "follows": {view.name: list(view.follows) for view in whole.views},
        "pictures": [embedding.picture(study.images[image]) for image in whole.images],
        "screens": embedding.deflated(np.frombuffer(text.encode(), dtype=np.uint8)),
        "levels": embedding.deflated(np.frombuffer(levels.joined, dtype=np.uint8)),
    }


def menu_models(study: Study) -> list[dict[str, Any]]:
    """What is known of each model: name, rule, grid of patches and the shares of the picture under them."""
    known = ("name", "rule", "covered")
    grids = (dict(zip(("rows", "cols"), model["grid"], strict=True)) for model in study.models)
    return [{key: model[key] for key in known} | grid for model, grid in zip(study.models, grids, strict=True)]


def _first_state(whole: StudyScreens) -> dict[str, Any]:
    """As the page opens: all images under all models as loaded."""
    last = max(model["layers"] for model in whole.study.models) - 1
    start = {"image": EVERY, "models": list(whole.models), "attribution": whole.views[0].name}
    return start | {"tau": OWN, "layer": last, "head": MEAN}


def _images(whole: StudyScreens) -> list[dict[str, str]]:
    table, names = whole.study.tables["predictions"], whole.study.image_ids
    labels = dict(zip(table["image"], table["label"], strict=True))
    return [{"name": names[image], "label": str(labels[names[image]])} for image in whole.images]


def _controls(whole: StudyScreens) -> list[dict[str, Any]]:
    names = whole.study.image_ids
    images = [(EVERY, EVERY), *((names[image], image) for image in whole.images)]
    models = [(model["name"], index) for index, model in enumerate(whole.study.models)]
    own = {f"{model['tau']:g}" for model in whole.study.models if model["tau"] is not None}
    follows = {name: values for view in whole.views for name, values in view.follows.items()}
    return [
        control("image", "image", "select", images),
        control("attribution", "show", "select", [(view.title, view.name) for view in whole.views]),
        *(
            control(name, LABELS[name], "range" if name == "tau" else "select", _stops(name, values, own))
            for name, values in follows.items()
        ),
        control("models", "models", "several", models),
    ]


def _stops(name: str, values: Sequence[Any], own: set[str]) -> list[tuple[str, Any]]:
    if name == "tau":
        return [(value if value == OWN else f"tau = {value}{' (own)' * (value in own)}", value) for value in values]
    return [("mean of all" if value == MEAN else str(value), value) for value in values]
