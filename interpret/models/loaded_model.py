"""A model that is loaded."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from interpret.data import Example
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images, Logits
from interpret.mechanisms import MECHANISMS
from interpret.models.device import usable
from interpret.models.model_spec import ModelSpec
from interpret.models.pixels import model_input
from interpret.models.state import plain_attributes
from interpret.models.vit import PatchGrid, VisionTransformer, ViT, patch_grid


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

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> vit.depth, vit.heads, vit.grid
        (4, 3, PatchGrid(rows=8, cols=8, prefix=1))
        >>> tuple(vit(vit.pixels(interpret.load_data("shapes")[0].image)).shape)
        (1, 10)
    """

    model: VisionTransformer
    spec: ModelSpec
    name: str
    history: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    recorded: ModelSpec | None = None
    assumed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shape = f"{self.depth} layers, {self.heads} heads, N={self.grid.tokens}"
        return f"LoadedModel({self.name!r}, {self.spec.rule}, {shape})"

    @property
    def grid(self) -> PatchGrid:
        """Where its tokens lie."""
        return patch_grid(self.vit)

    @property
    def img_size(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return self.vit.patch_embed.img_size

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

    def pixels(self, images: Any) -> Images:
        """The model's input from one image or several.

        Pictures, paths and arrays as `as_pictures` takes them are fitted and normalised. Floats, a batch (batch channel
        height width) or a list of (channel height width), stay as they are.

        Raises:
            InterpretError: no image, or floats of another size or number of channels.
            ImageError: something that is no picture.
        """
        return model_input(images, self.name, self.channels, self.img_size, self.spec.mean, self.spec.std)

    @property
    def patch_size(self) -> tuple[int, int]:
        """(height, width) of a patch, pixels of the input."""
        return self.vit.patch_embed.patch_size

    @property
    def covered(self) -> tuple[float, float]:
        """Shares of the input's height and width under its patches: what is left at bottom and right no patch sees."""
        (height, width), (tall, broad) = self.img_size, self.patch_size
        return self.grid.rows * tall / height, self.grid.cols * broad / width

    @property
    def channels(self) -> int:
        """Of the input."""
        return self.vit.patch_embed.proj.in_channels

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.vit.blocks)

    @property
    def heads(self) -> int:
        """Number of heads of a layer."""
        return self.vit.blocks[0].attn.num_heads

    @property
    def vit(self) -> ViT:
        """The same module, as what is looked at: the layers of a torch `Sequential` have no type of their own."""
        return cast(ViT, self.model)

    def __call__(self, images: Images) -> Logits:
        """The logits, as a plain forward pass gives them."""
        return self.model(images)

    def to(self, device: str | torch.device) -> "LoadedModel":
        """The same model on another device; its module is moved, as PyTorch does it."""
        self.model.to(usable(device))
        return self

    def labels(self, examples: Sequence[Example], classes: Sequence[str]) -> list[int] | None:
        """Labels as this model's classes, None where it has not the data set's `classes` or an image has no label.

        A model without class names takes those of the data set where it has as many.
        """
        same = tuple(classes) == self.spec.classes
        unnamed = not self.spec.classes and self.vit.num_classes == len(classes)
        labels = [example.label for example in examples]
        known = [label for label in labels if label is not None]
        return known if classes and (same or unnamed) and len(known) == len(labels) else None

    def same_classes(self, other: "LoadedModel") -> bool:
        """Whether a class of one is the same class of the other."""
        return self.spec.classes == other.spec.classes and self.vit.num_classes == other.vit.num_classes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that a forward pass uses, as it is now: weights, buffers, and plain attributes such as tau.

        "" where a file and a specification do not say all of the model, so under an intervention.
        """
        mechanisms = [block.attn.mechanism for block in self.vit.blocks]
        if not self.sha256 or any(hasattr(mechanism, "inner") for mechanism in mechanisms):
            return ""
        digest = hashlib.sha256(repr(plain_attributes(self.model)).encode())
        for name, tensor in [*self.model.named_parameters(), *self.model.named_buffers()]:
            digest.update(name.encode() + tensor.detach().reshape(-1).view(torch.uint8).numpy(force=True).tobytes())
        return digest.hexdigest()

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
            "layers": self.depth,
            "heads": self.heads,
            "img_size": list(self.img_size),
            "covered": list(self.covered),
            "classes": [self.class_name(index) for index in range(self.vit.num_classes)],
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "sha256": self.sha256,
            "record": self.record,
            "spec": dataclasses.asdict(self.spec),
        }


def from_memory(model: VisionTransformer, spec: ModelSpec, name: str) -> LoadedModel:
    """A model that is already built, as `load` would return it."""
    return LoadedModel(model=model.eval(), spec=spec, name=name)


def as_models(models: Any) -> list[LoadedModel]:
    """One model or several, as a list.

    Raises:
        InterpretError: none, or something that was not loaded.
    """
    listed = list(models) if isinstance(models, Sequence) else [models]
    for model in listed:
        if not isinstance(model, LoadedModel):
            raise InterpretError(
                f"expected loaded models, found a {type(model).__name__}; pass what interpret.load gives"
            )
    if not listed:
        raise InterpretError("there is no model to look at; pass at least one")
    return listed


def named_apart(models: Sequence[LoadedModel]) -> list[LoadedModel]:
    """Models of one name get a number, so that rows of tables stay apart."""
    names = [model.name for model in models]
    return [
        dataclasses.replace(model, name=f"{model.name} ({names[:index].count(model.name) + 1})")
        if names.count(model.name) > 1
        else model
        for index, model in enumerate(models)
    ]


def common_size(models: Sequence[LoadedModel]) -> tuple[int, int]:
    """The largest input size, (height, width): the size of the pictures under the maps.

    Raises:
        InterpretError: inputs of different aspect ratios.
    """
    if len({model.img_size[0] / model.img_size[1] for model in models}) > 1:
        sizes = ", ".join(f"{model.name} {model.img_size}" for model in models)
        raise InterpretError(
            f"models whose inputs differ in aspect ratio cannot share pictures: {sizes}; report them apart"
        )
    return max(model.img_size for model in models)
