"""The notebook explorer: models whose attention is cut at the pace of a slider. The door to widgets of Jupyter."""

import base64
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS
from interpret.data import as_pictures
from interpret.explorer.frame import Frame, make_frame, patch_at, sheet
from interpret.explorer.mosaic import png
from interpret.explorer.strengths import acts, stops
from interpret.explorer.view import THRESHOLD, Setting, Views
from interpret.foundation.errors import InterpretError, UnknownControlError
from interpret.foundation.tensors import Images
from interpret.interventions import Intervention
from interpret.interventions.threshold import own_rule, own_taus
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import undefined_without_target
from interpret.models.side_by_side import as_models

try:
    import anywidget
    import ipywidgets
except ModuleNotFoundError as error:
    raise InterpretError(f"interpret.explore needs {error.name}: pip install 'interpret-vit[notebook]'") from error

FUSED, PREDICTED = "mean of all", "predicted"
FRAMES = 512
"""Pictures that are remembered, about 100 kB each."""

NARROW = {"width": "180px"}
WIDE, ROW = {"width": "430px", "margin": "2px 40px 2px 2px"}, {"flex_flow": "row wrap"}
WIDER, UNITS = {"width": "560px"}, {"description_width": "210px"}


def explore(models: Any, images: Any) -> "Explorer":
    """Controls over a picture: the same image under every model, run again under every intervention that is on.

    There is a slider for every registered intervention that applies to at least one of the models. Where a notebook is
    only read, a still picture stands in for it.

    Args:
        models: one or several, as `interpret.load` gives them.
        images: one or several, as `interpret.trace` takes them: pictures, paths, or floats as every model wants them.

    Raises:
        InterpretError: there is no model or no image, or images that a model does not take.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> ui = interpret.explore(vit, interpret.load_data("photos")[0].image)
        >>> ui.share.value = 0.25
        >>> ui.caption.value
        'shown: share=0.25 (gradient), image 0, cls_attention, layer 3, heads fused, patch (4, 4)'
    """
    chosen = as_models(models)
    return Explorer(chosen, _listed(images, chosen))


def _listed(images: Any, models: Sequence[LoadedModel]) -> Images | list[Image]:
    """One image or several as a batch of floats or a list of pictures, of the kind that every model takes."""
    floats = isinstance(images, Tensor) or (
        isinstance(images, Sequence) and any(isinstance(image, Tensor) for image in images)
    )
    listed = models[0].pixels(images) if floats else as_pictures(images)
    for model in models:
        model.pixels(listed[:1])
    return listed


class Clicks(anywidget.AnyWidget):
    """Shows nothing; tells where the picture beside it is clicked. Without it all else of the explorer works."""

    _esm = Path(__file__).parent / "clicks.js"


