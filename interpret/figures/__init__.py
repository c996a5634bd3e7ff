"""WHAT is shown. A figure is one file: a pure function of a `Study`, which draws one page or several.

`head_atlas.py` draws `head_atlas.png`; several pages are called after their file and what differs between them:
`overlay_grid_rollout.png`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from matplotlib.figure import Figure

from interpret.figures import _names
from interpret.figures.drawing import plots
from interpret.foundation.registry import Registry
from interpret.study.study import Study

SECTIONS = {
    "overlays": "Where the evidence lies",
    "cutting": "What cutting attention does",
    "spectra": "How many directions the heads use",
    "training": "How the models learned",
    "appendix": "Appendix: every head",
}
"""What a figure can be about, in the order of a reader."""

Pages = dict[str, Figure]
"""What tells a page from the others of its figure ("" where there is one page) -> the page."""


@dataclass(frozen=True)
class FigureEntry:
    """A registered figure.

    Attributes:
        title: what the figure is about.
        caption: how to read it.
        section: one of `SECTIONS`.
        applies: whether a study holds what the figure shows.
        place: in its section; figures of one place stand in the order of their names.
        note: what the caption adds for one study, such as what it leaves out; "" for nothing.
    """

    name: str
    function: Callable[[Study], Pages]
    title: str
    caption: str
    section: str
    applies: Callable[[Study], bool]
    place: int = 2
    note: Callable[[Study], str] = lambda _: ""

    def draw(self, study: Study, names: Mapping[str, str] = MappingProxyType({})) -> Pages:
        """The pages in the style of the package, under the names of their files; none where it does not apply.

        Args:
            names: what figures call a model in place of its name: {"vit_best": "ViT-S, 100 epochs"}.

        Raises:
            InterpretError: `names` holds a model that is none, or two become one.
        """
        if not self.applies(study):
            return {}
        with plots.style():
            pages = self.function(_names.shown(study.renamed(names)))
        named: Pages = {}
        for suffix, figure in pages.items():
            name = "_".join(filter(None, [self.name, _slug(suffix)]))
            named[name if name not in named else f"{name}_{len(named) + 1}"] = figure
        return named

    def told(self, study: Study) -> str:
        """The caption of the pages of one study."""
        return " ".join(filter(None, [self.caption, self.note(study)]))


FIGURES: Registry[FigureEntry] = Registry("figure", __name__, FigureEntry)


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)
