"""WHAT IF: an intervention is a scope in which a model runs otherwise, inside its forward pass, at some strength."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from interpret.foundation.registry import Registry
from interpret.foundation.tensors import Images
from interpret.models.loaded_model import LoadedModel


def _no_rule(model: LoadedModel) -> tuple[str, ...]:
    return ("",)


def _no_strength(model: LoadedModel) -> set[float]:
    return set()


def _no_facts(model: LoadedModel, strength: float, layer: int | None) -> dict[str, float]:
    return {}


def _nothing(model: LoadedModel, images: Images) -> dict[str, Any]:
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
        neutral: the strength at which nothing is changed.
        applies: whether it acts on a model at all.
        grid: the strengths of a sweep over these models that names none.
        reference: where it is from.
        rules: the ways it is done to a model, one curve each, such as ("hard",).
        own: strengths that the model has by itself, now or in its training.
        facts: more that a table says of a strength, such as {"tau_n": 1.97}; the layer is None where all are changed.
        draws: seeds, from 0, over which the outcome of an image is averaged.
        prepare: further arguments of `function`, found on images apart from those that are looked at afterwards.
    """

    name: str
    function: Callable[..., AbstractContextManager[LoadedModel]]
    label: str
    strength: str
    unit: str
    neutral: float
    applies: Callable[[LoadedModel], bool]
    grid: Callable[[Sequence[LoadedModel]], tuple[float, ...]]
    reference: str
    rules: Callable[[LoadedModel], tuple[str, ...]] = _no_rule
    own: Callable[[LoadedModel], set[float]] = _no_strength
    facts: Callable[[LoadedModel, float, int | None], dict[str, float]] = _no_facts
    draws: int = 1
    prepare: Callable[[LoadedModel, Images], dict[str, Any]] = _nothing


INTERVENTIONS: Registry[Intervention] = Registry("intervention", __name__, Intervention)
