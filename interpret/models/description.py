"""What figures and manifests say of a model."""

import dataclasses
from typing import Any

from interpret.mechanisms import MECHANISMS
from interpret.models.loaded_model import OWN_SELECTION, LoadedModel


def describe(model: LoadedModel) -> dict[str, Any]:
    """What figures and manifests say of it, JSON-able."""
    return {
        "name": model.name,
        "mechanism": model.spec.mechanism,
        "label": OWN_SELECTION if model.anatomy.selects else MECHANISMS[model.spec.mechanism].label,
        "rule": model.rule,
        "tau": model.spec.options.get("tau"),
        "trained_tau": model.trained_tau,
        "as_trained": model.as_trained,
        "named": bool(model.spec.classes),
        "assumed": list(model.assumed),
        "tokens": model.grid.tokens,
        "grid": [model.grid.rows, model.grid.cols],
        "prefix": model.grid.prefix,
        "layers": model.depth,
        "heads": model.heads,
        "img_size": list(model.img_size),
        "covered": list(model.covered),
        "task": model.task.name,
        "classes": [model.class_name(index) for index in range(model.anatomy.classes) if model.task.shares],
        "parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        "sha256": model.sha256,
        "record": model.provenance,
        "spec": dataclasses.asdict(model.spec),
    }
