"""What is known of a model beside its tensors: from whom loads it, or from the configuration that lies beside it."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interpret.foundation.errors import CheckpointError
from interpret.models.plain import is_number, is_positive, is_size

ACTIVATIONS = {
    "none": "none",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
"""Names of activations, as transformers and timm write them -> timm's; "none" is for a head."""


PROBLEMS = {
    "regression": "regression",
    "single_label_classification": "classification",
    "multi_label_classification": "multilabel",
}
"""What transformers calls the problem of a classifier -> the task."""
LARGEST = 16 * 2**20
"""Bytes of a configuration."""
PROCESSOR = "preprocessor_config.json"
"""Where transformers says how the input is normalised."""


@dataclass(frozen=True)
class Settings:
    """What keys and shapes of a state dict do not tell; None and empty where it is not known.

    Attributes:
        backbone: timm's name.
        arguments: of timm's `VisionTransformer`.
        img_size: (height, width) of the input; of a configuration: the one that the position embedding is for.
        activation, eps: of the MLPs and the LayerNorms.
        head_activation: of a head of several layers, "none" where nothing stands between them.
        key: which ViT of a file that holds several.
        source: what messages call the place it is known from.
    """

    source: str = ""
    backbone: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    heads: int | None = None
    img_size: tuple[int, int] | None = None
    activation: str | None = None
    eps: float | None = None
    head_activation: str | None = None
    key: str | None = None
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    task: str = ""

    def __or__(self, other: "Settings") -> "Settings":
        """Both, where `other` wins."""
        values = {each.name: getattr(other, each.name) for each in dataclasses.fields(other)}
        return dataclasses.replace(self, **{name: value for name, value in values.items() if value})


def beside(path: Path) -> Settings:
    """What config.json and preprocessor_config.json of a folder say, as timm and transformers write them.

    Raises:
        CheckpointError: a file that is no configuration.
    """
    config, processor = (read_json(path / name) for name in ("config.json", PROCESSOR))
    file = f"{path / 'config.json'}"
    return (
        _of_transformers(config, file) | of_processor(processor, file)
        if "model_type" in config
        else _of_timm(config, file)
    )


def activation_of(name: Any, source: str) -> str:
    """timm's name of an activation.

    Raises:
        CheckpointError: one that is not among those that are known.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise CheckpointError(f"{source}: unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def read_json(path: Path) -> dict[str, Any]:
    """A configuration, empty where there is none.

    Raises:
        CheckpointError: the file is no configuration.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < LARGEST else None
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not the configuration of a model; mend it, or name the weights")
    return content


def _of_timm(config: dict[str, Any], file: str) -> Settings:
    weights = _take(config, "pretrained_cfg", _is(dict), file) or {}
    names = _take(config, "label_names", _is(list), file) or _take(weights, "label_names", _is(list), file)
    settings = Settings(
        file if config else "",
        backbone=_take(config, "architecture", _is(str), file),
        arguments=_take(config, "model_args", _is(dict), file) or {},
        classes=tuple(map(str, names or ())),
    )
    return settings | _statistics(weights, "mean", "std", file)


def _of_transformers(config: dict[str, Any], file: str) -> Settings:
    vision = _take(config, "vision_config", _is(dict), file) or config
    size, names = _take(vision, "image_size", is_size, file), _take(config, "id2label", _is(dict), file) or {}
    activation = _take(vision, "hidden_act", _is(str), file)
    return Settings(
        file,
        heads=_take(vision, "num_attention_heads", _is(int), file),
        img_size=None if size is None else (size, size) if isinstance(size, int) else (size[0], size[1]),
        activation=None if activation is None else activation_of(activation, file),
        eps=_take(vision, "layer_norm_eps", is_positive, file),
        classes=class_names(names, file),
        task=PROBLEMS.get(_take(config, "problem_type", _is(str), file), ""),
    )


def class_names(names: dict[str, Any], file: str) -> tuple[str, ...]:
    """Empty for the names that transformers gives where nobody gave any."""
    if sorted(names) != sorted(map(str, range(len(names)))):
        raise CheckpointError(f"{file}: id2label={names!r:.60}; expected a name for each of 0, 1, 2 ...")
    ordered = tuple(str(names[str(index)]) for index in range(len(names)))
    return () if ordered == tuple(f"LABEL_{index}" for index in range(len(names))) else ordered


def of_processor(processor: dict[str, Any], file: str) -> Settings:
    """Mean and std of the input, as the processor of transformers has them, one number where it is of every channel."""
    if processor.get("do_normalize") is False:
        return Settings(mean=(0.0,), std=(1.0,))
    return _statistics(processor, "image_mean", "image_std", file)


def _statistics(config: dict[str, Any], mean: str, std: str, file: str) -> Settings:
    values = [tuple(map(float, _take(config, name, _is_numbers, file) or ())) for name in (mean, std)]
    if not all(map(is_positive, values[1])):
        raise CheckpointError(f"{file}: {std}={list(values[1])!r:.60} cannot be; expected numbers above 0")
    return Settings(mean=values[0], std=values[1])


def _take(config: dict[str, Any], name: str, fits: Callable[[Any], bool], file: str) -> Any:
    value = config.get(name)
    if value is not None and not fits(value):
        raise CheckpointError(f"{file}: {name}={value!r:.60} cannot be; mend it, or name the weights")
    return value


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind) and not isinstance(value, bool)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_number, value))
