"""What a model does with each image of a data set, as it was loaded and at every setting of an intervention."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from interpret.data import Dataset
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.foundation.versions import versions
from interpret.indicators import INDICATORS, Key, Options, constant_sets, evaluate
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import stages_needed
from interpret.study.passes import batches, right_classes
from interpret.study.predictions import of_output
from interpret.study.processes import put_together
from interpret.study.store import Store

MEASURING = ("foundation", "mechanisms", "models", "indicators", "interventions")
"""The rooms whose code an outcome depends on."""


@cache
def sources() -> str:
    """SHA-256 of the code that measures, and of what it stands on: a store forgets what other code has found."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in MEASURING:
        for file in sorted((package / room).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Setting:
    """One strength of an intervention.

    Attributes:
        columns: what names it in a table.
        scope: enters the intervention.
        layer: the one that is changed, whose attention alone is then measured; None is all.
        unchanged: whether the model is then the same function as it was loaded, by construction.
        about: what else its outcome depends on, JSON-able.
    """

    columns: Mapping[str, Any]
    scope: Callable[[], AbstractContextManager]
    layer: int | None = None
    unchanged: bool = False
    about: tuple[Any, ...] = ()


AS_LOADED = Setting({"as loaded": True}, nullcontext)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What was seen of each image; the first setting is the model as it was loaded.

    Attributes:
        predicted, confidence: the class that is predicted and its probability; None where outputs are no classes.
        value: the only output; None where there are several.
        measured: mean of each indicator over heads and the layers that are changed, undefined values left out.
        labels: None where they are not known.
    """

    predicted: Int[np.ndarray, "setting image"] | None
    confidence: Float[np.ndarray, "setting image"] | None
    value: Float[np.ndarray, "setting image"] | None
    measured: dict[Key, Float[np.ndarray, "setting image"]]
    labels: Int[np.ndarray, "image"] | None

    @property
    def agrees(self) -> Bool[np.ndarray, "setting image"] | None:
        """Whether the prediction is that of the model as it was loaded."""
        return None if self.predicted is None else self.predicted == self.predicted[:1]

    @property
    def right(self) -> Bool[np.ndarray, "setting image"] | None:
        """Whether the prediction is the label."""
        return None if self.labels is None or self.predicted is None else self.predicted == self.labels


def outcomes_of(
    model: LoadedModel,
    data: Dataset,
    settings: Sequence[Setting],
    indicators: Sequence[str],
    *,
    options: Options = MappingProxyType({}),
    batch_size: int = 16,
    store: Store | None = None,
) -> Outcomes:
    """Look at every image at every setting; each is read once, and its attention is not kept.

    Where several processes run, each looks at its share and all get the whole.

    Args:
        store: finds again what was seen before of the same weights, images and settings; a model that came from memory
            or is under another intervention is always run.

    Raises:
        InterpretError: no setting, no image, or fewer images than processes.
    """
    if not settings:
        raise InterpretError("a sweep needs a setting; got none")
    identity = model.fingerprint if store else ""
    used = store if identity else None
    by_image, labels = [], []
    for examples, images in batches(model, data, batch_size):
        look = _Look(model, images, tuple(indicators), options, used, identity)
        by_image.extend(_by_image([look.at(setting) for setting in (AS_LOADED, *settings)], len(examples)))
        labels.extend(right_classes(model, examples, data.classes))
    whole, known = put_together(by_image), put_together(labels)
    if not whole[0]:
        raise InterpretError(f"{model.name} predicts no class and no indicator is named, so there is nothing to sweep")
    by_key = {key: np.array([image[key] for image in whole]).T for key in whole[0]}
    return Outcomes(
        predicted=by_key.get("predicted"),
        confidence=by_key.get("confidence"),
        value=by_key.get("value"),
        measured={key: values for key, values in by_key.items() if isinstance(key, tuple)},
        labels=None if None in known else np.array(known),
    )


def _by_image(outcomes: Sequence[dict[Any, list]], count: int) -> list[dict[Any, list]]:
    """From one outcome of lists a setting to one an image, of lists over the settings."""
    names = list(outcomes[0])
    return [{name: [outcome[name][image] for outcome in outcomes] for name in names} for image in range(count)]


@dataclass(frozen=True)
class _Look:
    """A model and a batch, to be seen at one setting after the other."""

    model: LoadedModel
    images: Images
    indicators: tuple[str, ...]
    options: Options
    store: Store | None
    identity: str

    def at(self, setting: Setting) -> dict[Any, list]:
        if self.store is None:
            outcome = self._run(setting)
        else:
            about = self._about | {"setting": [dict(setting.columns), setting.layer, *setting.about]}
            outcome = self.store.remember(about, lambda: self._run(setting))
        named = {tuple(key): values for key, values in zip(outcome.pop("keys"), outcome.pop("measured"), strict=True)}
        return outcome | named

    def _run(self, setting: Setting) -> dict[str, list]:
        with setting.scope():
            keep = stages_needed([INDICATORS[name] for name in self.indicators])
            trace = tracing.trace(self.model, self.images, keep=keep)
        layers = slice(None) if setting.layer is None else slice(setting.layer, setting.layer + 1)
        measured = list(evaluate(trace, self.indicators, self.options))
        return {
            **of_output(self.model, trace.logits),
            "keys": [list(key) for *key, _ in measured],
            "measured": [values[layers].double().nanmean(dim=(0, 2)).tolist() for *_, values in measured],
        }

    @cached_property
    def _about(self) -> dict[str, Any]:
        """Everything that the outcome depends on, but the setting."""
        pixels = hashlib.sha256(self.images.numpy(force=True).tobytes()).hexdigest()
        return {
            "weights": self.identity,
            "spec": asdict(self.model.spec),
            "images": [list(self.images.shape), pixels],
            "indicators": self.indicators,
            "options": {name: constant_sets(self.options, name) for name in self.options},
            "machine": [self.model.device.type, str(next(self.model.model.parameters()).dtype)],
            "versions": versions(),
            "sources": sources(),
        }