class Explorer(ipywidgets.VBox):
    """The controls of `explore` and what they show; set `ui.tau.value = 0.02` as a reader would move the slider.

    Attributes:
        image, models, attribution, layer, head, target, row, col: the controls of what is looked at; `models` holds a
            button for each model, row and col choose the query patch, as does a click on it.
        strengths: a slider for each intervention, by its registered name. What a strength is called is a shorter way
            to it: `ui.tau` is `ui.strengths["threshold"]`.
        rule, display_only: how the threshold acts.
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
        rows = self._rows()
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

    def __getattr__(self, name: str) -> ipywidgets.SelectionSlider:
        """The slider of the intervention whose strength has that name."""
        known = self.__dict__.get("_by_strength", {})
        if name not in known:
            raise UnknownControlError(f"the explorer has no {name!r}; its interventions are {', '.join(known)}")
        return known[name]

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        text = f"{self.caption.value} (a still picture; run the cell for the live explorer)"
        picture = base64.b64encode(png(self.still())).decode()
        live = super()._repr_mimebundle_(**options) or {}
        return {**live, "text/plain": text, "image/png": picture}

    def _make_choices(self, models: Sequence[LoadedModel], images: int) -> None:
        layers, heads, rows, cols = (min(each) for each in zip(*map(_extent, models), strict=True))
        alike = all(model.same_classes(models[0]) for model in models)
        names = map(models[0].class_name, range(models[0].anatomy.classes if alike else 0))
        self.image = slider("image", range(images), 0)
        self.models = [ipywidgets.ToggleButton(value=True, description=model.name) for model in models]
        self.attribution = ipywidgets.Dropdown(description="attribution", options=list(ATTRIBUTIONS))
        self.attribution.value = "cls_attention"
        self.layer = slider("layer", range(layers), layers - 1)
        self.head = slider("head", [FUSED, *range(heads)], FUSED)
        first = "none" if undefined_without_target(models[0]) else PREDICTED
        targets = [(first, PREDICTED), *((name, index) for index, name in enumerate(names))]
        self.target = ipywidgets.Dropdown(description=models[0].task.one, options=targets)
        self.row, self.col = slider("patch row", range(rows), rows // 2), slider("patch col", range(cols), cols // 2)

    def _make_interventions(self, models: Sequence[LoadedModel]) -> None:
        self._entries = {name: entry for views in self._views for name, entry in views.entries.items()}
        self.strengths = {name: _strength_slider(entry, models) for name, entry in self._entries.items()}
        self._by_strength = {self._entries[name].strength: control for name, control in self.strengths.items()}
        thresholded = [model for model in models if own_taus(model)]
        rule = own_rule((thresholded or models)[0])
        self.rule = ipywidgets.Dropdown(description="rule", options=["hard", "soft"], value=rule, layout=NARROW)
        self.display_only = ipywidgets.Checkbox(description="display only", indent=False)

    def _rows(self) -> list[list[ipywidgets.Widget]]:
        extras = {THRESHOLD: [self.rule, self.display_only]}
        return [
            [self.image, *self.models],
            [self.attribution, self.target],
            [self.layer, self.head],
            [self.row, self.col],
            *([control, *extras.get(name, [])] for name, control in self.strengths.items()),
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
        patch = patch_at([self._views[index] for index in shown], frame.panels, float(at["x"]), float(at["y"]))
        if patch is None:
            return
        for control, value in zip((self.row, self.col), patch, strict=True):
            control.unobserve(self._show, names="value")  # both move, then one picture is made
            control.value = min(value, max(choice for _, choice in control.options))
            control.observe(self._show, names="value")
        self._show()

    def _state(self) -> tuple[Setting, tuple[int, ...]]:
        """Where the controls stand, and which models are shown: all of them where none is chosen."""
        standing = [(name, control.value) for name, control in self.strengths.items()]
        setting = Setting(
            image=self.image.value,
            attribution=str(self.attribution.value),
            layer=self.layer.value,
            head=_unless(FUSED, self.head.value),
            target=_unless(PREDICTED, self.target.value),
            strengths=tuple((name, value) for name, value in standing if acts(self._entries[name], value)),
            rule=str(self.rule.value),
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


def _strength_slider(entry: Intervention, models: Sequence[LoadedModel]) -> ipywidgets.SelectionSlider:
    """The slider of an intervention; its first stop leaves the models as they were loaded."""
    acted_on = [model for model in models if entry.applies(model)]
    unit = f" ({entry.unit})" if entry.unit else ""
    about = f"{entry.label}: {', '.join(model.name for model in acted_on)}"
    described = {"description": entry.strength + unit, "tooltip": about, "layout": WIDER, "style": UNITS}
    return ipywidgets.SelectionSlider(options=stops(entry, acted_on), index=0, **described)


def _extent(model: LoadedModel) -> tuple[int, int, int, int]:
    """Layers, heads, rows and cols."""
    return model.depth, model.heads, model.grid.rows, model.grid.cols


def _unless(word: str, value: Any) -> Any:
    return None if value == word else value
