"""The ViTs that a file holds, at any depth and under any name, and the one that is meant."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from interpret.foundation.errors import CheckpointError, UnsupportedModelError
from interpret.models.families import FAMILIES, Family

WRAPPED = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
"""What compiling, checkpointing and sharding put into keys, at any place."""
RANKS = {"teacher": 0, "ema": 2, "student": 3, "momentum": 3, "target": 3}
"""Words in the name of a ViT that say which of several is meant: the lowest; 1 where there is none of them."""
DEEPEST = 8


@dataclass(frozen=True)
class Candidate:
    """A ViT in a file.

    Attributes:
        path: names of the dictionaries that lead to its tensors.
        prefix: of its keys.
        family: whose keys they are.
        tensors: of its own, the prefix stripped.
        beside: those that share its dictionary and are of no other candidate.
    """

    path: tuple[str, ...]
    prefix: str
    family: Family
    tensors: dict[str, Tensor]
    beside: dict[str, Tensor]

    @property
    def name(self) -> str:
        """What `key=` calls it."""
        return ".".join([*self.path, *self.prefix.split(".")]).strip(".")

    @property
    def is_of_two(self) -> bool:
        """Whether it is a student or a teacher."""
        return bool({"student", "teacher"} & self.words)

    @property
    def words(self) -> set[str]:
        """In its name."""
        return set(re.split(r"[._]", self.name.lower()))


def candidates(payload: Mapping[str, Any]) -> list[Candidate]:
    """All ViTs of a known family; one that is refused stands for itself."""
    return [candidate for path, keyed in _dictionaries(payload) for candidate in _among(path, keyed)]


def choose(known: list[Candidate], key: str | None, source: str) -> Candidate:
    """The one that is meant.

    Raises:
        CheckpointError: `key` names none, or nothing tells which.
    """
    names = ", ".join(each.name or "the file itself" for each in known)
    named = [each for each in known if key is None or f".{key}." in f".{each.name}."]
    if not named:
        raise CheckpointError(f"{source}: key={key!r} names no ViT in it; there are: {names}")
    best = min(map(_rank, named))
    chosen = [each for each in named if _rank(each) == best]
    if len(chosen) > 1:
        raise CheckpointError(
            f"{source}: holds {len(known)} ViTs and nothing says which is meant: {names}; pass key= (--key)"
        )
    return chosen[0]


def check_supported(candidate: Candidate, source: str) -> None:
    """Refuse a family that timm's `VisionTransformer` does not compute.

    Raises:
        UnsupportedModelError: with its name, why, and what to do.
    """
    family = candidate.family
    if family.refused:
        raise UnsupportedModelError(
            f"{source}: holds {family.label}, not a plain ViT: {family.refused}; build the model in Python, and load "
            "the module itself: interpret.load(model)"
        )


def kinds(payload: Mapping[str, Any]) -> str:
    """The names at the top of a file and what lies under them, for messages."""
    listed = [f"{str(name)!r:.60} ({_kind(value)})" for name, value in list(payload.items())[:8]]
    more = [f"{len(payload) - 8} more"] if len(payload) > 8 else []
    return ", ".join([*listed, *more]) or "nothing"


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return "tensor " + " x ".join(map(str, value.shape)) if value.ndim else "tensor"
    return f"dictionary of {len(value)}" if isinstance(value, Mapping) else type(value).__name__


def _rank(candidate: Candidate) -> int:
    return min((rank for word, rank in RANKS.items() if word in candidate.words), default=1)


def _dictionaries(
    payload: Mapping[Any, Any], path: tuple[str, ...] = (), met: set[int] | None = None
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every dictionary in a dictionary, once, with its path and without what wrappers put into its keys."""
    met = set() if met is None else met
    met.add(id(payload))
    yield path, {WRAPPED.sub("", key): value for key, value in payload.items() if isinstance(key, str)}
    for name, value in payload.items():
        if isinstance(value, Mapping) and id(value) not in met and len(path) < DEEPEST:
            yield from _dictionaries(value, (*path, str(name)), met)


def _among(path: tuple[str, ...], keyed: dict[str, Any]) -> Iterator[Candidate]:
    tensors = {key: value for key, value in keyed.items() if isinstance(value, Tensor)}
    families = _families(set(keyed) | set(_pruned(keyed)))
    tops = {prefix.partition(".")[0] for prefix in families if prefix}
    for prefix, family in families.items():
        others = tops - {prefix.partition(".")[0]}
        inside = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        beside = {
            key: value
            for key, value in tensors.items()
            if not key.startswith(prefix) and key.partition(".")[0] not in others
        }
        yield Candidate(path, prefix, family, inside, beside)


def masked(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with the masks of a pruning applied, and what was done."""
    whole = {stem: tensors[f"{stem}_orig"] * tensors[f"{stem}_mask"] for stem in _pruned(tensors)}
    apart = {f"{stem}_{part}" for stem in whole for part in ("orig", "mask")}
    notes = (f"masks of pruning applied to {len(whole)} tensors",) * bool(whole)
    return {key: value for key, value in tensors.items() if key not in apart} | whole, notes


def _pruned(keyed: Mapping[str, Any]) -> list[str]:
    """Names that `torch.nn.utils.prune` keeps as a weight and its mask until the pruning is made permanent."""
    stems = [key.removesuffix("_mask") for key in keyed if key.endswith("_mask")]
    pairs = {stem: (keyed.get(f"{stem}_orig"), keyed[f"{stem}_mask"]) for stem in stems}
    return [
        stem
        for stem, (original, mask) in pairs.items()
        if isinstance(original, Tensor) and isinstance(mask, Tensor) and original.shape == mask.shape
    ]


def _families(keys: set[str]) -> dict[str, Family]:
    """Prefix -> family; what is refused speaks for all that it is a part of, what is particular goes first."""
    matches = [(prefix, family) for family in FAMILIES.values() for prefix in family.prefixes(keys)]
    refused = {prefix: family for prefix, family in reversed(matches) if family.refused}
    general = {prefix: family for prefix, family in matches if not family.refused and family.known_by is None}
    loaded = general | {prefix: family for prefix, family in matches if not family.refused and family.known_by}
    whole = {
        prefix: next((each for inner, each in refused.items() if inner.startswith(prefix)), family)
        for prefix, family in loaded.items()
    }
    return whole or dict(list(refused.items())[:1])
