"""The controls of the live explorer: all of them are read from the models, the images and the registries."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from interpret.attributions import ATTRIBUTIONS
from interpret.explorer.screen import control
from interpret.explorer.strengths import acts, stops
from interpret.explorer.view import Setting, Views
from interpret.foundation.errors import InterpretError, UnknownControlError
from interpret.foundation.options import STRENGTHS
from interpret.interventions import Intervention
from interpret.interventions.threshold import own_rule, own_taus
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import undefined_without_target

Control = dict[str, Any]
State = dict[str, Any]


def entries_of(views: Sequence[Views]) -> dict[str, Intervention]:
    """The interventions that apply to at least one of the models, by what their strength is called."""
    return {entry.strength: entry for each in views for entry in each.entries.values()}


def controls(views: Sequence[Views], images: int) -> list[Control]:
    """Every control, in the order of the screen."""
    models = [each.model for each in views]
    layers, heads, rows, cols = (min(each) for each in zip(*map(_extent, models), strict=True))
    first = "none" if undefined_without_target(models[0]) else "predicted"
    return [
        control("image", "image", "range", _numbers(images)),
        control("attribution", "attribution", "select", [(name, name) for name in ATTRIBUTIONS]),
        control("target", models[0].task.one, "select", [(first, None), *_classes(models)]),
        control("head", "head", "select", [("mean of all", None), *_numbers(heads)]),
        control("rule", "rule", "select", [("hard", "hard"), ("soft", "soft")], "of the threshold"),
        control("display_only", "display only", "flag", [], "the threshold cuts what is drawn, not what is computed"),
        *(_of_strength(entry, models) for entry in entries_of(views).values()),
        control("layer", "layer", "range", _numbers(layers)),
        control("row", "patch row", "range", _numbers(rows)),
        control("col", "patch col", "range", _numbers(cols)),
        control("models", "models", "several", [(model.name, index) for index, model in enumerate(models)]),
    ]


def first_state(views: Sequence[Views], offered: Sequence[Control]) -> State:
    """Every model as loaded, the last layer, the patch in the middle."""
    models = [each.model for each in views]
    thresholded = [model for model in models if own_taus(model)]
    state = {each["name"]: each["options"][0][1] if each["options"] else False for each in offered}
    middle = {name: len(_options(offered, name)) // 2 for name in ("row", "col")}
    known = {
        "models": list(range(len(models))),
        "attribution": "cls_attention",
        "rule": own_rule((thresholded or models)[0]),
    }
    return state | middle | known | {"layer": len(_options(offered, "layer")) - 1}


def unknown(name: object, known: Iterable[str]) -> UnknownControlError:
    """What is said where there is no such control."""
    return UnknownControlError(f"the explorer has no {name!r}; its controls are {', '.join(known)}")


def checked(state: Mapping[str, Any], offered: Sequence[Control], entries: Mapping[str, Intervention]) -> State:
    """The state in the controls' own values, if each has its; a strength may lie between the stops.

    Raises:
        UnknownControlError: there is no such control.
        InterpretError: no such value.
    """
    known = {each["name"]: each for each in offered}
    for name in state:
        if name not in known:
            raise unknown(name, known)
    return {name: _value(known[name], value, entries.get(name)) for name, value in state.items()}


def _value(spec: Control, value: Any, entry: Intervention | None) -> Any:
    options = [option for _, option in spec["options"]] or [False, True]
    several = spec["kind"] == "several"
    chosen = list(value) if several and isinstance(value, Iterable) else [value]
    found = [option for each in chosen for option in _equal(each, options)]
    if found and len(found) == len(chosen):
        return found if several else found[0]
    if entry and isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        return STRENGTHS.get(entry.name, float)(float(value))
    raise InterpretError(f"{spec['name']}={value!r} is not offered; expected one of {options[:20]}")


def _equal(value: Any, options: Sequence[Any]) -> list[Any]:
    """The option that equals the value, in a list: 1 equals 1.0, but neither equals True."""
    try:
        return [{(type(option) is bool, option): option for option in options}[isinstance(value, bool), value]]
    except (KeyError, TypeError):  # there is none, or nothing can equal it
        return []


def setting_of(state: State, entries: Mapping[str, Intervention]) -> Setting:
    """What the models are to be run under."""
    standing = [(entry, state[name]) for name, entry in entries.items()]
    return Setting(
        strengths=tuple((entry.name, float(value)) for entry, value in standing if acts(entry, value)),
        query=(state["row"], state["col"]),
        **{name: state[name] for name in ("image", "attribution", "layer", "head", "target", "rule", "display_only")},
    )


def _of_strength(entry: Intervention, models: Sequence[LoadedModel]) -> Control:
    """The slider of an intervention; its first stop leaves the models as they were loaded."""
    acted_on = [model for model in models if entry.applies(model)]
    about = f"{entry.label}: {', '.join(model.name for model in acted_on)}"
    return control(entry.strength, entry.axis, "range", stops(entry, acted_on), about)


def _classes(models: Sequence[LoadedModel]) -> list[tuple[str, int]]:
    alike = all(model.same_classes(models[0]) for model in models)
    return [(models[0].class_name(index), index) for index in range(models[0].anatomy.classes if alike else 0)]


def _numbers(count: int) -> list[tuple[str, int]]:
    return [(str(index), index) for index in range(count)]


def _options(offered: Sequence[Control], name: str) -> list[Any]:
    return next(each["options"] for each in offered if each["name"] == name)


def _extent(model: LoadedModel) -> tuple[int, int, int, int]:
    """Layers, heads, rows and cols."""
    return model.depth, model.heads, model.grid.rows, model.grid.cols
