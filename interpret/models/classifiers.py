"""The classifier of a backbone: among its own tensors, or beside them in the same dictionary."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from interpret.foundation.errors import CheckpointError
from interpret.models.families import Converted
from interpret.models.heads import Head, settle
from interpret.models.state_dict import ANCHOR

Tensors = Mapping[str, Tensor]

CLASSIFIERS = ("head", "heads", "fc", "classifier", "linear", "linear_head", "mlp_head", "out_head", "cls_classifier")
PROJECTION = "visual_projection"
ASIDE = re.compile(r"last_layer|prototypes|dino_head|ibot_head")
"""What a self-supervised training adds to a head, and nothing else does."""
ASIDE_OF_TWO = re.compile(r"\bhead\.mlp\.")
"""What it adds where a student and a teacher learn from each other; elsewhere that is a classifier."""
INSIDE = ("head.", "pre_logits.fc.", "projection.")
"""Where a family puts the head that is its own."""


@dataclass(frozen=True)
class Classified:
    """A backbone with its head: all tensors under timm's names, the head itself, and what lies beside both.

    Attributes:
        owner: the name of the head that lay beside the backbone, "" for one of its own.
    """

    tensors: dict[str, Tensor]
    head: Head
    beside: dict[str, Tensor]
    owner: str


def classified(
    converted: Converted, beside: Tensors, activation: str | None, source: str, *, of_two: bool = False
) -> Classified:
    """The backbone with the head that is its own, else with the one that lies beside it.

    Args:
        activation: of the places in a head that hold no tensor, None where nobody says it.
        of_two: whether it is a student or a teacher.

    Raises:
        CheckpointError: two heads beside it, or one of a form that is not known.
    """
    own, backbone = _split(converted.tensors)
    left, owner = {key: tensor for key, tensor in beside.items() if key not in converted.taken}, ""
    if not own:
        own, owner, left = _beside(left, of_two, source)
    projected = not any(key.startswith("head.") for key in converted.tensors)
    head = settle(
        own,
        int(backbone[ANCHOR].shape[0]) if ANCHOR in backbone else 0,
        wide=converted.wide_head or owner.endswith("linear_head"),
        activation=activation,
        projection=owner.endswith(PROJECTION) if owner else projected,
        source=source,
    )
    return Classified(backbone | head.tensors, head, left, owner)


def _split(tensors: Tensors) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The head, its names as `settle` takes them, and the rest."""
    head = {key: tensor for key, tensor in tensors.items() if key.startswith(INSIDE)}
    named = {key.removeprefix("head.").removeprefix("projection."): tensor for key, tensor in head.items()}
    return named, {key: tensor for key, tensor in tensors.items() if key not in head}


def _beside(beside: Tensors, of_two: bool, source: str) -> tuple[dict[str, Tensor], str, dict[str, Tensor]]:
    """The head that lies beside a backbone, its name, and what else lies there.

    Raises:
        CheckpointError: two of them.
    """
    owners = {key: _owner(key) for key in beside}
    heads = list(dict.fromkeys(owner for owner in owners.values() if owner))
    signs = [ASIDE, ASIDE_OF_TWO] if of_two else [ASIDE]
    aside = {owner for key, owner in owners.items() if any(sign.search(key) for sign in signs)}
    trained = [owner for owner in heads if owner not in aside]
    if len(trained) > 1:
        raise CheckpointError(
            f"{source}: {len(trained)} heads lie beside the backbone ({', '.join(trained)}) and no key tells which "
            "is meant; load the module itself: interpret.load(model)"
        )
    name = trained[0] if trained else ""
    head = {key.removeprefix(f"{name}."): beside[key] for key in beside if name and owners[key] == name}
    return head, name, {key: beside[key] for key in beside if not name or owners[key] != name}


def _owner(key: str) -> str:
    """The name of the head that a tensor belongs to, "" where it belongs to none."""
    parts = key.split(".")
    at = next((index for index, part in enumerate(parts[:-1]) if part in (*CLASSIFIERS, PROJECTION)), None)
    return "" if at is None else ".".join(parts[: at + 1])
