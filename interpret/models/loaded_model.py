"""A model that is loaded."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from interpret.data import Example
from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Attention, Images, Logits
from interpret.foundation.text import printable
from interpret.mechanisms import Mechanism
from interpret.models.anatomy import Anatomy, anatomy_of, as_vit
from interpret.models.device import usable
from interpret.models.grid import PatchGrid
from interpret.models.model_spec import ModelSpec
from interpret.models.operations import PLAIN, Own
from interpret.models.outputs import logits_of
from interpret.models.pixels import model_input
from interpret.models.preserving import untouched
from interpret.models.scopes import in_force, is_changed
from interpret.models.state import digest_of
from interpret.models.task import Task, task_of
from interpret.models.vit import ViT

OWN_SELECTION = "its own selection"
"""The rule of a module that selects by itself, as figures print it."""


@dataclass(frozen=True, repr=False)
class LoadedModel:
    """A model ready to be looked at, in eval mode.

    Attributes:
        name: what tables and figures call it.
        history: one record an epoch of its training, empty where the file has none.
        provenance: how it was made (command, data, seed, accuracy), as far as the file says.
        sha256: of the file it came from, "" for a model that came from memory.
        recorded: the specification in the file, before anything in it was overridden; None where there was none.
        assumed: what the loader took for granted, because the file does not say it.
        measured: the anatomy of a module that is looked at as it is; None of a plain ViT, whose attributes say it.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> vit.depth, vit.heads, vit.grid
        (4, 3, PatchGrid(rows=8, cols=8, prefix=1))
        >>> tuple(vit(vit.pixels(interpret.load_data("shapes")[0].image)).shape)
        (1, 10)
    """

    model: nn.Module
    spec: ModelSpec
    name: str
    history: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    recorded: ModelSpec | None = None
    assumed: tuple[str, ...] = ()
    measured: Anatomy | None = None

    def __repr__(self) -> str:
        shape = f"{self.depth} layers, {self.heads} heads, N={self.grid.tokens}"
        return f"LoadedModel({self.name!r}, {self.rule}, {shape})"

    def __str__(self) -> str:
        height, width = self.img_size
        outputs = f"{self.anatomy.classes} {self.task.one}{'es' if self.task.one == 'class' else 's'}"
        return f"{self!r}: input {self.channels} x {height} x {width}, {outputs}, {self.task.name}"

    @cached_property
    def anatomy(self) -> Anatomy:
        """What it is made of."""
        return self.measured or anatomy_of(self.vit)

    @property
    def grid(self) -> PatchGrid:
        """Where its tokens lie."""
        return self.anatomy.grid

    @property
    def img_size(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return self.anatomy.img_size

    @property
    def task(self) -> Task:
        """What its outputs are."""
        return task_of(self.spec.task, classifier=self.anatomy.classifier, outputs=self.anatomy.classes)

    @property
    def rule(self) -> str:
        """How attention is formed, as figures print it."""
        return OWN_SELECTION if self.anatomy.selects else self.spec.rule

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
        return self.provenance.get("trained", (known.mechanism, known.options))

    def pixels(self, images: Any) -> Images:
        """The model's input from one image or several.

        Pictures, paths and arrays as `as_pictures` takes them are fitted and normalised. Floats, a batch (batch channel
        height width) or a list of (channel height width), stay as they are.

        Raises:
            InterpretError: no image, or floats of another size or number of channels.
            ImageError: something that is no picture.
        """
        return model_input(images, self.name, self.channels, self.img_size, self.spec)

    @property
    def patch_size(self) -> tuple[int, int]:
        """(height, width) of a patch, pixels of the input."""
        return self.anatomy.patch_size

    @property
    def covered(self) -> tuple[float, float]:
        """Shares of the input's height and width under its patches: what is left at bottom and right no patch sees."""
        (height, width), (tall, broad) = self.img_size, self.patch_size
        return self.grid.rows * tall / height, self.grid.cols * broad / width

    @property
    def channels(self) -> int:
        """Of the input."""
        return self.anatomy.channels

    @property
    def depth(self) -> int:
        """Number of layers."""
        return self.anatomy.depth

    @property
    def heads(self) -> int:
        """Number of heads of a layer."""
        return self.anatomy.heads

    @property
    def mechanisms(self) -> list[Mechanism]:
        """How each layer forms its attention here and now, inside any scope that changes it."""
        own = [PLAIN] * self.depth if self.measured else [block.attn.mechanism for block in self.vit.blocks]
        return [in_force(self.model, layer, mechanism) for layer, mechanism in enumerate(own)]

    def selecting(self, weights: Attention) -> list[Mechanism]:
        """Likewise, where it has selected these weights by itself; a module that is looked at does not say how."""
        if not self.measured:
            return self.mechanisms
        return [in_force(self.model, layer, Own(of_layer)) for layer, of_layer in enumerate(weights)]

    @property
    def vit(self) -> ViT:
        """The same module, as the plain ViT that it is.

        Raises:
            UnsupportedModelError: it is another module, looked at as it is.
        """
        if self.measured:
            raise UnsupportedModelError(
                f"{self.name} is a {type(self.model).__name__}, no plain ViT of timm; this needs its weights by name"
            )
        return as_vit(self.model)

    def __call__(self, images: Images) -> Logits:
        """The logits, as a plain forward pass in eval mode gives them."""
        with untouched(self.model) if self.model.training else nullcontext():
            return logits_of(self.model(images), self.name)

    def to(self, device: str | torch.device) -> "LoadedModel":
        """The same model on another device; its module is moved, as PyTorch does it."""
        self.model.to(usable(device))
        return self

    def labels(self, examples: Sequence[Example], classes: Sequence[str]) -> list[int] | None:
        """Labels as this model's classes, None where it has not the data set's `classes` or an image has no label.

        A model without class names takes those of the data set where it has as many.
        """
        if self.task.shares is None:
            return None
        same = tuple(classes) == self.spec.classes
        unnamed = not self.spec.classes and self.anatomy.classes == len(classes)
        labels = [example.label for example in examples]
        known = [label for label in labels if label is not None]
        return known if classes and (same or unnamed) and len(known) == len(labels) else None

    def same_classes(self, other: "LoadedModel") -> bool:
        """Whether a class of one is the same class of the other."""
        alike = self.task is other.task and self.anatomy.classes == other.anatomy.classes
        return alike and self.spec.classes == other.spec.classes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that a forward pass uses, as it is now: weights, buffers, and plain attributes such as tau.

        "" where a file and a specification do not say all of the model, so under an intervention.
        """
        if not self.sha256 or is_changed(self.model):
            return ""
        return digest_of(self.model)

    def check_shown(self, stages: Sequence[str]) -> None:
        """Refuse what needs a stage that cannot be seen.

        Raises:
            UnsupportedModelError: names it, and why.
        """
        hidden = self.anatomy.hidden
        for stage in stages:
            if stage in hidden:
                raise UnsupportedModelError(f"{self.name} does not show {stage!r}: {hidden[stage]}")

    def class_name(self, index: int) -> str:
        """Name of a class; where the names are not known its number, among features or outputs where it is one."""
        if index < len(self.spec.classes):
            return printable(self.spec.classes[index])
        return self.task.one if self.anatomy.classes == 1 else f"{self.task.one} {index}"


def from_memory(model: nn.Module, spec: ModelSpec, name: str) -> LoadedModel:
    """A model that is already built, as `load` would return it."""
    return LoadedModel(model=model.eval(), spec=spec, name=name)
