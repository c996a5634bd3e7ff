"""WHAT IF: an intervention is a scope in which a model runs otherwise, inside its forward pass, at some strength."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from interpret.foundation.registry import Registry
from interpret.foundation.tensors import Images
from interpret.models.loaded_model import LoadedModel


def _no_rule(model: LoadedModel) -> tuple[str, ...]:
    return ("",)


def _no_strength(model: LoadedModel) -> set[float]:
    return set()


def _untrained(model: LoadedModel) -> float | None:
    return None


def _no_facts(model: LoadedModel, strength: float, layer: int | None) -> dict[str, float]:
    return {}


def _nothing(model: LoadedModel, images: Images, labels: Sequence[int] | None) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Intervention:
    """A registered intervention. Sweep, tables, figures and explorer know of it what stands here, and nothing else.

    Attributes:
        function: the scope: `function(model, strength, layers=...)`, with `rule=` where there are rules and `seed=`
            where there are draws; `layers` are the blocks it acts on, None is all. It yields the changed model.
        label: what is done, as figures say it.
        strength: what its strength is called, such as "tau".
        unit: of the strength, "" for a plain number.
        neutral: the strength at which nothing is changed: 0 where more of it changes more, else the upper end.
        applies: whether it acts on a model at all.
        acts_on: on which, in words.
        grid: the strengths of a sweep over these models that names none.
        reference: where it is from.
        stops: the strengths of a slider over these models, where they are finer than the grid.
        rules: the ways it is done to a model, one curve each, such as ("hard",).
        own: strengths that the model has by itself, now or in its training.
        trained: the strength that the model was trained with, None where it was with none.
        unchanged: whether a model is the same function at a strength as without it, by construction: then, and only
            then, a difference is exactly zero. At the neutral strength, unless said otherwise.
        facts: more that a table says of a strength, such as {"tau_n": 1.97}; the layer is None where all are changed.
        fact_labels: what these are called, such as {"tau_n": "tau N"}.
        shown: quantities of a sweep, or facts, that its figure draws beside the accuracy.
        draws: seeds, from 0, over which the outcome of an image is averaged.
        prepare: further arguments of `function`, found on images, and their labels where known, apart from those that
            are looked at afterwards; JSON-able.
    """

    name: str
    function: Callable[..., AbstractContextManager[LoadedModel]]
    label: str
    strength: str
    unit: str
    neutral: float
    applies: Callable[[LoadedModel], bool]
    acts_on: str
    grid: Callable[[Sequence[LoadedModel]], tuple[float, ...]]
    reference: str
    stops: Callable[[Sequence[LoadedModel]], tuple[float, ...]] | None = None
    rules: Callable[[LoadedModel], tuple[str, ...]] = _no_rule
    own: Callable[[LoadedModel], set[float]] = _no_strength
    trained: Callable[[LoadedModel], float | None] = _untrained
    unchanged: Callable[[LoadedModel, float, int | None], bool] | None = None
    facts: Callable[[LoadedModel, float, int | None], dict[str, float]] = _no_facts
    fact_labels: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ("agreement",)
    draws: int = 1
    prepare: Callable[[LoadedModel, Images, Sequence[int] | None], dict[str, Any]] = _nothing

    @property
    def sign(self) -> float:
        """1 where a larger strength changes more, as of tau from 0; -1 where a smaller one does, as of rho from 1."""
        return 1.0 if self.neutral == 0 else -1.0

    @property
    def axis(self) -> str:
        """The strength as an axis is called: its name and unit."""
        return f"{self.strength} ({self.unit})" if self.unit else self.strength

    @property
    def trainable(self) -> bool:
        """Whether a model can be trained with it."""
        return self.trained is not _untrained

    @property
    def prepared(self) -> bool:
        """Whether it must look at images first."""
        return self.prepare is not _nothing

    def leaves(self, model: LoadedModel, strength: float, layer: int | None = None) -> bool:
        """Whether `model` is at this strength the function that it is without, by construction."""
        return strength == self.neutral if self.unchanged is None else self.unchanged(model, strength, layer)

    @property
    def title(self) -> str:
        """The label as a heading begins."""
        return f"{self.label[0].upper()}{self.label[1:]}"

    def scope(
        self,
        model: LoadedModel,
        strength: float,
        *,
        rule: str = "",
        layer: int | None = None,
        seed: int = 0,
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> AbstractContextManager[LoadedModel]:
        """The scope at one strength; `arguments` are what `prepare` gave."""
        layers = {} if layer is None else {"layers": [layer]}
        ways = {"rule": rule} if rule else {}
        draw = {"seed": seed} if self.draws > 1 else {}
        return self.function(model, strength, **layers, **ways, **draw, **arguments)


INTERVENTIONS: Registry[Intervention] = Registry("intervention", __name__, Intervention)
