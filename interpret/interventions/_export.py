"""An edited model as a checkpoint."""

import dataclasses
import os
from copy import deepcopy
from pathlib import Path

from interpret.foundation.errors import InterpretError
from interpret.interventions._edits import PLAIN, Edited, Pruned, Thresholded, noted, own_copy, rows_of
from interpret.mechanisms import MECHANISMS, Mechanism
from interpret.models.attention import Attention
from interpret.models.checkpoint import save
from interpret.models.loaded_model import LoadedModel
from interpret.models.model_spec import ModelSpec


def export(model: LoadedModel, path: str | os.PathLike[str], changes: str) -> None:
    """Write `model` as the interventions around this call make it; `interpret.load` opens it with the same logits.

    An edited sigma is written as sigma. A pruned head becomes zero rows for its V: its output is still zero, its
    attention weights are there again. One threshold for every layer and head of plain scores becomes the mechanism.
    The provenance keeps how the model was made, says `changes` under "edited" and, where the mechanism is another now,
    the one of the training under "trained"; it drops the test accuracy, which was that of another model.

    Raises:
        InterpretError: a threshold that no specification can say, or a path where something is: an edited model
            replaces none.
    """
    if Path(path).exists():
        raise InterpretError(f"{path} exists, and an edited model replaces no file; choose another path")
    spec, copy = _spec(model), own_copy(model)
    for block, mechanism in zip(copy.vit.blocks, model.mechanisms, strict=True):
        _write_pruning(block.attn, mechanism)
        chosen = _mechanism(block.attn, mechanism, None if spec is model.spec else spec)
        block.attn.mechanism = deepcopy(chosen)
    save(path, noted(copy, changes, spec=spec, recorded=model.recorded or model.spec))


def _spec(model: LoadedModel) -> ModelSpec:
    """The specification with the threshold that an intervention has set, if any."""
    layers = [_beneath(mechanism, Pruned) for mechanism in model.mechanisms]
    rules = {(layer.rule, layer.tau) if isinstance(layer, Thresholded) else None for layer in layers}
    if rules == {None}:
        return model.spec
    alike = all(type(_beneath(layer, Edited)).project is Mechanism.project for layer in layers)
    rule, tau = rules.pop() or (None, None)
    if rules or rule is None or tau is None or not alike:
        raise InterpretError(
            f"{model.name}: a file can say one threshold for all layers and heads of plain scores, found another; "
            "apply it with interpret.threshold after loading"
        )
    plain = {entry.function.rule: name for name, entry in MECHANISMS.items() if entry.function in PLAIN}
    return dataclasses.replace(model.spec, mechanism=plain[rule], options={"tau": tau})


def _mechanism(attention: Attention, mechanism: Mechanism, spec: ModelSpec | None) -> Mechanism:
    """That of `spec`, or the layer's own without what stands in front of it."""
    if spec is None:
        return _beneath(mechanism, Edited)
    return MECHANISMS[spec.mechanism].function(attention.num_heads, attention.head_dim, **spec.options)


def _write_pruning(attention: Attention, mechanism: Mechanism) -> None:
    while isinstance(mechanism, Pruned):
        for rows in rows_of(attention):
            rows[2, mechanism.heads] = 0
        mechanism = mechanism.inner


def _beneath(mechanism: Mechanism, edits: type[Edited]) -> Mechanism:
    """What stands behind edits of that kind."""
    while isinstance(mechanism, edits):
        mechanism = mechanism.inner
    return mechanism
