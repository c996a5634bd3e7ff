"""Models of one study that were trained alike: in all but the seed, or at the same cost but for their mechanism."""

import json
from collections.abc import Sequence

COST = ("data", "backbone", "architecture", "batch_size", "accumulate", "amp", "limit")
"""What of a recipe decides how long an epoch takes, beside the mechanism."""


def arms(models: Sequence[dict], chosen: Sequence[int]) -> list[list[int]]:
    """The numbers of the chosen models, those that differ in the seed alone together."""
    grouped: dict[str, list[int]] = {}
    for index in chosen:
        recipe = _recipe(models[index])
        rest = {name: value for name, value in recipe.items() if name != "seed"}
        key = [models[index]["rule"], rest, index if "seed" not in recipe else None]
        grouped.setdefault(json.dumps(key), []).append(index)
    return list(grouped.values())


def baseline(models: Sequence[dict], arms: Sequence[Sequence[int]]) -> int:
    """The number of the arm of the plain softmax; of the first one where there is none."""
    plain = [number for number, arm in enumerate(arms) if models[arm[0]].get("mechanism") == "softmax"]
    return plain[0] if plain else 0


def pairs(models: Sequence[dict], arm: Sequence[int], baseline: Sequence[int]) -> list[tuple[int, int]]:
    """Models of both arms that share seed, machine and all that decides the cost of an epoch but the mechanism."""
    return [(own, base) for own in arm for base in baseline if _cost(models[own]) == _cost(models[base])]


def _cost(model: dict) -> list:
    recipe = _recipe(model)
    return [model["record"].get("machine"), model["tokens"], *(recipe.get(name) for name in ("seed", *COST))]


def _recipe(model: dict) -> dict:
    return model["record"].get("recipe") or {}
