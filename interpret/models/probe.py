"""A module that nothing is known of, looked at with noise: its anatomy is measured, and what is seen is proved."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Images, Logits
from interpret.models.anatomy import Anatomy
from interpret.models.attention import Stages
from interpret.models.grid import PatchGrid
from interpret.models.layering import (
    attentions_a_layer,
    blocks_around,
    holder,
    prove_all_seen,
    prove_gone_on,
    prove_heads_apart,
)
from interpret.models.outputs import are_features, logits_of
from interpret.models.patches import Asked, laid_out
from interpret.models.preserving import untouched
from interpret.models.reading import shares
from interpret.models.scopes import observing
from interpret.models.site import given_tokens, here
from interpret.models.windows import of_windows, sees_windows


def measured(module: nn.Module, name: str, img_size: tuple[int, int], channels: int, asked: Asked) -> Anatomy:
    """The anatomy of any module.

    Raises:
        UnsupportedModelError: no attention is seen, or the last is of windows, or what is seen is not what the module
            computes, or no gradient flows through it.
        InterpretError: its tokens do not say how they lie.
    """
    try:
        return _measured(module, name, img_size, channels, asked)
    except InterpretError:
        raise
    except Exception as error:  # it is the user's own
        raise UnsupportedModelError(
            f"{name} cannot be looked at: {type(error).__name__} {' '.join(str(error).split())[:200]}; modules under "
            "no_grad, in-place changes of a softmax, gradient checkpointing, quantised layers and compiled functions "
            "are the usual causes"
        ) from error


def _measured(module: nn.Module, name: str, img_size: tuple[int, int], channels: int, asked: Asked) -> Anatomy:
    with untouched(module):
        probe = Probe(module, name, img_size, channels)
        calls = probe.calls()
        if sees_windows(calls, len(probe.images)):
            return of_windows(probe, calls, img_size, asked)
        apart = attentions_a_layer(calls, asked.layers, name)
        first = calls[0]
        grid, patch = laid_out(module, first.weights.shape[-1], channels, img_size, asked)
        probe.prove_place(grid, patch, probe.scores)
        layers = [calls[at : at + apart] for at in range(0, len(calls), apart)]
        attentions = tuple(holder(module, [call.module for call in layer]) for layer in layers)
        prove_all_seen(module, attentions, name)
        shared = len(set(attentions)) < len(attentions)
        blocks = () if shared else blocks_around(module, attentions)
        width = None if shared else probe.width([*attentions, *blocks], grid.tokens)
        reads = probe.reads(grid)
    return Anatomy(
        img_size=img_size,
        patch_size=patch,
        channels=channels,
        classes=probe.logits.shape[1],
        width=width,
        grid=grid,
        heads=first.weights.shape[1] * apart,
        head_dim=None if first.queries is None else first.queries.shape[-1],
        class_token=grid.prefix == 1 or (grid.prefix > 1 and not isinstance(reads, str) and reads[0] > 0),
        reads=reads,
        attentions=attentions,
        blocks=blocks if width else (),
        apart=apart,
        classifier=not probe.features,
        selects=any(_selected(call) for call in calls),
        notes=_notes(grid, calls, attentions, probe.logits),
    )


def _selected(call: Stages) -> bool:
    return call.weights is not call.probs and not torch.equal(call.weights, call.probs)


def _notes(grid: PatchGrid, calls: list[Stages], attentions: tuple[str, ...], logits: Logits) -> tuple[str, ...]:
    """What was found out, in words."""
    modules, layers = len(set(attentions)), len(attentions)
    notes = {
        f"{grid.rows} x {grid.cols} patches, tokens before them: {grid.prefix}": True,
        f"modules that form the attention of its {layers} layers: {modules}": modules < layers,
        "its attention selects by itself after the softmax": any(_selected(call) for call in calls),
        "it gives every image the same, which proves nothing of what was seen": torch.equal(logits[0], logits[1]),
    }
    return tuple(words for words, holds in notes.items() if holds)


class Probe:
    """Noise through a module, again and again."""

    def __init__(self, module: nn.Module, name: str, img_size: tuple[int, int], channels: int) -> None:
        self.module, self.name = module, name
        noise = torch.randn(2, channels, *img_size, generator=torch.Generator().manual_seed(0))
        self.images: Images = noise.to(next(module.parameters()))
        with torch.no_grad():
            self.logits = self.run(self.images)

    def run(self, images: Images) -> Logits:
        """The logits.

        Raises:
            UnsupportedModelError: it does not take such images, whatever it says.
        """
        try:
            output = self.module(images)
            self.features = are_features(output) or getattr(self.module, "num_classes", None) == 0
            return logits_of(output, self.name)
        except InterpretError:
            raise
        except Exception as error:  # it is the user's own
            reason = " ".join(str(error).split())[:200]
            raise UnsupportedModelError(
                f"{self.name} fails on images of {tuple(images.shape)}: {type(error).__name__} {reason}; it must take "
                "a batch of images as its first argument, of the size that img_size= says"
            ) from error

    def calls(self) -> list[Stages]:
        """Every attention, proved by the logits that follow: two ways to compute the same agree to half their digits.

        Raises:
            UnsupportedModelError: they cannot be looked at.
        """
        with torch.enable_grad():
            logits, calls = self._calls(self.images.clone().requires_grad_())
        self._check(calls)
        error = (logits - self.logits).abs().max() / self.logits.abs().max().clamp_min(1e-30)
        if not error <= torch.finfo(logits.dtype).eps ** 0.5 / 3:
            raise UnsupportedModelError(
                f"{self.name} gives other logits when its attention is looked at (by {error:.2g} of the largest); it "
                "computes more than was seen, so no map of it would be true"
            )
        for call in calls:
            prove_heads_apart(call, self.name)
        prove_gone_on(calls, logits, self.name)
        return calls

    def _calls(self, images: Images) -> tuple[Logits, list[Stages]]:
        calls: list[Stages] = []
        with observing(self.module, partial(_keep, calls)):
            return self.run(images), calls

    def _check(self, calls: list[Stages]) -> None:
        if not calls:
            raise UnsupportedModelError(
                f"{self.name}: 0 attention operations seen; expected a softmax over tokens that is multiplied by values"
            )

    def scores(self, images: Images) -> Tensor:
        """Of the first attention, of each token (image token ...)."""
        return self._calls(images)[1][0].scores.transpose(1, 2)

    def prove_place(self, grid: PatchGrid, patch: tuple[int, int], seen: Callable[[Images], Tensor]) -> None:
        """Corner patches are changed in turn; what is seen must change most at the token of that corner.

        Args:
            seen: gives of images what is seen of each token (image token ...).

        Raises:
            UnsupportedModelError: it is another, so tokens do not lie row by row after the others.
        """
        corners = [(0, 0), (0, grid.cols - 1), (grid.rows - 1, 0)]
        images = self.images[:1].repeat(1 + len(corners), 1, 1, 1)
        for index, (row, col) in enumerate(corners, start=1):
            top, left = row * patch[0], col * patch[1]
            pixels = images[index, :, top : top + patch[0], left : left + patch[1]]
            pixels += 1 + torch.rand_like(pixels)
        with torch.no_grad():
            tokens = seen(images).flatten(2)
        changes = (tokens[1:] - tokens[0]).nan_to_num(0.0)  # where both are masked
        moved = changes.abs().sum(dim=2).argmax(dim=1).tolist()
        expected = [grid.prefix + row * grid.cols + col for row, col in corners]
        if moved != expected:
            raise UnsupportedModelError(
                f"{self.name}: the corners of its {grid.rows} x {grid.cols} patches are tokens {moved}, expected "
                f"{expected}: row by row after {grid.prefix} others, as grid=(rows, cols) and prefix= must say"
            )

    def width(self, names: list[str], tokens: int) -> int | None:
        """Features of a token, where all these modules are given tokens as (batch token feature); else None."""
        given: list[tuple[int, ...]] = []

        def keep(module: nn.Module, args: Any, kwargs: Any) -> None:
            tokens = given_tokens(args, kwargs)
            tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
            alone = all(each is tokens for each in tensors if each.shape == tokens.shape)
            given.append(tuple(tokens.shape) if alone else ())

        with torch.no_grad(), _hooked((self.module.get_submodule(name) for name in names), keep):
            self.run(self.images)
        shapes = set(given)
        shape = shapes.pop() if len(shapes) == 1 else ()
        return shape[2] if shape[:2] == (len(self.images), tokens) and len(shape) == 3 else None

    def reads(self, grid: PatchGrid) -> tuple[float, ...] | str:
        """How much the logits read of each token, by the gradient at the last tokens that any module gives."""
        tokens: list[Tensor] = []

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 3 and output.shape[1] == grid.tokens:
                tokens.append(output)

        hooks = [each.register_forward_hook(here(keep)) for each in self.module.modules()]
        try:
            with torch.enable_grad():
                logits = self.run(self.images.clone().requires_grad_())
        finally:
            for hook in hooks:
                hook.remove()
        mixture = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(1)).to(logits)
        tokens = [each for each in tokens if each.requires_grad]
        slopes = torch.autograd.grad((logits * mixture).sum(), tokens, allow_unused=True)
        last = next((slope for slope in reversed(slopes) if slope is not None and slope.any()), None)
        return shares(last, grid.prefix, self.name)


def _keep(calls: list[Stages], layer: int, stages: Stages) -> Tensor:
    calls.append(stages)
    return stages.weights


@contextmanager
def _hooked(modules: Iterable[nn.Module], hook: Any) -> Iterator[None]:
    """Scope in which `hook` is told of what these modules are given."""
    hooks = [module.register_forward_pre_hook(here(hook), with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()
