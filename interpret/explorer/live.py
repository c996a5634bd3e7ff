"""The screen of models under one setting: they are run when it is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from interpret.attributions import ATTRIBUTIONS
from interpret.explorer.screen import (
    NO_EVIDENCE,
    Grid,
    Panel,
    Row,
    Screen,
    Shown,
    grid_of,
    raw_total,
    scale_of,
    speaking,
)
from interpret.explorer.strengths import OWN
from interpret.explorer.view import Setting, View, Views
from interpret.study.sweep import ASIDE

INSIDE = "Inside the forward pass, so that later layers and the prediction follow: "
AFTERWARDS = (
    "Display only: the models ran without this threshold, their predictions are untouched by it; it cuts what is drawn "
    "and counted after the fact, layer by layer."
)
UNCHANGED = "Every model runs as it was loaded."
HIDDEN = "not shown"


def make_screen(views: Sequence[Views], setting: Setting, shown: Sequence[int]) -> Screen:
    """A row of evidence and a row of what the chosen patch attends to, and all heads of both.

    A row has one scale, that of the models as they were loaded: it stays while strengths move. A model that is not
    among `shown` is not run again.
    """
    placed = [replace(setting, query=query) for query in queries(views, setting.query)]
    asked = list(zip(views, placed, strict=True))
    now = [each.view(mine) if index in shown else None for index, (each, mine) in enumerate(asked)]
    loaded = [each.view(mine.as_loaded) for each, mine in asked]
    chosen = [views[index] for index in shown]
    return Screen(
        f"shown: {described(chosen, setting)}",
        claim(chosen, setting),
        tuple(", ".join(changes(each, setting)) for each in views),
        (_evidence(views, now, loaded, setting), _attended(views, now, loaded, setting)),
        _grids(now, loaded, setting),
    )


def queries(views: Sequence[Views], query: tuple[int, int]) -> list[tuple[int, int]]:
    """The patch of each model under the middle of the patch `query`, counted on the coarsest of their grids."""
    return list(zip(*(_places(views, axis, place) for axis, place in enumerate(query)), strict=True))


def _places(views: Sequence[Views], axis: int, place: int) -> list[int]:
    """Along rows or columns; in whole numbers, because the middle can lie between two patches."""
    sides = [
        ((each.grid.rows, each.grid.cols)[axis], each.patch_size[axis], each.img_size[axis])
        for each in (view.model for view in views)
    ]
    _, patch, size = min(sides, key=lambda side: side[0])
    return [min(count - 1, (2 * place + 1) * patch * own // (2 * size * mine)) for count, mine, own in sides]


def described(views: Sequence[Views], setting: Setting) -> str:
    """The setting in one line."""
    acting = {name: words for each in reversed(views) for name, words in each.acting(setting).items()}
    said = [acting[name] for name, _ in setting.strengths if name in acting] or [OWN]
    head = "heads fused" if setting.head is None else f"head {setting.head}"
    place = f"layer {setting.layer}, {head}, patch {setting.query}"
    return f"{', '.join(said)}, image {setting.image}, {setting.attribution}, {place}"


def _evidence(views: Sequence[Views], now: Sequence[View | None], loaded: Sequence[View], setting: Setting) -> Row:
    entry = ATTRIBUTIONS[setting.attribution]
    panels = [
        Panel(HIDDEN) if view is None else Panel(_said(view.evidence), _words(each, view, before, setting))
        for each, view, before in zip(views, now, loaded, strict=True)
    ]
    scale = scale_of([_said(view.evidence) for view in loaded], [panel.shown for panel in panels], entry.signed)
    return Row(setting.image, f"{setting.attribution} of image {setting.image}{_drawn(views[0])}", scale, tuple(panels))


def _attended(views: Sequence[Views], now: Sequence[View | None], loaded: Sequence[View], setting: Setting) -> Row:
    shown = [HIDDEN if view is None else speaking(view.attended) for view in now]
    scale = scale_of([speaking(view.attended) for view in loaded], shown)
    fused = "mean of all heads" if setting.head is None else f"head {setting.head}"
    title = f"attention weights of patch {setting.query} in layer {setting.layer}, {fused}"
    panels = [
        Panel(each, (*_own_patch(query, setting), *raw_total(each)), box=query)
        for each, query in zip(shown, queries(views, setting.query), strict=True)
    ]
    return Row(setting.image, title, scale, tuple(panels))


def _own_patch(query: tuple[int, int], setting: Setting) -> tuple[str, ...]:
    """What the patch is called on the model's own grid, where that is another."""
    return () if query == setting.query else (f"its patch {query} lies there",)


