"""trace(): one forward and at most one backward pass, looked at where attention is computed."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import Images
from interpret.models.attention import Stages
from interpret.models.loaded_model import LoadedModel
from interpret.models.objective import Objective, objective_of
from interpret.models.preserving import untouched
from interpret.models.seam import observing
from interpret.models.state import state_of
from interpret.models.trace import STAGES, Trace
from interpret.models.vit import ViT, mechanisms_of, patch_grid

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
) -> Trace:
    """Look at `images` going through `model`, and leave no trace in it.

    Args:
        images: one or several, as `LoadedModel.pixels` takes them: pictures, paths, or floats as the model wants them.
        target: what is explained, as `objective_of` takes it: None is the predicted class of each image.
        keep: which of `STAGES` stay: "scores", "probs", "weights" and "gradient" cost layers x heads x N x N floats an
            image each. A gradient costs one backward pass and is made only when it is named here.

    Raises:
        InterpretError: images of another size, a target that is no class, an unknown name in `keep`.
    """
    _check_keep(keep)
    pixels = model.pixels(images).to(model.device, next(model.model.parameters()).dtype)
    objective = objective_of(target, model, len(pixels))
    step = _images_per_pass(model, pixels.device.type)
    with untouched(model.model):
        record = _Record(model.vit, len(pixels), keep)
        for first in range(0, len(pixels), step):
            part = slice(first, first + step)
            record.look(pixels[part], objective.of(part), part)
        mechanisms = record.mechanisms
        state = state_of(model.model, mechanisms)
        tensors = record.tensors()
        if "target" in tensors:
            objective = Objective(classes=tensors["target"])
        return Trace(model=model, images=pixels, objective=objective, mechanisms=mechanisms, state=state, **tensors)


def _images_per_pass(model: LoadedModel, device: str) -> int:
    """Bounded by the attention and the token activations that a backward pass keeps of every layer."""
    vit, tokens = model.vit, model.grid.tokens
    floats = len(vit.blocks) * tokens * (2 * vit.blocks[0].attn.num_heads * tokens + 12 * vit.embed_dim)
    return max(1, int(PASS_BYTES.get(device, PASS_BYTES["cpu"]) // (4 * floats)))


class _Record:
    """The kept tensors, filled pass by pass."""

    def __init__(self, vit: ViT, batch: int, keep: Sequence[str]) -> None:
        self.vit = vit
        self.backward = "gradient" in keep
        self.mechanisms = tuple(mechanisms_of(vit))
        selects = any(mechanism.selects for mechanism in self.mechanisms)
        self.aliased = not selects and {"probs", "weights"} <= set(keep)
        self.stages = [stage for stage in STAGES if stage in keep and not (self.aliased and stage == "probs")]
        tokens, attention = patch_grid(vit).tokens, vit.blocks[0].attn
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(STAGES, (attention.num_heads, tokens, tokens))
        shapes |= dict.fromkeys(("inputs", "outputs"), (tokens, vit.embed_dim))
        shapes |= dict.fromkeys(("queries", "keys"), (attention.num_heads, tokens, attention.head_dim))
        like = attention.qkv.weight
        dtype = torch.promote_types(like.dtype, torch.float32)
        layers = len(vit.blocks), batch
        self.kept = {name: torch.empty(layers + shapes[name], dtype=dtype, device=like.device) for name in self.stages}
        self.parts: dict[str, list[Tensor]] = {name: [] for name in ("logits", "target", "residual", "normed")}

    def look(self, pixels: Images, objective: Objective, part: slice) -> None:
        """One forward, and one backward where a gradient is kept, over the images of `part`."""
        live: list[Tensor] = []
        see = partial(self._see, part, live)
        with ExitStack() as scope, torch.set_grad_enabled(self.backward):
            self._hook(scope, part)
            scope.enter_context(observing(cast(nn.Module, self.vit), see))
            logits = self.vit(pixels)
        target = objective.target(logits)
        self._keep_part(logits=logits, **({} if target is None else {"target": target}))
        if self.backward:
            score = objective(logits).sum()
            for layer, weights in enumerate(live):
                weights.register_hook(partial(_copy_gradient, self.kept["gradient"][layer, part]))
            torch.autograd.grad(score, live[0])

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name, whole."""
        whole = {name: torch.cat(parts) for name, parts in self.parts.items() if parts} | self.kept
        return whole | ({"probs": whole["weights"]} if self.aliased else {})

    def _see(self, part: slice, live: list[Tensor], layer: int, seen: Stages) -> Tensor:
        """Keep the stages; with every parameter frozen the graph starts at the first weights."""
        for stage in AT_THE_OPERATION:
            if stage in self.stages:
                self.kept[stage][layer, part] = getattr(seen, stage).detach()
        if self.backward:
            live.append(seen.weights if live else seen.weights.detach().requires_grad_())
            return live[-1]
        return seen.weights

    def _hook(self, scope: ExitStack, part: slice) -> None:
        blocks = self.vit.blocks
        for layer, block in enumerate(blocks):
            for stage, module in {"inputs": block.norm1, "outputs": block}.items():
                if stage in self.stages:
                    copy = partial(_copy_into, self.kept[stage][layer, part])
                    scope.callback(module.register_forward_hook(copy).remove)
        scope.callback(blocks[-1].register_forward_pre_hook(self._keep_residual).remove)
        scope.callback(blocks[-1].norm1.register_forward_hook(self._keep_normed).remove)

    def _keep_part(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self.parts[name].append(tensor.detach())

    def _keep_residual(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        self._keep_part(residual=args[0])

    def _keep_normed(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        self._keep_part(normed=output)


def _copy_into(place: Tensor, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
    place.copy_(output.detach())


def _copy_gradient(place: Tensor, gradient: Tensor) -> None:
    place.copy_(gradient)


def _check_keep(keep: Sequence[str]) -> None:
    unknown = [stage for stage in keep if stage not in STAGES]
    if unknown:
        raise InterpretError(f"keep={tuple(keep)!r}: unknown {unknown[0]!r}; available: {', '.join(STAGES)}")
