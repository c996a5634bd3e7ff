"""What a live module says of its input and classes: its attributes, and the configurations of two libraries."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

SIZES = ("img_size", "image_size")


def input_size(module: nn.Module) -> tuple[int, int] | None:
    """(height, width) that the module, a part of it, or its configuration says; None where none does."""
    places = [*(vars(each) for each in module.modules()), _config(module)]
    known = [place.get(name) for place in places for name in SIZES] + [_timm(module).get("input_size")]
    return next((size for each in known if (size := _as_size(each))), None)


def input_channels(module: nn.Module) -> int:
    """Of the first convolution; 3 where there is none."""
    convolutions = (each for each in module.modules() if isinstance(each, nn.Conv2d))
    first = next(convolutions, None)
    return 3 if first is None else first.in_channels


def said(module: nn.Module) -> dict[str, Any]:
    """Mean and std of the input and names of the classes, as far as they are known."""
    timm, processor = _timm(module), _processor(module)
    found = {
        "mean": tuple(timm.get("mean") or processor.get("image_mean") or ()),
        "std": tuple(timm.get("std") or processor.get("image_std") or ()),
        "classes": tuple(timm.get("label_names") or _labels(_config(module))),
    }
    return {name: values for name, values in found.items() if values}


def _as_size(value: object) -> tuple[int, int] | None:
    """From a number, (height, width), or timm's (channels, height, width)."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        return value, value
    if isinstance(value, tuple | list) and len(value) in (2, 3) and all(isinstance(each, int) for each in value):
        return value[-2], value[-1]
    return None


def _timm(module: nn.Module) -> Mapping[str, Any]:
    known = getattr(module, "pretrained_cfg", None)
    return known if isinstance(known, Mapping) else {}


def _config(module: nn.Module) -> dict[str, Any]:
    """Of Hugging Face; that of the vision part where there are two."""
    config = getattr(module, "config", None)
    return vars(getattr(config, "vision_config", None) or config) if hasattr(config, "model_type") else {}


def _labels(config: Mapping[str, Any]) -> list[str]:
    """Names by index, unless they are the placeholders LABEL_0, LABEL_1 ..."""
    names = config.get("id2label") or {}
    listed = [str(names[index]) for index in sorted(names)]
    return [] if all(name == f"LABEL_{index}" for index, name in enumerate(listed)) else listed


def _processor(module: nn.Module) -> Mapping[str, Any]:
    """The preprocessing beside the files that the module came from, where that is a folder."""
    origin = _config(module).get("_name_or_path") or ""
    file = Path(str(origin)) / "preprocessor_config.json"
    try:
        known = json.loads(file.read_text()) if origin and file.is_file() else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, Mapping) else {}
