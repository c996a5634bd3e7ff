"""trace(): one forward and at most one backward pass, looked at where attention is computed."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.models.anatomy import Anatomy
from interpret.models.attention import Stages
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import Objective, objective_of
from interpret.models.preserving import untouched
from interpret.models.scopes import observing, seam_of
from interpret.models.site import Site, given_tokens, here, site_of
from interpret.models.state import state_of
from interpret.models.trace import STAGES, Trace

AT_THE_OPERATION = ("queries", "keys", "scores", "probs", "weights")
"""The stages that `Stages` holds under the same names."""
PASS_BYTES = {"cpu": 300e6, "cuda": 4e9}
"""Activations live for one pass only: as many images go into a pass as keep theirs below this."""


def trace(
    model: LoadedModel,
    images: Any,
    target: Any = None,
    *,
    keep: Sequence[str] = ("probs", "weights"),
    layers: Any = None,
) -> Trace:
    """Look at `images` going through `model`, and leave no trace in it.

    Args:
        images: one or several, as `LoadedModel.pixels` takes them: pictures, paths, or floats as the model wants them.
        target: what is explained, as `objective_of` takes it: None is the predicted class of each image.
        keep: which of `STAGES` stay: "scores", "probs", "weights" and "gradient" cost layers x heads x N x N floats an
            image each. A gradient costs one backward pass and is made only when it is named here, and there is
            something to explain.
        layers: one or several whose stages stay, counted from 0, or from the last one by negative numbers; None is all.
            A backward pass then ends at the first of them.

    Raises:
        InterpretError: images of another size, a target that is no class, an unknown name in `keep` or `layers`.
    """
    _check_keep(keep)
    chosen = _numbers(layers, model)
    pixels = model.pixels(images).to(model.device, next(model.model.parameters()).dtype)
    objective = objective_of(target, model, len(pixels))
    step = _images_per_pass(model, pixels.device.type)
    model.check_shown(keep)
    keep = [stage for stage in keep if not (stage == "gradient" and objective.undefined)]
    with untouched(model.model), seam_of(model.model, model.anatomy.apart) as seam:
        record = _Record(model, len(pixels), keep, chosen or range(model.depth))
        for first in range(0, len(pixels), step):
            part = slice(first, first + step)
            record.look(pixels[part], objective.of(part), part)
        mechanisms = tuple(model.mechanisms)
        state = state_of(model.model, mechanisms)
        tensors = record.tensors()
        if "target" in tensors:
            objective = Objective(classes=tensors["target"])
        return Trace(
            model=model, images=pixels, objective=objective, mechanisms=mechanisms, state=state,
            changes=tuple(seam.changes), sites=tuple(record.sites), layers=chosen, **tensors,
        )  # fmt: skip


def _images_per_pass(model: LoadedModel, device: str) -> int:
    """Bounded by the attention and the token activations that a backward pass keeps of every layer."""
    tokens = model.grid.tokens
    floats = model.depth * tokens * (2 * model.heads * tokens + 12 * (model.anatomy.width or 0))
    return max(1, int(PASS_BYTES.get(device, PASS_BYTES["cpu"]) // (4 * floats)))


class _Record:
    """The kept tensors, filled pass by pass."""

    def __init__(self, model: LoadedModel, batch: int, keep: Sequence[str], layers: Sequence[int]) -> None:
        self.model, self.anatomy = model, model.anatomy
        self.first, self.places = layers[0], {layer: place for place, layer in enumerate(layers)}
        self.backward = "gradient" in keep
        selects = model.measured or any(mechanism.selects for mechanism in model.mechanisms)
        self.aliased = not selects and {"probs", "weights"} <= set(keep)
        self.stages = [stage for stage in STAGES if stage in keep and not (self.aliased and stage == "probs")]
        like = next(model.model.parameters())
        dtype = torch.promote_types(like.dtype, torch.float32)
        shapes = _shapes(self.anatomy)
        self.kept = {
            name: torch.zeros(len(layers), batch, *shapes[name], dtype=dtype, device=like.device)
            if name == "gradient"  # stays zero where a layer is not read
            else torch.empty(len(layers), batch, *shapes[name], dtype=dtype, device=like.device)
            for name in self.stages
        }
        self.parts: dict[str, list[Tensor]] = {name: [] for name in ("logits", "target", "residual", "normed")}
        self.sites: list[Site] = []

    def look(self, pixels: Images, objective: Objective, part: slice) -> None:
        """One forward, and one backward where a gradient is kept, over the images of `part`."""
        live: list[Tensor] = []
        self.sites.clear()
        with ExitStack() as scope, torch.set_grad_enabled(self.backward):
            self._hook(scope, part)
            scope.enter_context(observing(self.model.model, partial(self._see, part, live)))
            logits = self.model(pixels)
        target = objective.target(logits)
        self._keep_part(logits=logits, **({} if target is None else {"target": target}))
        if self.backward:
            score = objective(logits).sum()
            apart = self.anatomy.apart
            places = self.kept["gradient"][:, part]
            for call, weights in enumerate(live):
                layer = self.first + call // apart
                if weights.requires_grad and layer in self.places:
                    place = places[self.places[layer]].chunk(apart, dim=1)[call % apart]
                    weights.register_hook(partial(_copy_gradient, place))
            torch.autograd.grad(score, live[:apart])

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name, whole."""
        whole = {name: torch.cat(parts) for name, parts in self.parts.items() if parts} | self.kept
        return whole | ({"probs": whole["weights"]} if self.aliased else {})

    def _see(self, part: slice, live: list[Tensor], layer: int, stages: Stages) -> Tensor:
        """Keep the stages; with every parameter frozen the graph starts at the first weights that are kept."""
        for stage in AT_THE_OPERATION:
            if stage in self.stages and layer in self.places:
                place = self.kept[stage][self.places[layer], part].chunk(self.anatomy.apart, dim=1)[stages.part]
                place.copy_(getattr(stages, stage).detach())
        if self.backward and layer >= self.first:
            live.append(stages.weights if layer > self.first else stages.weights.detach().requires_grad_())
            return live[-1]
        return stages.weights

    def _hook(self, scope: ExitStack, part: slice) -> None:
        """What is not seen at the operation: what enters each attention, and what enters and leaves each block."""
        places = {stage: self.kept[stage][:, part] if stage in self.stages else None for stage in ("inputs", "outputs")}
        for layer, name in enumerate(self.anatomy.attentions if self.anatomy.width else ()):
            enter = partial(self._enter_attention, layer, places["inputs"])
            module = self.model.model.get_submodule(name)
            scope.callback(module.register_forward_pre_hook(here(enter), with_kwargs=True).remove)
        blocks = [self.model.model.get_submodule(name) for name in self.anatomy.blocks]
        if (outputs := places["outputs"]) is not None:
            for layer, place in self.places.items():
                leave = partial(_copy_output, outputs[place])
                scope.callback(blocks[layer].register_forward_hook(here(leave)).remove)
        if blocks:
            scope.callback(blocks[-1].register_forward_pre_hook(here(self._keep_residual), with_kwargs=True).remove)

    def _enter_attention(
        self, layer: int, place: Tensor | None, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        tokens = given_tokens(args, kwargs)
        self.sites.append(site_of(module, args, kwargs))
        if place is not None and layer in self.places:
            place[self.places[layer]] = tokens.detach()
        if layer == self.model.depth - 1:
            self._keep_part(normed=tokens)

    def _keep_part(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self.parts[name].append(tensor.detach())

    def _keep_residual(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._keep_part(residual=given_tokens(args, kwargs))


def _shapes(anatomy: Anatomy) -> dict[str, tuple[int, ...]]:
    """Of each stage, for one layer and image."""
    tokens, heads = anatomy.grid.tokens, anatomy.heads
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(STAGES, (heads, tokens, tokens))
    shapes |= dict.fromkeys(("inputs", "outputs"), (tokens, anatomy.width or 0))
    return shapes | dict.fromkeys(("queries", "keys"), (heads, tokens, anatomy.head_dim or 0))


def _copy_output(place: Tensor, module: nn.Module, args: object, output: Any) -> None:
    place.copy_((output if isinstance(output, Tensor) else output[0]).detach())


def _copy_gradient(place: Tensor, gradient: Tensor) -> None:
    place.copy_(gradient)


def _numbers(layers: Any, model: LoadedModel) -> tuple[int, ...]:
    """Of the layers to keep, counted from 0, in order; () for all."""
    if layers is None:
        return ()
    plain = layers.tolist() if isinstance(layers, np.ndarray | Tensor) else layers
    asked: Sequence[Any] = plain if isinstance(plain, Sequence) and not isinstance(plain, str) else [plain]
    known = range(-model.depth, model.depth)
    whole = [isinstance(layer, Integral) and not isinstance(layer, bool) and layer in known for layer in asked]
    if not asked or not all(whole):
        raise InterpretError(
            f"layers={layers!r}: {model.name} has {model.depth} layers, 0 to {model.depth - 1}; -1 is the last"
        )
    return tuple(sorted({int(layer) % model.depth for layer in asked}))


def _check_keep(keep: Sequence[str]) -> None:
    unknown = [stage for stage in keep if stage not in STAGES]
    if unknown:
        raise InterpretError(f"keep={tuple(keep)!r}: unknown {unknown[0]!r}; available: {', '.join(STAGES)}")
