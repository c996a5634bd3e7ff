"""A module that nothing is known of, looked at with noise: its anatomy is measured, and what is seen is proved."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Images, Logits, Tokens
from interpret.models.anatomy import Anatomy, names_of_blocks
from interpret.models.attention import Stages
from interpret.models.grid import PatchGrid
from interpret.models.outputs import logits_of
from interpret.models.preserving import untouched
from interpret.models.seam import observing
from interpret.models.site import given_tokens

CLOSE = 1e-4
"""Logits of two ways to compute the same in fp32 differ by less than this share of the largest."""
ALIKE = 1e-4
"""Gradients of two tokens that are read alike differ by less than this share of the larger."""


@dataclass(frozen=True)
class Asked:
    """What a user says of a module where it does not: its input size, its patch grid, the number of tokens before."""

    size: tuple[int, int] | None = None
    grid: tuple[int, int] | None = None
    prefix: int | None = None


def measured(module: nn.Module, name: str, img_size: tuple[int, int], channels: int, asked: Asked) -> Anatomy:
    """The anatomy of any module.

    Raises:
        UnsupportedModelError: no attention is seen, or none of tokens to each other over the whole image, or what is
            seen is not what the module computes.
        InterpretError: its tokens do not say how they lie; `grid=` does.
    """
    with untouched(module):
        probe = _Probe(module, name, img_size, channels)
        layers = probe.layers()
        grid, patch = _grid(layers[0].weights.shape[-1], probe, asked)
        probe.prove_place(grid, patch, layers[0].module)
        attentions = tuple(layer.module for layer in layers)
        reads = probe.reads(grid)
    queries, weights = layers[0].queries, layers[0].weights
    return Anatomy(
        img_size=img_size,
        patch_size=patch,
        channels=channels,
        classes=probe.logits.shape[1],
        width=probe.width,
        grid=grid,
        heads=weights.shape[1],
        head_dim=None if queries is None else queries.shape[-1],
        class_token=grid.prefix == 1 or (grid.prefix > 0 and not isinstance(reads, str) and reads[0] > 0),
        reads=reads,
        attentions=attentions,
        blocks=names_of_blocks(module, attentions),
        notes=(f"{grid.rows} x {grid.cols} patches after {grid.prefix} other tokens", *_selecting(layers)),
    )


def _selecting(layers: list[Stages]) -> list[str]:
    own = any(not torch.equal(layer.weights, layer.probs.to(layer.weights)) for layer in layers)
    return ["its attention selects by itself after the softmax"] if own else []


class _Probe:
    """Noise through a module, again and again."""

    def __init__(self, module: nn.Module, name: str, img_size: tuple[int, int], channels: int) -> None:
        self.module, self.name, self.size, self.channels = module, name, img_size, channels
        like = next(module.parameters())
        noise = torch.randn(2, channels, *img_size, generator=torch.Generator().manual_seed(0))
        self.images: Images = noise.to(like)
        with torch.no_grad():
            self.logits = self.run(self.images)
        self.width = 0

    def run(self, images: Images) -> Logits:
        """The logits.

        Raises:
            UnsupportedModelError: it does not take such images, whatever it says.
        """
        try:
            return logits_of(self.module(images), self.name)
        except InterpretError:
            raise
        except Exception as error:  # it is the user's own
            reason = " ".join(str(error).split())[:200]
            raise UnsupportedModelError(
                f"{self.name} fails on images of {tuple(images.shape)}: {type(error).__name__} {reason}; it must take "
                "a batch of images as its first argument, of the size that img_size= says"
            ) from error

    def layers(self) -> list[Stages]:
        """One attention a layer, each proved by the logits that follow from all of them.

        Raises:
            UnsupportedModelError: they cannot be looked at.
        """
        seen: list[Stages] = []
        with torch.enable_grad(), observing(self.module, partial(_keep, seen)):
            logits = self.run(self.images.clone().requires_grad_())
        self._check_shapes(seen)
        error = (logits - self.logits).abs().max() / self.logits.abs().max().clamp_min(1e-30)
        if not error <= CLOSE:
            raise UnsupportedModelError(
                f"{self.name} gives other logits when its attention is looked at (by {error:.2g} of the largest); it "
                "computes more than was seen, so no map of it would be true"
            )
        for layer, stages in enumerate(seen):
            _check_mixing(stages, layer, self.name)
        return [replace(stages, weights=stages.weights.detach(), probs=stages.probs.detach()) for stages in seen]

    def _check_shapes(self, seen: list[Stages]) -> None:
        if not seen:
            compiled = any(type(each).__name__ == "OptimizedModule" for each in self.module.modules())
            scripted = isinstance(self.module, torch.jit.ScriptModule)
            why = "it is compiled; pass model._orig_mod" if compiled else "it is scripted; pass the module itself"
            raise UnsupportedModelError(
                f"{self.name}: 0 attention operations seen; "
                + (why if compiled or scripted else "expected a softmax over tokens that is multiplied by values")
            )
        shapes = {tuple(stages.weights.shape) for stages in seen}
        if len(shapes) > 1 or next(iter(shapes))[0] != len(self.images):
            sizes = ", ".join(map(str, sorted(shapes)))
            raise UnsupportedModelError(
                f"{self.name}: its attention is not of all tokens to each other in every layer (windows, or several "
                f"resolutions): maps of {sizes} for {len(self.images)} images; rollout and its kin are undefined there"
            )

    def prove_place(self, grid: PatchGrid, patch: tuple[int, int], first: str) -> None:
        """Each corner patch is changed in turn, and the token that differs most is looked up.

        Raises:
            UnsupportedModelError: tokens do not lie row by row.
        """
        corners = [(0, 0), (0, grid.cols - 1), (grid.rows - 1, 0)]
        height, width = patch
        images = self.images[:1].repeat(1 + len(corners), 1, 1, 1)
        for index, (row, col) in enumerate(corners, start=1):
            pixels = images[index, :, row * height : (row + 1) * height, col * width : (col + 1) * width]
            pixels += 1 + torch.rand_like(pixels)
        with torch.no_grad(), _input_of(self.module.get_submodule(first)) as given:
            self.run(images)
        tokens = given[0]
        self.width = tokens.shape[-1]
        moved = (tokens[1:] - tokens[0]).norm(dim=-1).argmax(dim=1).tolist()
        expected = [grid.prefix + row * grid.cols + col for row, col in corners]
        if moved != expected:
            raise UnsupportedModelError(
                f"{self.name}: the patches at the corners of a {grid.rows} x {grid.cols} grid are tokens {moved}, "
                f"expected {expected}, after {grid.prefix} others and row by row; pass grid=(rows, cols) and prefix="
            )

    def reads(self, grid: PatchGrid) -> tuple[float, ...] | str:
        """How much the logits read of each token, by the gradient at the last tokens of the module."""
        tokens: list[Tensor] = []

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 3 and output.shape[1] == grid.tokens:
                tokens.append(output)

        hooks = [each.register_forward_hook(keep) for each in self.module.modules()]
        try:
            with torch.enable_grad():
                logits = self.run(self.images[:1].clone().requires_grad_())
        finally:
            for hook in hooks:
                hook.remove()
        mixture = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(1)).to(logits)
        tokens = [each for each in tokens if each.requires_grad]
        slopes = torch.autograd.grad((logits * mixture).sum(), tokens, allow_unused=True)
        last = next((slope[0] for slope in reversed(slopes) if slope is not None and slope.any()), None)
        return _shares(last, self.name)


def _shares(slopes: Tensor | None, name: str) -> tuple[float, ...] | str:
    refused = f"{name} reads each final token otherwise, as by its content; token maps need the class token or a mean"
    if slopes is None:
        return f"{name}: what it reads of its final tokens is not seen; token maps need that"
    sizes = slopes.double().norm(dim=-1)
    read = sizes > 1e-6 * sizes.max()
    direction = slopes[sizes.argmax()].double() / sizes.max()
    along = slopes.double() @ direction
    if ((slopes.double() - along[:, None] * direction).norm(dim=-1) > ALIKE * sizes.max()).any() or (along < 0).any():
        return f"{refused}: use grad_cam or layer_grad_cam"
    shares = along.where(read, 0)
    return tuple((shares / shares.sum()).tolist())


def _keep(seen: list[Stages], layer: int, stages: Stages) -> Tensor:
    seen.append(stages)
    return stages.weights


def _check_mixing(stages: Stages, layer: int, name: str) -> None:
    """The weights are made of the probabilities, those of each head of its own.

    Raises:
        UnsupportedModelError: they are not.
    """
    weights, probs = stages.weights, stages.probs
    if weights is probs or not weights.requires_grad:
        return
    noise = torch.randn(weights.shape[2:], generator=torch.Generator().manual_seed(2)).to(weights)
    (slope,) = torch.autograd.grad((weights[:, 0] * noise).sum(), probs, retain_graph=True, allow_unused=True)
    if slope is None:
        raise UnsupportedModelError(
            f"{name}: what multiplies the values in layer {layer} ({stages.module}) is not made of the softmax before "
            "it; its attention cannot be looked at"
        )
    if slope[:, 1:].any():
        raise UnsupportedModelError(
            f"{name}: layer {layer} ({stages.module}) mixes its heads after the softmax (talking heads); maps of "
            "single heads are undefined there"
        )


def _grid(tokens: int, probe: _Probe, asked: Asked) -> tuple[PatchGrid, tuple[int, int]]:
    """The grid and the (height, width) of a patch."""
    if asked.grid:
        rows, cols = asked.grid
        prefix = tokens - rows * cols if asked.prefix is None else asked.prefix
        if prefix < 0 or prefix + rows * cols != tokens:
            raise InterpretError(f"{probe.name}: grid={asked.grid} and prefix={prefix} do not make its {tokens} tokens")
        return PatchGrid(rows, cols, prefix), (probe.size[0] // rows, probe.size[1] // cols)
    (rows, cols), patch = _of_convolution(probe) or _largest(tokens, probe.size)
    if not tokens - rows * cols >= 0 or not rows * cols:
        raise InterpretError(
            f"{probe.name}: {tokens} tokens for an input of {probe.size} do not say how they lie; pass "
            "grid=(rows, cols)"
        )
    return PatchGrid(rows, cols, tokens - rows * cols), patch


def _of_convolution(probe: _Probe) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Grid and patch of the first convolution that takes the image in steps of its own size."""
    for each in probe.module.modules():
        if isinstance(each, nn.Conv2d) and each.in_channels == probe.channels and each.stride == each.kernel_size:
            with torch.no_grad():
                rows, cols = each(probe.images[:1]).shape[-2:]
            return (rows, cols), (each.stride[0], each.stride[1])
    return None


def _largest(tokens: int, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and patch: the smallest square patches that divide the image into no more than the tokens."""
    sides = [side for side in range(1, min(size) + 1) if not any(length % side for length in size)]
    grids = [((size[0] // side, size[1] // side), (side, side)) for side in sides]
    return next(((grid, patch) for grid, patch in grids if grid[0] * grid[1] <= tokens), ((0, 0), (0, 0)))


@contextmanager
def _input_of(module: nn.Module) -> Iterator[list[Tokens]]:
    """Scope that keeps what the module is given."""
    given: list[Tokens] = []

    def keep(each: nn.Module, args: Any, kwargs: Any) -> None:
        given.append(given_tokens(args, kwargs).detach())

    hook = module.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield given
    finally:
        hook.remove()
