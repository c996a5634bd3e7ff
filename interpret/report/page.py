"""`report.html`: one self-contained page. It asks no network and works from a folder on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from interpret.report import embedding, summary, verdicts
from interpret.report.explorer import explorer
from interpret.report.findings import findings
from interpret.study import Study

LIVE = "overlay_grid"
"""The figure that the panels of the page replace: its pages are linked, not shown a second time."""


@dataclass(frozen=True)
class Shown:
    """A page of a figure that was written to the pack.

    Attributes:
        name: of the files, without suffix.
        figure: the registered figure it belongs to.
        title, caption: what it shows and how to read it.
        png: the picture.
    """

    name: str
    figure: str
    title: str
    caption: str
    png: Path


def render(study: Study, shown: Sequence[Shown]) -> str:
    """The page as text. Names of classes, models and files are escaped, whatever they contain."""
    environment = Environment(
        loader=PackageLoader("interpret.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["chart"] = _chart
    environment.globals["asset"] = _asset
    live = explorer(study)
    return environment.get_template("report.html").render(
        study=study,
        linked=[page for page in shown if live and page.figure == LIVE],
        sections=_sections([page for page in shown if not live or page.figure != LIVE]),
        explorer=live,
        models=summary.models(study),
        findings=findings(study),
        verdicts=verdicts.verdicts(study),
        clean=verdicts.clean(study),
        tables=summary.tables(study),
    )


def _sections(shown: Sequence[Shown]) -> dict[str, list[Shown]]:
    sections: dict[str, list[Shown]] = {}
    for page in shown:
        sections.setdefault(page.figure, []).append(page)
    return {name: sections[name] for name in sorted(sections, key=_place)}


def _place(figure: str) -> tuple[int, str]:
    """Overlays first, training last, what is between in the order of its name."""
    return ({LIVE: 0, "attention_heatmaps": 1, "training_curves": 3}.get(figure, 2), figure)


def _chart(png: Path) -> dict[str, str | int]:
    """The picture with its size, which keeps its place on the page before it is decoded."""
    with Image.open(png) as image:
        return {"src": embedding.chart(image.convert("RGB")), "width": image.width, "height": image.height}


def _asset(name: str) -> str:
    return files("interpret.report").joinpath(name).read_text(encoding="utf-8")
