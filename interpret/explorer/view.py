"""What one model shows under the explorer's controls: its maps, its prediction and how its attention behaves."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from interpret.attributions import ATTRIBUTIONS, without_evidence
from interpret.data import fit
from interpret.foundation.errors import UnsupportedModelError
from interpret.foundation.tensors import Images
from interpret.indicators import INDICATORS
from interpret.interventions.sigma_retention import sigma_retention
from interpret.interventions.threshold import threshold
from interpret.mechanisms import MECHANISMS
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import STAGES, Trace
from interpret.models.tracing import trace
from interpret.study.sweep import MEASURED

STAGES_MEASURED = {"probs", "weights"}


@dataclass(frozen=True)
class Setting:
    """Where the controls of the explorer stand.

    Attributes:
        image: index of the image.
        layer: of the patch's attention row, and of the attribution where it takes one; counted from 0.
        head: likewise; None is the mean over heads.
        target: class explained; None is the class that the model, as it now runs, predicts.
        tau: threshold of every layer and head; None leaves each model its own selection.
        rule: "hard" or "soft".
        rho: share of the spectral energy that the heads of an SVDA model keep; 1 changes nothing.
        display_only: whether tau cuts what is drawn and counted after the model has run without it.
        query: (row, col) of the patch whose attention row is shown.
    """

    image: int
    attribution: str
    layer: int
    head: int | None
    target: int | None
    tau: float | None
    rule: str
    rho: float
    display_only: bool
    query: tuple[int, int]

    @property
    def as_loaded(self) -> "Setting":
        """The same look at the model without any change to it."""
        return replace(self, tau=None, rho=1.0, display_only=False)


@dataclass(frozen=True, eq=False)
class View:
    """What one model shows under one setting.

    Attributes:
        evidence: raw map of the attribution, or the reason why there is none.
        attended: raw weights from the patch `query` to every patch.
        explained: class that the attribution explains.
        predicted, confidence: class and its probability.
        measured: indicator -> its value in each layer and head.
    """

    evidence: Float[np.ndarray, "row col"] | str
    attended: Float[np.ndarray, "row col"]
    explained: int
    predicted: int
    confidence: float
    measured: dict[str, Float[np.ndarray, "layer head"]]


class Views:
    """The views of one model on some images; each is made once, and traces are kept only for the latest few.

    Args:
        images: as `interpret.trace` takes them.
    """

    def __init__(self, model: LoadedModel, images: Images | Sequence[Image.Image]) -> None:
        self.model, self.images = model, images
        self.view = lru_cache(maxsize=1024)(self._view)
        self._seen = lru_cache(maxsize=2)(self._look)

    def picture(self, image: int) -> UInt8[np.ndarray, "height width 3"]:
        """An image as the model sees it."""
        chosen = self.images[image]
        if not isinstance(chosen, Tensor):
            return np.asarray(fit(chosen, self.model.img_size))
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.model.spec.mean, self.model.spec.std))
        shares = (chosen.cpu() * std + mean).clamp(0, 1)
        return np.rint(shares.permute(1, 2, 0).double().numpy() * 255).astype(np.uint8)

    def _view(self, setting: Setting) -> View:
        entry = ATTRIBUTIONS[setting.attribution]
        keep = tuple(stage for stage in STAGES if stage in STAGES_MEASURED | set(entry.needs))
        run = replace(setting, tau=None) if setting.display_only else setting
        with changed(self.model, run):  # an attribution may need passes of its own
            seen = self._seen(run.image, run.target, run.tau, run.rule, run.rho, keep)
            if setting.display_only and setting.tau is not None:
                seen = cut_afterwards(seen, setting.tau, setting.rule)
            evidence = _evidence(seen, setting)
        confidence, predicted = seen.logits[0].double().softmax(dim=-1).max(dim=-1)
        return View(
            evidence=evidence,
            attended=_attended(seen, setting),
            explained=int(seen.classes[0]),
            predicted=int(predicted),
            confidence=float(confidence),
            measured={name: INDICATORS[name].function(seen)[:, 0].numpy(force=True) for name in MEASURED},
        )

    def _look(
        self, image: int, target: int | None, tau: float | None, rule: str, rho: float, keep: tuple[str, ...]
    ) -> Trace:
        """A trace of the model as it is when this is called: inside the scope that tau, rule and rho describe."""
        return trace(self.model, self.images[image : image + 1], target, keep=keep)


@contextmanager
def changed(model: LoadedModel, setting: Setting) -> Iterator[LoadedModel]:
    """Scope in which the model runs with the threshold of `setting` and, where it is an SVDA model, its retention."""
    with ExitStack() as scope:
        if setting.rho < 1 and is_svda(model):
            scope.enter_context(sigma_retention(model, setting.rho))
        if setting.tau is not None:
            scope.enter_context(threshold(model, setting.tau, setting.rule))
        yield model


def is_svda(model: LoadedModel) -> bool:
    """Whether sigma retention acts on the model."""
    return model.spec.mechanism == "svda"


def cut_afterwards(seen: Trace, tau: float, rule: str) -> Trace:
    """The trace with its probabilities cut after the fact: what the model computed, logits above all, stays."""
    attention = seen.model.model.blocks[0].attn
    mechanism = MECHANISMS[f"{rule}_threshold"].function(attention.num_heads, attention.head_dim, tau=tau)
    return replace(seen, weights=torch.stack([mechanism.select(probs) for probs in seen.need("probs")]))


def _evidence(seen: Trace, setting: Setting) -> Float[np.ndarray, "row col"] | str:
    entry = ATTRIBUTIONS[setting.attribution]
    known = inspect.signature(entry.function).parameters
    options = {name: getattr(setting, name) for name in ("layer", "head") if name in known}
    try:
        maps = entry(seen, **options)
    except UnsupportedModelError as error:
        return str(error)
    if without_evidence(maps)[0]:
        return "not finite" if not maps.isfinite().all() else "all zero" if not maps.any() else "constant"
    return maps[0].numpy(force=True)


def _attended(seen: Trace, setting: Setting) -> Float[np.ndarray, "row col"]:
    weights = seen.need("weights")[setting.layer, 0]
    fused = weights.mean(dim=0) if setting.head is None else weights[setting.head]
    by_query = seen.grid.fold(seen.grid.fold(fused).movedim(0, -1))
    return by_query[..., *setting.query].float().numpy(force=True)
