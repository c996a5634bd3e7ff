"""The position embedding of a file: the grid it is for, and another grid that is asked for."""

import math
from collections.abc import Mapping

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from interpret.foundation.errors import CheckpointError

Tensors = Mapping[str, Tensor]
Size = tuple[int, int]

PREFIX = ("cls_token", "dist_token", "reg_token")
SKIPPED_BY_POSITION = ("reg_token", "blocks.0.ls1.gamma")
"""Signs of the families (DeiT III, DINOv2 with registers) whose position embedding may skip the prefix tokens."""


def prefix_tokens(tensors: Tensors) -> int:
    """CLS, distillation token and registers."""
    return sum(int(tensors[token].shape[1]) for token in PREFIX if token in tensors)


def resized(
    tensors: Tensors, patch: Size, asked: Size | None, recorded: Size | None, *, antialias: bool, source: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with the position embedding of another input size, where one is asked for; and what was done.

    Args:
        patch: (height, width) of a patch.
        asked: (height, width) of the input that is wanted.
        recorded: (height, width) of the input that the file is for, where a configuration says it.

    Raises:
        CheckpointError: the grid of the file is not known, or the size is no whole number of patches.
    """
    if asked is None or "pos_embed" not in tensors:
        return dict(tensors), ()
    if any(size % cells for size, cells in zip(asked, patch, strict=True)):
        raise CheckpointError(f"{source}: img_size {asked} is no whole number of patches {patch}")
    length, new = int(tensors["pos_embed"].shape[1]), _grid(asked, patch)
    lengths = {length - prefix_tokens(tensors), length}
    old = _grid(recorded, patch) if recorded else None
    told = _square(tensors)
    if new == old or (old is None and math.prod(new) in lengths):
        note = f"position embedding taken as that of {new[0]} x {new[1]} patches, as img_size= says, not of a square"
        return dict(tensors), (note,) * (old is None and told not in (None, new))
    old = old or told
    if old is None or math.prod(old) not in lengths:
        raise CheckpointError(
            f"{source}: {length} position embeddings do not fit img_size {asked} in patches {patch}, and of no square "
            "grid they cannot be resampled; pass the img_size of the training"
        )
    positions = tensors["pos_embed"]
    resampled = resample_abs_pos_embed(
        positions.to(torch.promote_types(positions.dtype, torch.float32)),  # half precision would round twice
        list(new),
        list(old),
        num_prefix_tokens=length - math.prod(old),
        antialias=antialias,
        verbose=False,
    )
    note = f"position embedding resampled from {old[0]} x {old[1]} to {new[0]} x {new[1]} patches"
    return dict(tensors) | {"pos_embed": resampled}, (note,)


def img_size(tensors: Tensors, patch: Size, known: Size | None, skips: bool | None, source: str) -> tuple[Size, bool]:
    """The input size, known or told by a square position embedding; and whether that embedding skips the prefix.

    Raises:
        CheckpointError: neither tells.
    """
    if "pos_embed" not in tensors:
        raise CheckpointError(
            f"{source}: no position embedding, so the input size is unknown; pass backbone= (--backbone)"
        )
    length, prefix = int(tensors["pos_embed"].shape[1]), prefix_tokens(tensors)
    if known is not None:
        patches = math.prod(_grid(known, patch))
        if patches not in (length, length - prefix):
            raise CheckpointError(
                f"{source}: {length} position embeddings do not fit img_size {known} in patches {patch}"
            )
        return known, prefix > 0 and patches == length
    square = _square(tensors, skips)
    if square is None:
        raise CheckpointError(
            f"{source}: {length} position embeddings, {prefix} prefix tokens: no square grid; pass img_size= "
            "(--img-size)"
        )
    return (square[0] * patch[0], square[1] * patch[1]), prefix > 0 and math.prod(square) == length


def square(size: Size, patch: Size) -> str:
    """What to say of an input that was taken to be square: as many patches lie in other grids too."""
    side, _ = _grid(size, patch)
    rows = next((count for count in range(side - 1, 0, -1) if side**2 % count == 0), 1)
    other = rows * patch[0], side**2 // rows * patch[1]
    return (
        f"img_size {size} assumed, {side} x {side} patches: no file tells a square from another grid of as many, such "
        f"as {rows} x {side**2 // rows}; if it was trained on that, pass img_size={other} (--img-size {other[0]} "
        f"{other[1]})"
    )


def _square(tensors: Tensors, skips: bool | None = None) -> Size | None:
    length, prefix = int(tensors["pos_embed"].shape[1]), prefix_tokens(tensors)
    may_skip = any(sign in tensors for sign in SKIPPED_BY_POSITION) if skips is None else skips
    lengths = [length] if skips else [length - prefix, length] if may_skip else [length - prefix]
    for patches in lengths:
        side = math.isqrt(max(patches, 0))
        if side and side * side == patches:
            return side, side
    return None


def _grid(size: Size, patch: Size) -> Size:
    return size[0] // patch[0], size[1] // patch[1]
