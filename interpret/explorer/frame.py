"""One picture of the explorer with its table and caption: several models under the same setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from interpret.attributions import ATTRIBUTIONS
from interpret.explorer.mosaic import Mosaic, Panel, Rectangle, Row, jpeg, mosaic
from interpret.explorer.strengths import OWN
from interpret.explorer.view import Setting, View, Views
from interpret.figures.drawing import plots
from interpret.study.sweep import ASIDE

COLUMNS = {
    "model": 170, "selection": 190, "prediction": 150, "as loaded": 150, "active tokens": 110, "dead rows": 80,
    "retained mass": 100, "active tokens of each head": 330,
}  # fmt: skip
"""Headings of the table and their widths, pixels: fixed, so that nothing moves but the numbers."""
STYLE = """<style>
.interpret-numbers table { table-layout: fixed; border-collapse: collapse; line-height: 1.5 }
.interpret-numbers :is(th, td) { padding: 0 8px 0 0; text-align: left; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-variant-numeric: tabular-nums }
.interpret-explorer .widget-image { cursor: crosshair }
.interpret-numbers p { min-height: 4.5em; max-width: 60em; line-height: 1.5 }
</style>"""
INSIDE = "Inside the forward pass, so that later layers and the prediction follow: "
AFTERWARDS = (
    "Display only: the models ran without this threshold, their predictions are untouched by it; it cuts what is drawn "
    "and counted after the fact, layer by layer."
)
UNCHANGED = "Every model runs as it was loaded."


@dataclass(frozen=True, eq=False)
class Frame:
    """What one setting shows.

    Attributes:
        picture: JPEG bytes.
        size: (width, height) of the picture, pixels.
        panels: where in it the patches of the panels lie.
        numbers: HTML.
        caption: which setting this is, one line.
    """

    picture: bytes
    size: tuple[int, int]
    panels: tuple[Rectangle, ...]
    numbers: str
    caption: str


def make_frame(views: Sequence[Views], setting: Setting) -> Frame:
    """The models beside each other under `setting`."""
    drawn = sheet(views, setting)
    numbers, caption = _table(views, setting), f"shown: {described(views, setting)}"
    return Frame(jpeg(drawn.image), drawn.image.size, drawn.panels, numbers, caption)


def patch_at(views: Sequence[Views], panels: Sequence[Rectangle], x: float, y: float) -> tuple[int, int] | None:
    """(row, col) of the patch under a point of the picture, pixels; None beside them."""
    for index, (left, top, width, height) in enumerate(panels):
        if left <= x < left + width and top <= y < top + height:
            column = index % (len(views) + 1)  # the input comes first
            grid = views[max(column - 1, 0)].model.grid
            return int((y - top) / height * grid.rows), int((x - left) / width * grid.cols)
    return None


def sheet(views: Sequence[Views], setting: Setting) -> Mosaic:
    """The picture: a row of evidence, a row of what the chosen patch attends to, the input before both.

    A row has one colour scale, that of the models as they were loaded: it stays while strengths move, and a value that
    leaves it is told beside it.
    """
    now = [each.view(setting) for each in views]
    loaded = [each.view(setting.as_loaded) for each in views]
    row, col = setting.query
    image, channels = views[0].picture(setting.image), views[0].model.channels
    bands = ", ".join(map(str, views[0].model.spec.bands))
    drawn = f", bands {bands}" if bands else f", mean of {channels} channels" if channels not in (1, 3) else ""
    title = f"image {setting.image}{drawn}"
    covered = views[0].model.covered
    marked = Panel(image, covered=covered, box=_box(views[0], setting))
    evidence = zip(views, now, loaded, strict=True)
    attended = zip(views, now, strict=True)
    fused = "mean of all heads" if setting.head is None else f"head {setting.head}"
    return mosaic(
        [
            Row(
                (Panel(image, covered=covered, above=(title,)), *(_evidence(*each, setting) for each in evidence)),
                _scale([view.evidence for view in loaded], [view.evidence for view in now]),
                f"{setting.attribution}, raw values; one scale for all, that of the models as loaded",
            ),
            Row(
                (marked, *(_attended(*each, setting) for each in attended)),
                _scale([view.attended for view in loaded], [view.attended for view in now]),
                f"attention weights of patch ({row}, {col}) in layer {setting.layer}, {fused}",
            ),
        ]
    )


def described(views: Sequence[Views], setting: Setting) -> str:
    """The setting in one line."""
    acting = {name: words for each in reversed(views) for name, words in each.acting(setting).items()}
    shown = [acting[name] for name, _ in setting.strengths if name in acting] or [OWN]
    head = "heads fused" if setting.head is None else f"head {setting.head}"
    place = f"layer {setting.layer}, {head}, patch {setting.query}"
    return f"{', '.join(shown)}, image {setting.image}, {setting.attribution}, {place}"


def _scale(loaded: Sequence[np.ndarray | str], now: Sequence[np.ndarray | str]) -> plots.Scale:
    kept = plots.shared_scale(values for values in loaded if not isinstance(values, str))
    peak = plots.shared_scale(values for values in [*loaded, *now] if not isinstance(values, str)).peak
    return plots.Scale(kept.low, kept.high, kept.cmap, peak)


def _evidence(views: Views, view: View, loaded: View, setting: Setting) -> Panel:
    specific = ATTRIBUTIONS[setting.attribution].class_specific
    return Panel(
        views.picture(setting.image),
        view.evidence,
        views.model.covered,
        above=(views.model.name, *changes(views, setting)),
        below=(
            f"predicts {_prediction(view)}{', changed' * (view.prediction.name != loaded.prediction.name)}",
            f"as loaded {_prediction(loaded)}",
            f"map explains {view.explained or 'nothing'}" if specific else "map is the same for every class",
            f"{_mean(view, 'active_tokens'):.1f} of {views.model.grid.tokens} tokens active",
            f"{_mean(view, 'dead_rows'):.0%} dead rows, {_mean(view, 'retained_mass'):.0%} mass kept",
        ),
    )


def _attended(views: Views, view: View, setting: Setting) -> Panel:
    return Panel(views.picture(setting.image), view.attended, views.model.covered, box=_box(views, setting))


def _box(views: Views, setting: Setting) -> tuple[int, int, int, int]:
    return (*setting.query, views.model.grid.rows, views.model.grid.cols)


def changes(views: Views, setting: Setting) -> list[str]:
    """What decides which weights a model keeps, and what else changes it."""
    acting = views.acting(setting)
    replaced = any(views.entries[name].trainable for name in acting)
    return [*([] if replaced else [views.model.rule]), *acting.values()]


def _mean(view: View, indicator: str) -> float:
    return float(view.measured[indicator].mean())


def _table(views: Sequence[Views], setting: Setting) -> str:
    widths = "".join(f'<col style="width: {width}px">' for width in COLUMNS.values())
    head = "".join(f"<th>{heading}</th>" for heading in COLUMNS)
    rows = "".join(_table_row(each, setting) for each in views)
    table = f"<table><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'{STYLE}<div class="interpret-numbers">{table}<p>{escape(_claim(views, setting))}</p></div>'


def _table_row(views: Views, setting: Setting) -> str:
    view, loaded = views.view(setting), views.view(setting.as_loaded)
    cells = (
        views.model.name,
        ", ".join(changes(views, setting)),
        _prediction(view),
        _prediction(loaded),
        f"{_mean(view, 'active_tokens'):.1f} of {views.model.grid.tokens}",
        f"{_mean(view, 'dead_rows'):.1%}",
        f"{_mean(view, 'retained_mass'):.1%}",
        " \N{MIDDLE DOT} ".join(f"{value:.1f}" for value in view.measured["active_tokens"][setting.layer]),
    )
    row = "".join(f"<td>{escape(text)}</td>" for text in cells)
    return f"<tr>{row}</tr>"


def _prediction(view: View) -> str:
    return view.prediction.worded(digits=3) or "no class"


def _claim(views: Sequence[Views], setting: Setting) -> str:
    """What was done to which model, and what the numbers are means of."""
    acting = dict.fromkeys(name for each in views for name in each.acting(setting.as_run))
    done = "; ".join(_done(name, views) for name in acting)
    claims = [INSIDE + done + "."] if done else [] if setting.cuts_afterwards else [UNCHANGED]
    if setting.cuts_afterwards:
        claims.append(AFTERWARDS)
        if "weights" not in ATTRIBUTIONS[setting.attribution].needs:
            claims.append(f"{setting.attribution} does not read attention weights, so its map stays.")
    return " ".join([*claims, f"Means over layers, heads and queries; heads of layer {setting.layer}."])


def _done(name: str, views: Sequence[Views]) -> str:
    """An intervention, the models it acts on, and what it had to look at first."""
    acted_on = [each for each in views if name in each.entries]
    entry = acted_on[0].entries[name]
    models = "every model" if len(acted_on) == len(views) else ", ".join(each.model.name for each in acted_on)
    looked = min(len(acted_on[0].images), ASIDE)
    basis = f", by what was found on {looked} of the images here" if entry.prepared else ""
    draws = ", here of its first draw alone" if entry.draws > 1 else ""
    return f"{entry.strength} ({entry.label}) of {models}{basis}{draws}"
