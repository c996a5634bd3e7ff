"""Another threshold, inside the forward pass of any model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from interpret.foundation.errors import InterpretError
from interpret.foundation.options import check_tau
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import PLAIN, Thresholded, edited, indices, mask_of, with_threshold
from interpret.mechanisms import MECHANISMS, _thresholding
from interpret.models.loaded_model import LoadedModel


def own_rule(model: LoadedModel) -> str:
    """The rule of the model's own selection, "hard" where it selects nothing."""
    return MECHANISMS[model.spec.mechanism].function.rule or "hard"


def own_taus(model: LoadedModel) -> set[float]:
    """The tau that a model has now and the one of its training, as far as it has any."""
    return {tau for tau in (model.spec.options.get("tau"), model.trained_tau) if tau is not None}


def default_taus(models: Sequence[LoadedModel]) -> tuple[float, ...]:
    """Zero, up to six multiples of 1/N from a quarter to eight (of the largest N, in two digits), every model's tau."""
    return _taus(models, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0))


def fine_taus(models: Sequence[LoadedModel]) -> tuple[float, ...]:
    """Likewise, but half octaves from an eighth of 1/N to sixteen."""
    return _taus(models, [2 ** (step / 2) for step in range(-6, 9)])


def _taus(models: Sequence[LoadedModel], multiples: Sequence[float]) -> tuple[float, ...]:
    tokens = max(model.grid.tokens for model in models)
    spread = {float(f"{multiple / tokens:.2g}") for multiple in multiples if multiple < tokens}
    return tuple(sorted({0.0}.union(spread, *map(own_taus, models))))


def _is_own(model: LoadedModel, tau: float, layer: int | None) -> bool:
    """Whether every layer selects by its own rule, as it stands here, at this one tau already."""
    known = all(type(each) in (*PLAIN, Thresholded) for each in model.mechanisms)
    own = {(each.rule, getattr(each, "tau", None)) for each in model.mechanisms}
    return known and own == {(own_rule(model), tau)}


@INTERVENTIONS.register(
    label="threshold inside the forward pass",
    strength="tau",
    unit="probability",
    neutral=0.0,
    applies=lambda model: True,
    acts_on="every model",
    grid=default_taus,
    stops=fine_taus,
    reference="SelectiveViT: keep what lies above tau after the softmax",
    rules=lambda model: (own_rule(model),),
    own=own_taus,
    trained=lambda model: model.trained_tau,
    unchanged=_is_own,
    facts=lambda model, tau, layer: {"tau_n": tau * model.grid.tokens},
    fact_labels={"tau_n": "tau N"},
    shown=("active_tokens", "retained_mass"),
)
@contextmanager
def threshold(
    model: LoadedModel,
    tau: float,
    rule: str = "hard",
    *,
    layers: int | Sequence[int] | None = None,
    heads: int | Sequence[int] | None = None,
) -> Iterator[LoadedModel]:
    """Scope in which `model` selects by `rule` at `tau`, in place of its own selection.

    A plain ViT gains a threshold, a SelectiveViT changes it, SVDA keeps its scores. tau = 0 cuts nothing; up to the
    1e-6 of the rules it is the plain softmax. The higher tau, the fewer keys a query attends to.

    Args:
        tau: threshold in [0, 1).
        rule: "hard" or "soft".
        layers, heads: the blocks, and the heads of these blocks, one or several, that the rule applies to, counted
            from 0; None is all. Every other head keeps its own selection.

    Raises:
        InterpretError: a tau, rule, layer or head that does not exist.

    Example:
        >>> import interpret
        >>> vit, photo = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")[0].image
        >>> with interpret.threshold(vit, tau=0.02):
        ...     t = interpret.trace(vit, photo)
        >>> f"{interpret.measure(t, 'active_tokens')['value'].mean():.1f} of {vit.grid.tokens}"
        '6.7 of 65'
    """
    if rule not in _thresholding.RULES:
        raise InterpretError(f"rule {rule!r} is not one of {', '.join(_thresholding.RULES)}")
    check_tau(tau)
    change = partial(with_threshold, heads=mask_of(model, heads), tau=tau, rule=rule)
    changes = dict.fromkeys(indices(layers, model.depth, "layer", model), change)
    with edited(model, changes):
        yield model
