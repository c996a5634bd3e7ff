"""trace() as the user calls it: what to keep may be named by what it is for."""

from collections.abc import Sequence
from typing import Any

from interpret.attributions import ATTRIBUTIONS
from interpret.foundation.errors import InterpretError, UnknownNameError
from interpret.foundation.registry import as_names
from interpret.indicators import INDICATORS
from interpret.models import tracing
from interpret.models.loaded_model import LoadedModel
from interpret.models.trace import STAGES, Trace


def trace(
    model: Any, images: Any, target: Any = None, *, keep: Any = ("probs", "weights"), layers: Any = None
) -> Trace:
    """Look at `images` going through `model`, in one forward pass and at most one backward pass.

    Args:
        model: as `interpret.load` gives it.
        images: one or several: PIL images, paths, (height, width, 3) uint8 arrays, or floats as the model wants them.
        target: what is explained: None for the predicted class of each image, or the only output; a class or a feature,
            or one an image, by number or name; a vector, so a weight for each class or feature, (class,) or (batch,
            class), floats, such as a prototype or the embedding of a text; or a function of the output (batch, class)
            -> (batch,).
        keep: what stays: a name or several, of stages, attributions or indicators, whose stages are then kept.
            "scores", "probs", "weights" and "gradient" cost layers x heads x N x N floats an image each.
        layers: one or several whose stages stay, counted from 0, or from the last one by negative numbers; None is all.
            What needs every layer, as rollout does, then refuses the trace.

    Raises:
        InterpretError: no loaded model, images of another size, a target that is no class, an unknown name in `keep`,
            a layer that there is not, or a gradient of a model that predicts no class, without a target.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-softmax.pt")
        >>> t = interpret.trace(vit, interpret.load_data("shapes")[0].image, keep="relevance")
        >>> tuple(t.gradient.shape)
        (4, 1, 3, 65, 65)
    """
    if not isinstance(model, LoadedModel):
        raise InterpretError(f"trace takes what interpret.load gives, got a {type(model).__name__}; load it first")
    stages = _stages(as_names(keep))
    trace = tracing.trace(model, images, target, keep=stages, layers=layers)
    if "gradient" in stages:
        trace.need("gradient")
    return trace


def _stages(names: Sequence[str]) -> tuple[str, ...]:
    wanted = {stage for name in names for stage in _stages_of(name)}
    return tuple(stage for stage in STAGES if stage in wanted)


def _stages_of(name: str) -> tuple[str, ...]:
    if name in STAGES:
        return (name,)
    for registry in (ATTRIBUTIONS, INDICATORS):
        if name in registry:
            return registry[name].needs
    raise UnknownNameError(
        f"keep: unknown {name!r}; available are the stages {', '.join(STAGES)}, and the names of ATTRIBUTIONS and "
        "INDICATORS"
    )
