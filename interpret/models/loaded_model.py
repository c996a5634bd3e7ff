"""A model that is loaded, and the specification that its weights do not carry."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from interpret.mechanisms import MECHANISMS
from interpret.models import vit as vits


@dataclass(frozen=True)
class ModelSpec:
    """What the weights do not say: how to build the model and how to feed it.

    Attributes:
        backbone: timm's name of the architecture.
        architecture: arguments of timm's `VisionTransformer` that differ from the backbone's own.
        mechanism: registered name of how attention is formed.
        options: the mechanism's arguments, for example {"tau": 0.01}.
        classes: names of the classes, in the order of the logits.
        mean, std: of the input's three channels, on the scale 0 to 1.
    """

    backbone: str
    architecture: dict[str, Any] = field(default_factory=dict)
    mechanism: str = "softmax"
    options: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def build(self) -> nn.Module:
        """The untrained model."""
        return vits.make_attention_explicit(
            vits.create_vit(self.backbone, **self.architecture), self.mechanism, self.options
        )

    @property
    def rule(self) -> str:
        """The mechanism with its options, as figures print it, for example "hard_threshold tau=0.01"."""
        return " ".join([self.mechanism, *(f"{name}={value}" for name, value in self.options.items())])


@dataclass(frozen=True, repr=False)
class LoadedModel:
    """A model ready to be looked at, in eval mode.

    Attributes:
        name: what tables and figures call it.
        history: one record an epoch of its training, empty where the file has none.
        record: how it was made (command, data, seed, accuracy), as far as the file says.
        sha256: of the file it came from, "" for a model that came from memory.
        recorded: the specification in the file, before anything in it was overridden; None where there was none.
        assumed: what the loader took for granted, because the file does not say it.
    """

    model: Any
    spec: ModelSpec
    name: str
    history: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    recorded: ModelSpec | None = None
    assumed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shape = f"{len(self.model.blocks)} layers, {self.model.blocks[0].attn.num_heads} heads, N={self.grid.tokens}"
        return f"LoadedModel({self.name!r}, {self.spec.rule}, {shape})"

    @property
    def grid(self) -> vits.PatchGrid:
        """Where its tokens lie."""
        return vits.patch_grid(self.model)

    @property
    def img_size(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return tuple(self.model.patch_embed.img_size)

    @property
    def device(self) -> torch.device:
        """Where its parameters lie."""
        return next(self.model.parameters()).device

    @property
    def as_trained(self) -> bool:
        """Whether attention is formed as in the training; true where that is not recorded."""
        return self.trained == (self.spec.mechanism, self.spec.options)

    @property
    def trained_tau(self) -> float | None:
        """The threshold of the training under the same rule; of a file that records none the one it was loaded with."""
        mechanism, options = self.trained
        return options.get("tau") if mechanism == self.spec.mechanism else None

    @property
    def trained(self) -> tuple[str, dict[str, Any]]:
        """Mechanism and options of the training; a file that was saved under others keeps them."""
        known = self.recorded or self.spec
        return self.record.get("trained", (known.mechanism, known.options))

    def class_name(self, index: int) -> str:
        """Name of a class, its number where the names are not known."""
        return self.spec.classes[index] if index < len(self.spec.classes) else f"class {index}"

    def describe(self) -> dict[str, Any]:
        """What figures and manifests say of it, JSON-able."""
        return {
            "name": self.name,
            "mechanism": self.spec.mechanism,
            "label": MECHANISMS[self.spec.mechanism].label,
            "rule": self.spec.rule,
            "tau": self.spec.options.get("tau"),
            "trained_tau": self.trained_tau,
            "as_trained": self.as_trained,
            "named": bool(self.spec.classes),
            "assumed": list(self.assumed),
            "tokens": self.grid.tokens,
            "grid": [self.grid.rows, self.grid.cols],
            "prefix": self.grid.prefix,
            "layers": len(self.model.blocks),
            "heads": self.model.blocks[0].attn.num_heads,
            "img_size": list(self.img_size),
            "classes": [self.class_name(index) for index in range(self.model.num_classes)],
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "sha256": self.sha256,
            "record": self.record,
            "spec": dataclasses.asdict(self.spec),
        }


def from_memory(model: nn.Module, spec: ModelSpec, name: str) -> LoadedModel:
    """A model that is already built, as `load` would return it."""
    return LoadedModel(model=model.eval(), spec=spec, name=name)
