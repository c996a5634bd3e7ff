"""What one model shows under the explorer's controls: its maps, its prediction and how its attention behaves."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS, without_evidence
from interpret.data import as_rgb, fit
from interpret.explorer.strengths import acting_on, label
from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Images
from interpret.indicators import INDICATORS
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.pixels import as_picture
from interpret.models.trace import STAGES, Trace
from interpret.study.observe import heatmaps
from interpret.study.predictions import Prediction, predicted
from interpret.study.sweep import ASIDE, MEASURED

STAGES_MEASURED = {"probs", "weights"}
THRESHOLD = "threshold"
"""The intervention that `rule` and `display_only` of a setting belong to."""


@dataclass(frozen=True)
class Setting:
    """Where the controls of the explorer stand.

    Attributes:
        image: index of the image.
        layer: of the patch's attention row, and of the attribution where it takes one; counted from 0.
        head: likewise; None is the mean over heads.
        target: class explained; None is the class that the model, as it now runs, predicts.
        strengths: (name, strength) of every intervention that is on; a model runs under those that apply to it.
        rule: of the threshold, "hard" or "soft".
        display_only: whether the threshold cuts what is drawn and counted after the model has run without it.
        query: (row, col) of the patch whose attention row is shown.
    """

    image: int
    attribution: str
    layer: int
    head: int | None
    target: int | None
    strengths: tuple[tuple[str, float], ...]
    rule: str
    display_only: bool
    query: tuple[int, int]

    @property
    def as_loaded(self) -> "Setting":
        """The same look at the model without any change to it."""
        return replace(self, strengths=(), display_only=False)

    @property
    def cuts_afterwards(self) -> bool:
        """Whether there is a threshold that is for display only."""
        return self.display_only and THRESHOLD in dict(self.strengths)

    @property
    def as_run(self) -> "Setting":
        """What the models run under: the same, but without a threshold that is for display only."""
        kept = tuple(each for each in self.strengths if not (self.display_only and each[0] == THRESHOLD))
        return replace(self, strengths=kept)


@dataclass(frozen=True, eq=False)
class View:
    """What one model shows under one setting.

    Attributes:
        evidence: raw map of the attribution, or the reason why there is none.
        attended: raw weights from the patch `query` to every patch, of the setting's layer and head.
        by_head, readout: likewise of every layer and head, and from what the classifier reads (NaN where that is no
            mean of tokens).
        explained: name of the class that the attribution explains, "" where it is none.
        prediction: of the model.
        measured: indicator -> its value in each layer and head.
    """

    evidence: Float[np.ndarray, "row col"] | str
    attended: Float[np.ndarray, "row col"]
    by_head: Float[np.ndarray, "layer head row col"]
    readout: Float[np.ndarray, "layer head row col"]
    explained: str
    prediction: Prediction
    measured: dict[str, Float[np.ndarray, "layer head"]]


class Views:
    """The views of one model on some images; each is made once, and traces are kept only for the latest few.

    Args:
        images: several, as `interpret.trace` takes them.

    Attributes:
        entries: the interventions that apply to the model, by name.
    """

    def __init__(self, model: LoadedModel, images: Images | Sequence[Image.Image]) -> None:
        self.model, self.images, self.entries = model, images, acting_on(model)
        self.arguments = lru_cache(maxsize=None)(self._arguments)
        self._kept = lru_cache(maxsize=1024)(self._view)
        self._traces = lru_cache(maxsize=2)(self._look)

    def view(self, setting: Setting) -> View:
        """What the model shows under a setting."""
        return self._kept(replace(setting, strengths=self._acting(setting)))

    def acting(self, setting: Setting) -> dict[str, str]:
        """The interventions of a setting that change this model: name -> strength in a few words."""
        acting = self._acting(setting)
        words = {name: label(self.entries[name], strength, self._rule(name, setting)) for name, strength in acting}
        return words | ({THRESHOLD: f"display only, {words[THRESHOLD]}"} if setting.cuts_afterwards else {})

    def picture(self, image: int) -> UInt8[np.ndarray, "height width 3"]:
        """An image as the model sees it, as `as_picture` draws it."""
        chosen = self.images[image]
        if not isinstance(chosen, Tensor):
            return np.asarray(as_rgb(fit(chosen, self.model.img_size), self.model.spec.range))
        return as_picture(chosen, self.model.spec)

    @contextmanager
    def changed(self, setting: Setting) -> Iterator[LoadedModel]:
        """Scope in which the model runs under every intervention of `setting` that applies to it."""
        acting = self._acting(setting)
        arguments = {name: self.arguments(name) for name, _ in acting}  # on the model as it was loaded
        with ExitStack() as scope:
            for name, strength in acting:
                chosen = {"rule": self._rule(name, setting), "arguments": arguments[name]}
                scope.enter_context(self.entries[name].scope(self.model, strength, **chosen))
            yield self.model

    def _acting(self, setting: Setting) -> tuple[tuple[str, float], ...]:
        return tuple((name, strength) for name, strength in setting.strengths if name in self.entries)

    def _rule(self, name: str, setting: Setting) -> str:
        return setting.rule if name == THRESHOLD else self.entries[name].rules(self.model)[0]

    def _arguments(self, name: str) -> dict[str, Any]:
        """What an intervention that must look at some images first has found on these, once."""
        entry = self.entries[name]
        return entry.prepare(self.model, self.model.pixels(self.images[:ASIDE]), None) if entry.prepared else {}

    def _view(self, setting: Setting) -> View:
        entry = ATTRIBUTIONS[setting.attribution]
        keep = tuple(stage for stage in STAGES if stage in STAGES_MEASURED | set(entry.needs))
        run = setting.as_run
        with self.changed(run):  # an attribution may need passes of its own
            trace = self._traces(run.image, run.target, run.strengths, run.rule, keep)
            if setting.cuts_afterwards:
                with self.changed(replace(setting, display_only=False)):
                    trace = selected_anew(trace)
            evidence = _evidence(trace, setting)
        by_head = _by_head(trace, setting)
        of_layer = by_head[setting.layer]
        return View(
            evidence=evidence,
            attended=of_layer.mean(axis=0) if setting.head is None else of_layer[setting.head],
            by_head=by_head,
            readout=heatmaps(trace)[0],
            explained="" if trace.target is None else self.model.class_name(int(trace.target[0])),
            prediction=predicted(self.model, trace.logits)[0],
            measured={name: INDICATORS[name].function(trace)[:, 0].numpy(force=True) for name in MEASURED},
        )

    def _look(
        self, image: int, target: int | None, strengths: tuple[tuple[str, float], ...], rule: str, keep: tuple[str, ...]
    ) -> Trace:
        """A trace of the model as it is when this is called: inside the scope that strengths and rule describe."""
        return tracing.trace(self.model, self.images[image : image + 1], target, keep=keep)


def selected_anew(trace: Trace) -> Trace:
    """The trace with its probabilities selected as the model now selects; what it computed, above all logits, stays."""
    mechanisms = trace.model.selecting(trace.need("weights"))
    weights = [mechanism.select(probs) for mechanism, probs in zip(mechanisms, trace.need("probs"), strict=True)]
    return replace(trace, weights=torch.stack(weights))


def _evidence(trace: Trace, setting: Setting) -> Float[np.ndarray, "row col"] | str:
    entry = ATTRIBUTIONS[setting.attribution]
    known = inspect.signature(entry.function).parameters
    options = {name: getattr(setting, name) for name in ("layer", "head") if name in known}
    try:
        maps = entry(trace, **options)
    except UnsupportedModelError as error:
        return str(error)
    if without_evidence(maps)[0]:
        return "not finite" if not maps.isfinite().all() else "all zero" if not maps.any() else "constant"
    return maps[0].numpy(force=True)


def _by_head(trace: Trace, setting: Setting) -> Float[np.ndarray, "layer head row col"]:
    """What the chosen patch attends to."""
    weights = trace.need("weights")[:, 0]
    by_query = trace.grid.fold(trace.grid.fold(weights).movedim(2, -1))
    return by_query[..., *setting.query].float().numpy(force=True)
