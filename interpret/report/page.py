"""`report.html`: one self-contained page. It asks no network and works from a folder on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from interpret.explorer import assets, embedding
from interpret.explorer.payload import payload
from interpret.figures import FIGURES, SECTIONS
from interpret.report import caveats, summary
from interpret.report.findings import findings
from interpret.report.stills import stills
from interpret.study.study import Study

LARGEST = 1_000_000
"""Bytes of the page, at most: charts beyond that are linked, the later pages of a figure before the first ones."""
LIVE = "overlay_grid"
"""The figure that the panels of the page replace: its pages are linked, not shown a second time."""
FRAME = 300
"""Bytes of the tags around a chart."""

Chart = dict[str, Any]


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
    live = payload(study)
    drawn = _sections([page for page in shown if not live or page.figure != LIVE])
    content = {
        "study": study,
        "linked": [page for page in shown if live and page.figure == LIVE],
        "sections": drawn,
        "titles": _titles(study),
        "explorer": live,
        "stills": stills(study) if live else [],
        "models": summary.models(study),
        "findings": findings(study),
        "caveats": caveats.caveats(study),
        "clean": caveats.clean(study),
        "tables": summary.tables(study),
    }
    bare = _fill(content, {})
    return _fill(content, _charts(drawn, LARGEST - len(bare.encode())))


def _titles(study: Study) -> dict[str, str]:
    """Of the sections; models that cut nothing by themselves are only looked at as if they did."""
    cuts = any(model["tau"] is not None for model in study.models)
    return SECTIONS if cuts else SECTIONS | {"cutting": SECTIONS["cutting"].replace("does", "would do")}


def _fill(content: Mapping[str, Any], charts: Mapping[str, Chart]) -> str:
    environment = Environment(
        loader=PackageLoader("interpret.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"asset": _asset, "explorer_style": assets.style(), "explorer_script": assets.page_script()}
    return environment.get_template("report.html").render(content, charts=charts)


def _sections(shown: Sequence[Shown]) -> dict[str, dict[str, list[Shown]]]:
    """Section -> figure -> its pages, in the order of a reader."""
    ordered = sorted(shown, key=lambda page: (FIGURES[page.figure].place, page.figure))
    sections = {section: [page for page in ordered if FIGURES[page.figure].section == section] for section in SECTIONS}
    return {name: _figures(pages) for name, pages in sections.items() if pages}


def _figures(pages: Sequence[Shown]) -> dict[str, list[Shown]]:
    names = dict.fromkeys(page.figure for page in pages)
    return {name: [page for page in pages if page.figure == name] for name in names}


def _charts(sections: Mapping[str, Mapping[str, Sequence[Shown]]], room: int) -> dict[str, Chart]:
    """What fits of the charts: all first pages, then all second ones and so on, as long as there is room."""
    charts: dict[str, Chart] = {}
    figures = [pages for section in sections.values() for pages in section.values()]
    for page in (page for rank in zip_longest(*figures) for page in rank if page):
        chart = _chart(page.png)
        if (room := room - len(chart["src"]) - FRAME) < 0:
            break
        charts[page.name] = chart
    return charts


def _chart(png: Path) -> Chart:
    """The picture with its size, which keeps its place on the page before it is decoded."""
    with Image.open(png) as image:
        return {"src": embedding.chart(image.convert("RGB")), "width": image.width, "height": image.height}


def _asset(name: str) -> str:
    return files("interpret.report").joinpath(name).read_text(encoding="utf-8")
