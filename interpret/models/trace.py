"""What was seen of a model in one forward and one backward pass, and which stages of it there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor

from interpret.foundation.errors import InterpretError, MissingTensorError, UnsupportedModelError
from interpret.foundation.tensors import Attention, Features, Images, Keys, LayerTokens, Logits, Queries, Target, Tokens
from interpret.mechanisms import Mechanism
from interpret.models.anatomy import STAGES
from interpret.models.grid import PatchGrid
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import Objective
from interpret.models.seam import Changes, changed
from interpret.models.site import Replay, Site
from interpret.models.state import state_of
from interpret.models.vit import Tail


@runtime_checkable
class Needy(Protocol):
    """An entry of a registry that says which stages a trace must keep for it."""

    @property
    def needs(self) -> tuple[str, ...]: ...


def stages_needed(entries: Iterable[Needy]) -> tuple[str, ...]:
    """What to keep so that every entry finds what it needs, in the order of `STAGES`."""
    needs = {stage for entry in entries for stage in entry.needs}
    return tuple(stage for stage in STAGES if stage in needs)


@dataclass(frozen=True, repr=False, eq=False)
class Trace:
    """What was seen in one forward and one backward pass; every map and indicator is a pure function of it.

    Attributes:
        model: the model that was looked at, for what by nature needs more passes.
        objective: what is explained, as a function of the logits.
        target: the class explained, one an image; None where it is not one class.
        normed: tokens entering the last attention, so after `norm1` of its block; None where they are not seen.
        mechanisms: of the blocks when they were looked at; an intervention may be over when a map is made.
        residual: tokens entering the last block, where blocks are known.
        changes: what interventions made of the mechanisms.
        sites: the module of each layer that forms its attention.
        layers: numbers of the layers whose stages are kept, in the order of the axis `layer`; () where it is all.
        inputs: tokens entering the attention of each block, after its `norm1`. None where not kept, as all that follow.
        queries, keys: q and k as the mechanism receives them.
        scores, probs, weights: attention before the softmax, after it, and after selection (`probs` and `weights` are
            one tensor where the mechanism selects nothing).
        outputs: tokens leaving each block.
        gradient: d objective / d weights. It need not be 0 where a weight was cut to 0.
        state: of the model and these mechanisms when it was looked at.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> t = interpret.trace(vit, interpret.load_data("shapes")[0].image, keep=["weights"])
        >>> tuple(t.weights.shape), tuple(t.logits.shape)
        ((4, 1, 3, 65, 65), (1, 10))
    """

    model: LoadedModel
    images: Images
    objective: Objective
    logits: Logits
    mechanisms: tuple[Mechanism, ...]
    target: Target | None = None
    inputs: LayerTokens | None = None
    queries: Queries | None = None
    keys: Keys | None = None
    scores: Attention | None = None
    probs: Attention | None = None
    weights: Attention | None = None
    outputs: LayerTokens | None = None
    gradient: Attention | None = None
    normed: Tokens | None = None
    residual: Tokens | None = None
    state: tuple[object, ...] = field(default=(), repr=False)
    changes: tuple[Changes, ...] = ()
    sites: tuple[Site, ...] = ()
    layers: tuple[int, ...] = ()

    def __repr__(self) -> str:
        kept = ", ".join(stage for stage in STAGES if getattr(self, stage) is not None)
        edited = ", under an intervention" if any(hasattr(each, "inner") for each in self.mechanisms) else ""
        return f"Trace({len(self.images)} images, {self.model!r}{edited}, kept: {kept})"

    def unchanged(self) -> LoadedModel:
        """The model, for passes that belong to this trace.

        Raises:
            InterpretError: it was changed since, so that old features would meet new weights.
        """
        if self.state and self.state != state_of(self.model.model, self.mechanisms):
            raise InterpretError(
                f"{self.model.name} was changed after this trace was made, whose maps would mix old features with new "
                "weights; trace it again"
            )
        return self.model

    def need(self, stage: str) -> Tensor:
        """The kept tensor of that name, of the layers that are kept.

        Raises:
            MissingTensorError: `trace` was not asked to keep it.
            UnsupportedModelError: it is the gradient of nothing, because no class is predicted and no target was named.
        """
        kept = getattr(self, stage)
        if kept is None and stage == "gradient" and self.objective.undefined:
            raise UnsupportedModelError(self.objective.undefined)
        if kept is None:
            have = [name for name in STAGES if getattr(self, name) is not None]
            raise MissingTensorError(f"the trace holds no {stage!r}; call trace(..., keep={(*have, stage)!r})")
        return kept

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the layers that are kept, counted from 0."""
        return self.layers or tuple(range(self.model.depth))

    def place(self, layer: int) -> int:
        """Where a layer, counted from the last one where it is negative, lies among those that are kept.

        Raises:
            MissingTensorError: it was not kept.
        """
        number = layer + self.model.depth if layer < 0 else layer
        if not 0 <= number < self.model.depth:
            raise InterpretError(
                f"layer {layer}: {self.model.name} has {self.model.depth}, 0 to {self.model.depth - 1}"
            )
        if number not in self.numbers:
            raise MissingTensorError(f"the trace holds {self.held}, not layer {layer}; trace(..., layers=[{layer}])")
        return self.numbers.index(number)

    @property
    def held(self) -> str:
        """Which layers are kept, in words."""
        one = "layer" if len(self.numbers) == 1 else "layers"
        return f"{one} {', '.join(map(str, self.numbers))} of {self.model.depth}"

    def change(self, layer: int, mechanism: Mechanism) -> Mechanism:
        """What interventions had made of a layer's mechanism when it was looked at."""
        return changed(self.changes, layer, mechanism)

    @property
    def classes(self) -> Target:
        """The class that is explained of each image.

        Raises:
            InterpretError: it is not one class.
        """
        if self.target is None:
            reason = f"the trace explains {self.objective!r}, not one class an image; give it a class"
            raise InterpretError(self.objective.undefined or reason)
        return self.target

    @property
    def grid(self) -> PatchGrid:
        """Where the tokens lie."""
        return self.model.grid

    @property
    def readout(self) -> Tensor:
        """How much the classifier reads of each final token (token,)."""
        return self.model.anatomy.readout.to(self.images.device)

    @property
    def features(self) -> Features:
        """Output of the last block's `norm1` as a feature map, prefix tokens dropped."""
        return self.grid.fold(self._entering.transpose(1, 2))

    @property
    def _entering(self) -> Tokens:
        if self.normed is None:
            reason = self.model.anatomy.hidden["inputs"]
            raise UnsupportedModelError(f"{self.model.name} shows no features: {reason}; use relevance or rollout")
        return self.normed

    def tail(self) -> Tail | Replay:
        """The rest of the model as a function of `features`; use it inside `untouched`."""
        model, prefix = self.unchanged(), self._entering[:, : self.grid.prefix]
        if model.measured:
            anatomy = model.anatomy
            return Replay(model.model, anatomy.attentions[-1], self.images, prefix, self.changes, anatomy.apart)
        assert self.residual is not None
        return Tail(model.vit, self.mechanisms[-1], self.residual, prefix)
