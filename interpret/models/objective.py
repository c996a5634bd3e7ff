"""What is explained of an output: a class of each image, a mixture of classes, or any number made of it."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Logits, Target
from interpret.models.loaded_model import LoadedModel
from interpret.models.task import TASKS

Function = Callable[[Logits], object]


@dataclass(frozen=True, eq=False)
class Objective:
    """One number an image, as a function of the output. Without any of these it is the predicted class's logit, or the
    only output.

    Attributes:
        classes: a class of each image, or a feature.
        mixture: the weight of each class in the number, for each image.
        function: of the output.
        undefined: why there is no such number, where no class is predicted and nobody names a target.
    """

    classes: Target | None = None
    mixture: Float[Tensor, "batch class_"] | None = None
    function: Function | None = None
    undefined: str = ""

    def __repr__(self) -> str:
        if self.function is not None:
            return getattr(self.function, "__name__", type(self.function).__name__)
        return "a mixture of classes" if self.mixture is not None else "a class of each image"

    def of(self, part: slice) -> "Objective":
        """The same for some of the images."""
        cut = {name: tensor[part] for name in ("classes", "mixture") if (tensor := getattr(self, name)) is not None}
        return replace(self, **cut)

    def target(self, logits: Logits) -> Target | None:
        """The class that is explained of each image; None where it is not one class."""
        if self.mixture is not None or self.function is not None or self.undefined:
            return None
        return logits.argmax(dim=-1) if self.classes is None else self.classes.to(logits.device)

    def __call__(self, logits: Logits) -> Float[Tensor, "batch"]:
        """The number.

        Raises:
            InterpretError: a function that gives something else than one number an image.
            UnsupportedModelError: it is undefined.
        """
        if self.undefined:
            raise UnsupportedModelError(self.undefined)
        if self.function is not None:
            return _one_an_image(self._of_function(self.function, logits), self, logits)
        if self.mixture is not None:
            return (logits * self.mixture.to(logits)).sum(dim=-1)
        target = self.target(logits)
        assert target is not None
        return logits.gather(1, target[:, None])[:, 0]

    def _of_function(self, function: Function, logits: Logits) -> Any:
        try:
            return function(logits)
        except Exception as error:  # it is the user's own
            reason = " ".join(str(error).split())
            raise InterpretError(
                f"target {self!r} fails on logits of shape {tuple(logits.shape)}: {type(error).__name__} {reason}"
            ) from error


def objective_of(target: Any, model: LoadedModel, batch: int) -> Objective:
    """What `trace(target=)` means.

    Args:
        target: None for the predicted class, or the only output; a class or a feature, or one an image, as number or
            as name; a vector, so a weight for each class or feature, (class,) or (batch, class), floats, such as a
            prototype or the embedding of a text; or a function of the output (batch, class) -> (batch,).

    Raises:
        InterpretError: none of these, a class that is not there, or a number of them that is not the batch's.
    """
    if target is None:
        return Objective(undefined=undefined_without_target(model))
    if callable(target) and not isinstance(target, Tensor):
        return Objective(function=target)
    numbers = _numbers(target, model)
    classes = model.anatomy.classes
    if numbers.is_floating_point():
        return Objective(mixture=_mixture(numbers, batch, classes))
    numbers = numbers.expand(batch) if numbers.ndim == 0 else numbers
    if numbers.shape != (batch,) or numbers.min() < 0 or numbers.max() >= classes:
        one = model.task.one
        raise InterpretError(f"target {target!r} is not one {one} in [0, {classes}) or one for each of {batch} images")
    return Objective(classes=numbers)


def as_targets(targets: Any, target: Any = None) -> list[Any]:
    """Several targets, each explained by itself; without any the one `target`.

    Raises:
        InterpretError: no list of them, an empty one, or one beside a target.
    """
    if targets is None:
        return [target]
    several = isinstance(targets, Sequence | Tensor | np.ndarray) and not isinstance(targets, str)
    listed = list(targets) if several and getattr(targets, "ndim", 1) else []
    if not listed or target is not None:
        raise InterpretError(f"targets={targets!r:.80}; expected a list of what is explained in turn, without target=")
    return listed


def undefined_without_target(model: LoadedModel) -> str:
    """Why nothing is explained where nobody names a target; "" where the predicted class is, or the only output."""
    count, one = model.anatomy.classes, model.task.one
    if model.task.shares is not None or (model.task is TASKS["regression"] and count == 1):
        return ""
    return (
        f"{model.name} predicts no class, its output is {count} {one}s, and no target says what to explain: the number "
        f"of a {one}, a vector of {count} floats such as a prototype, or a function (batch, {count}) -> (batch,)"
    )


def _numbers(target: Any, model: LoadedModel) -> Tensor:
    if isinstance(target, str):
        return torch.tensor(class_index(target, model))
    try:
        if isinstance(target, Sequence) and any(isinstance(each, str) for each in target):
            return torch.tensor([class_index(each, model) if isinstance(each, str) else int(each) for each in target])
        return _plain(torch.as_tensor(np.asarray(target) if not isinstance(target, Tensor) else target))
    except InterpretError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise InterpretError(
            f"target {target!r} is no class; expected a class number or name, one for each image, weights of the "
            "classes, or a function of the logits"
        ) from error


def _plain(numbers: Tensor) -> Tensor:
    """Floats as they are, whole numbers as PyTorch indexes with them."""
    if numbers.dtype is torch.bool or numbers.is_complex():
        raise TypeError
    return numbers if numbers.is_floating_point() else numbers.long()


def class_index(name: str, model: LoadedModel) -> int:
    """The number of a class.

    Raises:
        InterpretError: the model has no class of that name.
    """
    names = model.spec.classes
    if name in names:
        return names.index(name)
    if not names:
        raise InterpretError(
            f"target {name!r}: {model.name} carries no class names; give its number, or load(classes=)"
        )
    nearest = difflib.get_close_matches(name, names, n=1) or [each for each in names if name in each][:1]
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    raise InterpretError(f"target {name!r} is no class of {model.name}; {hint}its {len(names)} classes: {shown}")


def _mixture(weights: Tensor, batch: int, classes: int) -> Tensor:
    if weights.shape not in ((classes,), (batch, classes)):
        raise InterpretError(
            f"target of shape {tuple(weights.shape)} and floats: expected a weight for each of {classes} classes, "
            f"({classes},) or ({batch}, {classes}); a class is a whole number"
        )
    return weights.expand(batch, classes)


def _one_an_image(values: object, objective: Objective, logits: Logits) -> Tensor:
    if not isinstance(values, Tensor) or values.shape != logits.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise InterpretError(f"target {objective!r} gave {shape}; expected one number for each of {len(logits)} images")
    if logits.requires_grad and not values.requires_grad:
        raise InterpretError(
            f"target {objective!r} gave numbers without a derivative; expected a smooth function of the logits, as "
            "lambda logits: logits[:, 1] - logits[:, 0]"
        )
    return values
