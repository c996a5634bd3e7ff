"""WHOSE ViT a file holds. A family is one file: the keys it is known by, and how its tensors become timm's.

What timm's `VisionTransformer` cannot compute exactly is a family too: one that says its name and why it is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from torch import Tensor

from interpret.foundation.registry import Registry
from interpret.models.settings import Settings

Tensors = Mapping[str, Tensor]

Statistics = tuple[float, ...]
OF_IMAGENET = IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
OF_OPENAI = OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
"""Mean and std of the input."""

USUAL = Settings(activation="gelu", eps=1e-6)
"""What timm's `VisionTransformer` has where nothing else is asked of it."""
OF_CLIP = Settings(eps=1e-5)
"""OpenAI's have QuickGELU, those of open_clip mostly GELU: to be asked for."""


@dataclass(frozen=True)
class Converted:
    """A ViT under timm's names.

    Attributes:
        tensors: renamed; a head of its own lies under "head.", a projection of its features under "projection.".
        architecture: arguments of timm's `VisionTransformer` that no tensor tells and that such a ViT always has.
        settings: what holds where neither the user nor a configuration says it; an activation of None is asked for.
        left_out: names of tensors that its features and its classes do not use.
        taken: names of tensors that lay beside the ViT and are among its own now.
        wide_head: whether a head twice as wide as the model reads [CLS, mean of the patches].
        antialias: how its position embedding is resampled to another grid.
    """

    tensors: dict[str, Tensor]
    architecture: dict[str, Any] = field(default_factory=dict)
    settings: Settings = USUAL
    left_out: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    wide_head: bool = False
    antialias: bool = True


@dataclass(frozen=True)
class Family:
    """A registered family.

    Attributes:
        function: (tensors, beside) -> `Converted`: the tensors below the prefix of the ViT, and those beside it. Of a
            family that is refused: whether keys are of it.
        label: what messages call it.
        anchor: the end of the one key that every ViT of the family has, as a pattern; what stands before is the prefix.
        known_by: whether these keys, the prefix stripped, are of this family and of no other with the same anchor; the
            one family with an anchor that has none takes what is of no other.
        statistics: mean and std of the input that all its weights were trained with; empty where they differ.
        refused: why timm's `VisionTransformer` does not compute the same, "" where it does.
    """

    name: str
    function: Callable[..., Any]
    label: str
    anchor: str
    known_by: Callable[[set[str]], bool] | None = None
    statistics: tuple[Statistics, Statistics] | tuple[()] = ()
    refused: str = ""

    def prefixes(self, keys: set[str]) -> list[str]:
        """The prefixes below which such a ViT lies among these keys."""
        ends = re.compile(rf"((?:.*\.)?){self.anchor}", re.DOTALL)
        prefixes = sorted({match[1] for match in map(ends.fullmatch, keys) if match})
        known = self.function if self.refused else self.known_by
        return [prefix for prefix in prefixes if known is None or known(below(keys, prefix))]


def below(keys: set[str], prefix: str) -> set[str]:
    """The keys that start with a prefix, without it."""
    return {key.removeprefix(prefix) for key in keys if key.startswith(prefix)}


FAMILIES: Registry[Family] = Registry("family", __name__, Family)
