"""What a file of this project records, checked before anything is made of it: somebody else may have written it.

What numbers depend on is refused where it cannot be; what only describes them is left out then, and that is said.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models.architecture import check_architecture
from interpret.models.arguments import ARGUMENTS, OF_INPUT
from interpret.models.history import as_history
from interpret.models.model_spec import ModelSpec
from interpret.models.plain import NotPlainError, is_count, is_number, plain
from interpret.models.state_dict import check_numbers
from interpret.models.stored import check_stored, checksum

LONGEST_NAME = 200


@dataclass(frozen=True)
class Recorded:
    """What was read.

    Attributes:
        spec: how the model is built and fed.
        tensors: under timm's names.
        name, history, provenance: as `LoadedModel` has them.
        notes: what was left out.
    """

    spec: ModelSpec
    tensors: dict[str, Tensor]
    name: str
    history: list[dict[str, Any]]
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def recorded(payload: Mapping[str, Any], file: Path, size: int, given: Collection[str] = ()) -> Recorded:
    """What a file of this project holds.

    Args:
        size: of the file, in bytes.
        given: fields of the specification that are not read, because others take their place.

    Raises:
        CheckpointError: a specification that cannot be, or tensors that are none.
    """
    notes: list[str] = []

    def described(part: str, read: Callable[[Any], Any], value: Any, otherwise: Any) -> Any:
        try:
            return read(value)
        except NotPlainError:
            notes.append(f"its {part} left out: not as this project writes it")
            return otherwise

    fields = payload.get("spec")
    if isinstance(fields, Mapping):
        fields = {name: value for name, value in fields.items() if name not in given}
    if isinstance(fields, Mapping) and "classes" in fields:
        fields = {**fields, "classes": described("names of classes", _names, fields["classes"], ())}
    spec = _spec(fields, f"{file}")
    tensors = _tensors(payload.get("state_dict"), size, f"{file}")
    if "checksum" in payload and str(payload["checksum"]) != checksum(tensors):
        raise CheckpointError(
            f"{file}: its weights are not those that were saved, a checksum says; copy the file again"
        )
    return Recorded(
        spec=spec,
        tensors=tensors,
        name=described("name", _name, payload.get("name", file.stem), file.stem),
        history=described("history", as_history, payload.get("history", []), []),
        provenance=described("record", _provenance, payload.get("record", {}), {}),
        notes=tuple(notes),
    )


def _spec(fields: Any, source: str) -> ModelSpec:
    known = {each.name for each in dataclasses.fields(ModelSpec)}
    if not isinstance(fields, Mapping) or not fields.keys() <= known or "backbone" not in fields:
        raise CheckpointError(f"{source}: its spec is of another version of this format, or of none")
    spec: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    for name, kind in {"backbone": str, "architecture": dict, "mechanism": str, "options": dict}.items():
        if not isinstance(spec.get(name, kind()), kind):
            raise CheckpointError(f"{source}: the {name} of its spec is a {type(spec[name]).__name__}")
    check_architecture(source, spec.get("architecture", {}))
    _check_mechanism(spec.get("mechanism", "softmax"), spec.get("options", {}), source)
    spec |= {name: _checked(name, spec[name], source) for name in OF_INPUT if name in spec}
    return ModelSpec(**spec)


def _check_mechanism(name: str, options: Any, source: str) -> None:
    try:
        MECHANISMS[name].function(1, 1, **plain(options))
    except (InterpretError, NotPlainError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        what = str(error) or "they are no plain values"
        raise CheckpointError(f"{source}: {name!r:.60} with the options of its spec: {what}") from None


def _checked(name: str, value: Any, source: str) -> Any:
    """As `load` takes it, or as it is where nobody said it."""
    try:
        stated = plain(value)
        if stated == getattr(ModelSpec, name):
            return stated
        read = ARGUMENTS[name].read(stated)
    except NotPlainError:
        read = None
    except InterpretError as error:
        raise CheckpointError(f"{source}: the {name} of its spec: {error}") from None
    if read is None:
        raise CheckpointError(f"{source}: the {name} of its spec is not {ARGUMENTS[name].expected}; pass {name}=")
    return read


def _tensors(tensors: Any, size: int, source: str) -> dict[str, Tensor]:
    keyed = isinstance(tensors, Mapping) and all(isinstance(key, str) for key in tensors)
    if not keyed or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{source}: its state_dict is no dictionary of tensors; the file is not whole")
    check_numbers(tensors, source)
    check_stored(tensors, size, source)
    return {key: tensor.resolve_conj().resolve_neg() for key, tensor in tensors.items()}


def _names(classes: Any) -> tuple[str, ...]:
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) for name in classes):
        raise NotPlainError
    return tuple(map(printable, classes))


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
        raise NotPlainError
    return printable(name)


def _provenance(record: Any) -> dict[str, Any]:
    known = plain(record)
    if not isinstance(known, dict):
        raise NotPlainError
    recipe, images, accuracy = known.get("recipe", {}), known.get("images", {}), known.get("test_accuracy", 0.0)
    fits = isinstance(recipe, dict) and isinstance(recipe.get("data", ""), str) and isinstance(images, dict)
    if "test_accuracy" in known:
        fits = fits and is_number(accuracy) and 0 <= accuracy <= 1 and is_count(images.get("test")) and "data" in recipe
    if not fits or not _is_rule(known.get("trained", ("softmax", {}))):
        raise NotPlainError
    return known | ({"trained": tuple(known["trained"])} if "trained" in known else {})


def _is_rule(trained: Any) -> bool:
    two = isinstance(trained, list | tuple) and len(trained) == 2
    return two and trained[0] in MECHANISMS and isinstance(trained[1], dict)
