"""The notebook explorer: models whose attention is cut at the pace of a slider. The door to widgets of Jupyter."""

import base64
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL.Image import Image

from interpret.attributions import ATTRIBUTIONS
from interpret.explorer.frame import Frame, make_frame, patch_at, sheet
from interpret.explorer.mosaic import png
from interpret.explorer.view import Setting, Views, is_svda
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.interventions.threshold import own_rule, own_taus
from interpret.models.loaded_model import LoadedModel

try:
    import anywidget
    import ipywidgets
except ModuleNotFoundError as error:
    raise InterpretError(f"interpret.explore needs {error.name}: pip install 'interpret-vit[notebook]'") from error

OWN, FUSED, PREDICTED = "as loaded", "mean of all", "predicted"
MULTIPLES = tuple(2 ** (step / 2) for step in range(-6, 9))
"""Thresholds on offer, in units of uniform attention 1/N: half octaves from an eighth to sixteen."""
RETENTIONS = (1.0, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
FRAMES = 512
"""Pictures that are remembered, about 100 kB each."""
NARROW = {"width": "180px"}
WIDE, ROW = {"width": "430px", "margin": "2px 40px 2px 2px"}, {"flex_flow": "row wrap"}


def explore(models: LoadedModel | Sequence[LoadedModel], images: Images | Sequence[Image]) -> "Explorer":
    """Controls over a picture: the same image under every model, re-run with each threshold inside its forward pass.

    Where a notebook is only read, a still picture stands in for it.

    Args:
        images: as `interpret.trace` takes them: PIL images, or floats as every model wants them.

    Raises:
        InterpretError: there is no model or no image, or images that a model does not take.
    """
    chosen = [models] if isinstance(models, LoadedModel) else list(models)
    if not chosen or not len(images):
        raise InterpretError(f"explore needs a model and an image; got {len(chosen)} models, {len(images)} images")
    return Explorer(chosen, images)


def taus(models: Sequence[LoadedModel]) -> Iterator[tuple[str, float | str]]:
    """What the tau slider offers, as (text, value): the models' own selection, 0, `MULTIPLES` of 1/N, trained taus."""
    tokens = max(model.grid.tokens for model in models)
    spread = {float(f"{multiple / tokens:.2g}") for multiple in MULTIPLES if multiple < tokens}
    trained = {model.trained_tau for model in models}
    yield OWN, OWN
    for tau in sorted({0.0}.union(spread, *map(own_taus, models))):
        yield f"{tau:g}{' (trained)' * (tau in trained)}", tau


class Clicks(anywidget.AnyWidget):
    """Shows nothing; tells where the picture beside it is clicked. Without it all else of the explorer works."""

    _esm = Path(__file__).parent / "clicks.js"


class Explorer(ipywidgets.VBox):
    """The controls of `explore` and what they show; set `ui.tau.value = 0.02` as a reader would move the slider.

    Attributes:
        image, models, attribution, layer, head, target, tau, rule, rho, display_only, row, col: the controls; `models`
            holds a button for each model, `rho` acts on SVDA models alone, row and col choose the query patch, as does
            a click on it.
        picture, numbers, caption: what is shown; the caption is written last.
    """

    def __init__(self, models: Sequence[LoadedModel], images: Images | Sequence[Image]) -> None:
        self._views = [Views(model, images) for model in models]
        self._frame = lru_cache(maxsize=FRAMES)(self._make_frame)
        self._make_choices(models, len(images))
        self._make_interventions(models)
        self.picture = ipywidgets.Image(format="jpeg", layout={"max_width": "100%", "object_fit": "contain"})
        self.numbers, self.caption = ipywidgets.HTML(), ipywidgets.Label()
        self._show()
        rows = self._rows(any(is_svda(model) for model in models))
        for control in (control for row in rows for control in row):
            control.observe(self._show, names="value")
        boxes = [ipywidgets.Box(row, layout=ROW) for row in rows]
        clicks = Clicks()
        clicks.on_msg(self._pick)
        super().__init__([*boxes, self.picture, self.numbers, self.caption, clicks])
        self.add_class("interpret-explorer")

    def still(self) -> Image:
        """The picture as it is now, without loss."""
        setting, shown = self._state()
        return sheet([self._views[index] for index in shown], setting).image

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        text = f"{self.caption.value} (a still picture; run the cell for the live explorer)"
        picture = base64.b64encode(png(self.still())).decode()
        live = super()._repr_mimebundle_(**options) or {}
        return {**live, "text/plain": text, "image/png": picture}

    def _make_choices(self, models: Sequence[LoadedModel], images: int) -> None:
        known = [model.describe() for model in models]
        layers, heads, rows, cols = (min(each) for each in zip(*map(_extent, models), strict=True))
        classes = known[0]["classes"] if all(each["classes"] == known[0]["classes"] for each in known) else []
        self.image = slider("image", range(images), 0)
        self.models = [ipywidgets.ToggleButton(value=True, description=model.name) for model in models]
        self.attribution = ipywidgets.Dropdown(description="attribution", options=list(ATTRIBUTIONS))
        self.attribution.value = "cls_attention"
        self.layer = slider("layer", range(layers), layers - 1)
        self.head = slider("head", [FUSED, *range(heads)], FUSED)
        self.target = ipywidgets.Dropdown(description="class", options=[(PREDICTED, PREDICTED), *_numbered(classes)])
        self.row, self.col = slider("patch row", range(rows), rows // 2), slider("patch col", range(cols), cols // 2)

    def _make_interventions(self, models: Sequence[LoadedModel]) -> None:
        thresholded = [model for model in models if own_taus(model)]
        self.tau = ipywidgets.SelectionSlider(description="tau", options=list(taus(models)), value=OWN, layout=WIDE)
        rule = own_rule((thresholded or models)[0])
        self.rule = ipywidgets.Dropdown(
            description="rule", options=["hard", "soft"], value=rule, layout={"width": "180px"}
        )
        self.rho = slider("rho (svda)", RETENTIONS, 1.0)
        self.display_only = ipywidgets.Checkbox(description="display only", indent=False)

    def _rows(self, spectral: bool) -> list[list[ipywidgets.Widget]]:
        return [
            [self.image, *self.models],
            [self.attribution, self.target],
            [self.layer, self.head],
            [self.row, self.col],
            [self.tau, self.rule, self.display_only],
            [self.rho] * spectral,
        ]

    def _show(self, change: object = None) -> None:
        frame = self._frame(*self._state())
        self.picture.width, self.picture.height = map(str, frame.size)
        self.picture.value = frame.picture
        self.numbers.value = frame.numbers
        self.caption.value = frame.caption

    def _pick(self, clicks: Clicks, at: dict[str, Any], buffers: object) -> None:
        """Choose the patch that was clicked."""
        setting, shown = self._state()
        frame = self._frame(setting, shown)
        patch = patch_at([self._views[index] for index in shown], frame.faces, float(at["x"]), float(at["y"]))
        if patch is None:
            return
        for control, value in zip((self.row, self.col), patch, strict=True):
            control.unobserve(self._show, names="value")  # both move, then one picture is made
            control.value = min(value, max(choice for _, choice in control.options))
            control.observe(self._show, names="value")
        self._show()

    def _state(self) -> tuple[Setting, tuple[int, ...]]:
        """Where the controls stand, and which models are shown: all of them where none is chosen."""
        setting = Setting(
            image=self.image.value,
            attribution=self.attribution.value,
            layer=self.layer.value,
            head=_unless(FUSED, self.head.value),
            target=_unless(PREDICTED, self.target.value),
            tau=_unless(OWN, self.tau.value),
            rule=self.rule.value,
            rho=self.rho.value,
            display_only=self.display_only.value,
            query=(self.row.value, self.col.value),
        )
        shown = tuple(index for index, button in enumerate(self.models) if button.value)
        return setting, shown or tuple(range(len(self.models)))

    def _make_frame(self, setting: Setting, shown: tuple[int, ...]) -> Frame:
        return make_frame([self._views[index] for index in shown], setting)


def slider(description: str, options: Sequence[Any], value: Any) -> ipywidgets.SelectionSlider:
    """A slider over exact values, each shown as it is written."""
    texts = [(f"{option:g}" if isinstance(option, float) else str(option), option) for option in options]
    return ipywidgets.SelectionSlider(description=description, options=texts, value=value, layout=WIDE)


def _extent(model: LoadedModel) -> tuple[int, int, int, int]:
    """Layers, heads, rows and cols."""
    return len(model.model.blocks), model.model.blocks[0].attn.num_heads, model.grid.rows, model.grid.cols


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, index) for index, name in enumerate(names)]


def _unless(word: str, value: Any) -> Any:
    return None if value == word else value