def _grids(now: Sequence[View | None], loaded: Sequence[View], setting: Setting) -> tuple[Grid, ...]:
    rows: dict[str, Callable[[View], np.ndarray]] = {
        "readout row": lambda view: view.readout,
        f"row of patch {setting.query}": lambda view: view.by_head,
    }
    drawn = [before if view is None else view for view, before in zip(now, loaded, strict=True)]
    return tuple(
        grid_of(setting.image, title, list(map(of, loaded)), list(map(of, drawn))) for title, of in rows.items()
    )


def _said(evidence: Shown) -> Shown:
    return f"{NO_EVIDENCE}{evidence}" if isinstance(evidence, str) else evidence


def _drawn(views: Views) -> str:
    """Which channels the picture is made of, where they are not three."""
    bands, channels = ", ".join(map(str, views.model.spec.bands)), views.model.channels
    return f", bands {bands}" if bands else f", mean of {channels} channels" if channels not in (1, 3) else ""


def _words(views: Views, view: View, loaded: View, setting: Setting) -> tuple[str, ...]:
    """What the model predicts, what the map explains, and how its attention behaves."""
    specific = ATTRIBUTIONS[setting.attribution].class_specific
    said, before = (each.prediction.worded(digits=3) or "no class" for each in (view, loaded))
    changed = ", changed" * (view.prediction.name != loaded.prediction.name)
    heads = " \N{MIDDLE DOT} ".join(f"{value:.1f}" for value in view.measured["active_tokens"][setting.layer])
    return (
        f"predicts {said}{changed}",
        *([f"as loaded {before}"] if said != before else []),
        *([f"map explains {view.explained or 'nothing'}"] if specific else []),
        *raw_total(view.evidence),
        f"{_mean(view, 'active_tokens'):.1f} of {views.model.grid.tokens} tokens active",
        f"heads of layer {setting.layer}: {heads}",
        f"{_mean(view, 'dead_rows'):.1%} dead rows, {_mean(view, 'retained_mass'):.1%} mass kept",
    )


def _mean(view: View, indicator: str) -> float:
    return float(view.measured[indicator].mean())


def changes(views: Views, setting: Setting) -> list[str]:
    """What decides which weights a model keeps, and what else changes it."""
    acting = views.acting(setting)
    replaced = any(views.entries[name].trainable for name in acting)
    return [*([] if replaced else [views.model.rule]), *acting.values()]


def claim(views: Sequence[Views], setting: Setting) -> str:
    """What was done to which model, and what the numbers are means of."""
    acting = dict.fromkeys(name for each in views for name in each.acting(setting.as_run))
    done = "; ".join(_done(name, views) for name in acting)
    claims = [INSIDE + done + "."] if done else [] if setting.cuts_afterwards else [UNCHANGED]
    if setting.cuts_afterwards:
        claims.append(AFTERWARDS)
        if "weights" not in ATTRIBUTIONS[setting.attribution].needs:
            claims.append(f"{setting.attribution} does not read attention weights, so its map stays.")
    return " ".join([*claims, "Tokens, rows and mass are means over layers, heads and queries."])


def _done(name: str, views: Sequence[Views]) -> str:
    """An intervention, the models it acts on, and what it had to look at first."""
    acted_on = [each for each in views if name in each.entries]
    entry = acted_on[0].entries[name]
    models = "every model" if len(acted_on) == len(views) else ", ".join(each.model.name for each in acted_on)
    looked = min(len(acted_on[0].images), ASIDE)
    basis = f", by what was found on {looked} of the images here" if entry.prepared else ""
    draws = ", here of its first draw alone" if entry.draws > 1 else ""
    return f"{entry.strength} ({entry.label}) of {models}{basis}{draws}"
