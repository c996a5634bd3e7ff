"""How the tokens of a module that nothing is known of lie on its image."""

from dataclasses import dataclass

import torch
from torch import nn

from interpret.foundation.errors import InterpretError
from interpret.models.grid import PatchGrid

Size = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """What a user says of a module where it does not.

    Attributes:
        img_size: (height, width) of its input.
        grid: (rows, cols) of its patches.
        prefix: how many tokens stand before them.
        layers: how many it has, where each head forms its attention apart.
    """

    img_size: Size | None = None
    grid: Size | None = None
    prefix: int | None = None
    layers: int | None = None


def laid_out(
    module: nn.Module, tokens: int, channels: int, size: Size, asked: Asked, *, merged: bool = False
) -> tuple[PatchGrid, Size]:
    """The grid and the (height, width) of a patch: as asked, as the convolution that makes them, or the finest square.

    Args:
        merged: whether patches become fewer on the way, so that the convolution does not say it.

    Raises:
        InterpretError: none of these fits so many tokens.
    """
    of_convolution = None if merged else _of_convolution(module, channels, size)
    made = _asked(asked, size) or of_convolution or _finest(tokens, size)
    (rows, cols), patch = made
    prefix = tokens - rows * cols
    if prefix < 0 or not rows * cols or asked.prefix not in (None, prefix):
        asked_for = ", ".join(f"{name}={getattr(asked, name)}" for name in ("grid", "prefix") if getattr(asked, name))
        raise InterpretError(
            f"{type(module).__name__}: its {tokens} tokens for an input of {size} are not {rows} x {cols} patches "
            f"after {asked_for or 'others'}; grid=(rows, cols) and prefix= must say how they lie"
        )
    return PatchGrid(rows, cols, prefix), patch


def _asked(asked: Asked, size: Size) -> tuple[Size, Size] | None:
    return asked.grid and (asked.grid, (size[0] // asked.grid[0], size[1] // asked.grid[1]))


def _of_convolution(module: nn.Module, channels: int, size: Size) -> tuple[Size, Size] | None:
    """Of the first convolution that takes the image in steps of its own size."""
    for each in module.modules():
        if isinstance(each, nn.Conv2d) and each.in_channels == channels and each.stride == each.kernel_size:
            with torch.no_grad():
                rows, cols = each(torch.zeros(1, channels, *size).to(each.weight)).shape[-2:]
            return (rows, cols), (each.stride[0], each.stride[1])
    return None


def _finest(tokens: int, size: Size) -> tuple[Size, Size]:
    """Of the smallest square patches that divide the image into no more than the tokens."""
    sides = [side for side in range(1, min(size) + 1) if not any(length % side for length in size)]
    grids = [((size[0] // side, size[1] // side), (side, side)) for side in sides]
    return next(((grid, patch) for grid, patch in grids if grid[0] * grid[1] <= tokens), ((0, 0), (0, 0)))
