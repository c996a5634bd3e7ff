"""What a live module says of its input and classes: its attributes, and the configurations of two libraries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from interpret.models.backbones import configured, pretrained_cfg
from interpret.models.settings import PROCESSOR, class_names, of_processor, read_json

SIZES = ("img_size", "image_size")


def input_size(module: nn.Module) -> tuple[int, int] | None:
    """(height, width) that the module, a part of it, or its configuration says; None where none does."""
    places = [*(vars(each) for each in module.modules()), _config(module)]
    known = [place.get(name) for place in places for name in SIZES] + [pretrained_cfg(module).get("input_size")]
    return next((size for each in known if (size := _as_size(each))), None)


def input_channels(module: nn.Module) -> int:
    """Of the first convolution; 3 where there is none."""
    convolutions = (each for each in module.modules() if isinstance(each, nn.Conv2d))
    first = next(convolutions, None)
    return 3 if first is None else first.in_channels


def known_of(module: nn.Module) -> dict[str, Any]:
    """Mean and std of the input and names of the classes, as far as they are known.

    Raises:
        CheckpointError: a configuration that cannot be.
    """
    config, source = _config(module), f"the configuration of {type(module).__name__}"
    processor = of_processor(_processor(config), source)
    names = class_names({str(index): name for index, name in (config.get("id2label") or {}).items()}, source)
    known = {"mean": processor.mean, "std": processor.std, "classes": names} | configured(module)
    return {name: values for name, values in known.items() if values}


def _as_size(value: object) -> tuple[int, int] | None:
    """From a number, (height, width), or timm's (channels, height, width)."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        return value, value
    if isinstance(value, tuple | list) and len(value) in (2, 3) and all(isinstance(each, int) for each in value):
        return value[-2], value[-1]
    return None


def _config(module: nn.Module) -> dict[str, Any]:
    """Of transformers; that of the vision part where there are two."""
    config = getattr(module, "config", None)
    return vars(getattr(config, "vision_config", None) or config) if hasattr(config, "model_type") else {}


def _processor(config: Mapping[str, Any]) -> dict[str, Any]:
    """The preprocessing beside the files that the module came from, where that is a folder."""
    origin = str(config.get("_name_or_path") or "")
    return read_json(Path(origin) / PROCESSOR) if origin else {}
