"""The live explorer: a kernel that answers with the maps of a state. The door to widgets of Jupyter."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import traitlets
from PIL.Image import Image
from torch import Tensor

from interpret.data import as_pictures
from interpret.explorer import embedding
from interpret.explorer.assets import script, style
from interpret.explorer.controls import checked, controls, entries_of, first_state, setting_of, unknown
from interpret.explorer.live import make_screen
from interpret.explorer.screen import Levels, Screen, menu, packed
from interpret.explorer.still import png, still
from interpret.explorer.view import Views
from interpret.figures.drawing.plots import Figure
from interpret.foundation.errors import InterpretError, first_line
from interpret.foundation.tensors import Images
from interpret.models.loaded_model import LoadedModel
from interpret.models.side_by_side import as_models

try:
    import anywidget
except ModuleNotFoundError as error:
    raise InterpretError(f"interpret.explore needs {error.name}: pip install 'interpret-vit[notebook]'") from error


class RefusedStateError(InterpretError, traitlets.TraitError):
    """A state that the explorer does not take. Of a `TraitError` it is known that the old state must come back."""


class Explorer(anywidget.AnyWidget):
    """What `explore` gives; set `ui.tau = 0.02` as a reader would move the slider.

    Attributes:
        state: where every control stands, by its name: image, models, attribution, target, layer, head, row, col, rule,
            display_only, and what the strength of each intervention is called. Each is an attribute of its own, too.
        menu: what the controls offer.
    """

    _esm = script()
    _css = style()
    menu = traitlets.Dict().tag(sync=True)
    state = traitlets.Any().tag(sync=True)

    def __init__(self, models: Sequence[LoadedModel], images: Images | Sequence[Image]) -> None:
        views = [Views(model, images) for model in models]
        offered, entries = controls(views, len(images)), entries_of(views)
        self._views, self._offered, self._entries = views, offered, entries
        self._start = first_state(views, offered)
        self._made = lru_cache(maxsize=512)(self._make)
        names = [{"name": f"image {index}", "label": ""} for index in range(len(images))]
        super().__init__(menu=menu([_known(model) for model in models], names, offered), state=self._start)
        self.on_msg(self._answer)

    @property
    def screen(self) -> Screen:
        """What is shown now, as numbers."""
        return self._made(json.dumps(self.state))

    @property
    def caption(self) -> str:
        """Which state this is, in one line."""
        return self.screen.caption

    def still(self) -> Figure:
        """The picture as it is now."""
        shown, screen = self.state["models"], self.screen
        rows = tuple(row.of(shown) for row in screen.rows)
        pictures = [self._views[index].picture(self.state["image"]) for index in shown]
        models = [self.menu["models"][index] for index in shown]
        return still(Screen(screen.caption, screen.claim, (), rows), models, [pictures] * len(rows))

    def __getattr__(self, name: str) -> Any:
        """Where the control of that name stands."""
        if name.startswith("_") or name not in self.__dict__.get("_start", ()):
            raise unknown(name, self.__dict__.get("_start", ()))
        return self.state[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_start", ()):
            self.state = {**self.state, name: value}
        elif name.startswith("_") or hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            raise unknown(name, self.__dict__.get("_start", ()))

    @traitlets.validate("state")
    def _validate(self, proposal: Mapping[str, Any]) -> dict[str, Any]:
        state = proposal["value"]
        if not isinstance(state, Mapping):
            raise RefusedStateError(f"state={state!r} is no dict of {', '.join(self._start)}")
        try:
            return checked(self._start | dict(state), self._offered, self._entries)
        except InterpretError as error:
            raise RefusedStateError(str(error)) from error

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        text = f"{self.caption} (a still picture; run the cell for the live explorer)"
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, "text/plain": text, "image/png": png(self.still())}, metadata

    def _make(self, key: str) -> Screen:
        state = json.loads(key)
        return make_screen(self._views, setting_of(state, self._entries), state["models"])

    def _answer(self, _: object, question: Mapping[str, Any], buffers: object) -> None:
        """To the script, which asks for a state or for the pictures of an image.

        Raises:
            Exception: what is not the reader's to mend; it is answered, too.
        """
        try:
            self.send(*(self._pictures if "image" in question else self._levels)(question))
        except Exception as error:
            expected = isinstance(error, InterpretError | RuntimeError)  # the reader chooses something else
            said = {"error": str(error) if expected else f"{type(error).__name__}: {first_line(error)}"}
            self.send({**question} | (said if "image" in question else {"screen": said}))
            if not expected:
                raise

    def _pictures(self, question: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        pictures = [embedding.picture(each.picture(question["image"])) for each in self._views]
        return {**question, "pictures": pictures}, []

    def _levels(self, question: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        levels = Levels()
        state = checked(self._start | question["state"], self._offered, self._entries)
        screen = packed(self._made(json.dumps(state)), levels)
        return {**question, "screen": screen}, [levels.joined]


def explorer(models: Any, images: Any) -> Explorer:
    """The explorer of one model or several on one image or several."""
    chosen = as_models(models)
    made = Explorer(chosen, _listed(images, chosen))
    _ = made.screen  # what a model does not show is refused here, not in the page
    return made


def _listed(images: Any, models: Sequence[LoadedModel]) -> Images | list[Image]:
    """One image or several as a batch of floats or a list of pictures, of the kind that every model takes."""
    floats = isinstance(images, Tensor) or (
        isinstance(images, Sequence) and any(isinstance(image, Tensor) for image in images)
    )
    listed = models[0].pixels(images) if floats else as_pictures(images)
    for model in models:
        model.pixels(listed[:1])
    return listed


def _known(model: LoadedModel) -> dict[str, Any]:
    grid = {"rows": model.grid.rows, "cols": model.grid.cols}
    return {"name": model.name, "rule": model.rule, "covered": model.covered} | grid
