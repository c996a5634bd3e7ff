"""explore(): live over models, or without a kernel over a study."""

import html
import json
from typing import Any

from interpret.explorer.assets import page_script, style
from interpret.explorer.payload import menu_models, payload
from interpret.explorer.still import png, still
from interpret.explorer.study_screens import StudyScreens
from interpret.figures.drawing.plots import Figure
from interpret.foundation.errors import InterpretError
from interpret.study.study import Study

HEIGHT = 900
"""Of the frame in a notebook, pixels."""


def explore(models: Any, images: Any = None) -> Any:
    """Controls over pictures: the same images under every model, run again under every intervention that is on.

    There is a control for everything that is registered and applies to at least one of the models. Where a notebook is
    only read, a still picture stands in for it. Of a study it shows what that has numbers for, and needs no kernel.

    Args:
        models: one or several, as `interpret.load` gives them; or a study.
        images: one or several, as `interpret.trace` takes them: pictures, paths, or floats as every model wants them. A
            study has its own.

    Raises:
        InterpretError: there is no model or no image, images that a model does not take, or a study without any map.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> ui = interpret.explore(vit, interpret.load_data("photos")[0].image)
        >>> ui.share = 0.25
        >>> ui.caption
        'shown: share=0.25 (gradient), image 0, cls_attention, layer 3, heads fused, patch (4, 4)'
    """
    if isinstance(models, Study):
        return Framed(models)
    from interpret.explorer.widget import explorer

    return explorer(models, images)


class Framed:
    """A study's explorer in a frame of its own, which a notebook shows, saved or not."""

    def __init__(self, study: Study) -> None:
        self._study, self._payload = study, payload(study)
        if not self._payload:
            raise InterpretError("the study has no map to be explored: it was run without images or attributions")

    def __repr__(self) -> str:
        return f"interpret.explore({self._study!r})"

    def still(self) -> Figure:
        """What stands there where no script runs: the study as loaded."""
        screen = next(iter(StudyScreens(self._study).screens().values()))
        models = menu_models(self._study)
        return still(screen, models, [[picture] * len(models) for picture in self._study.images[: len(screen.rows)]])

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        frame = (
            f'<iframe srcdoc="{html.escape(self._document())}" width="100%" height="{HEIGHT}" frameborder="0"></iframe>'
        )
        return {"text/plain": repr(self), "text/html": f"<div>{frame}</div>", "image/png": png(self.still())}

    def _document(self) -> str:
        data = json.dumps(self._payload).replace("<", "\\u003c")
        return (
            '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
            f"<style>body {{ margin: 0; font-family: system-ui, sans-serif }} {style()}</style>"
            f'<div id="explorer-panels"></div><script type="application/json" id="explorer-data">{data}</script>'
            f'<script type="module">{page_script()}</script>'
        )
