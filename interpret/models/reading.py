"""How much a model reads of each of its final tokens."""

import torch
from torch import Tensor

ALIKE = 1e-4
"""Gradients of two tokens that are read alike differ by less than this share of the larger."""


def shares(slopes: Tensor | None, prefix: int, name: str) -> tuple[float, ...] | str:
    """Of each token; words where two of them are read otherwise than by more or less.

    A token and the mean of the patches side by side, as a linear head of DINOv2 reads them, are a half each; so are
    the class and the distillation token of DeiT, each with a linear head of its own.

    Args:
        slopes: gradient of the output at (image token feature), None where it is not seen.
        prefix: how many tokens stand before the patches.
    """
    if slopes is None:
        return f"{name}: what it reads of its final tokens is not seen, and token maps start there; use layer_grad_cam"
    wide = slopes[0].double()
    whole = _along(wide)
    if whole is not None:
        return tuple((whole / whole.sum()).tolist())
    before, patches = _along(wide[:prefix]) if prefix else None, _along(wide[prefix:])
    if before is not None and patches is not None and before.count_nonzero() == 1 and _is_mean(patches):
        return tuple(torch.cat([part / part.sum() / 2 for part in (before, patches)]).tolist())
    if not wide[prefix:].any() and _are_fixed(slopes):
        own = wide.norm(dim=-1) > 0
        return tuple((own / own.sum()).tolist())
    return (
        f"{name} reads its final tokens each in its own way, as by their content; token maps need the class token "
        "or an average: use grad_cam or layer_grad_cam, of features with a target="
    )


def _is_mean(shares: Tensor) -> bool:
    return bool(shares.max() > 0 and shares.min() >= (1 - ALIKE) * shares.max())


def _are_fixed(slopes: Tensor) -> bool:
    """Whether every image is read alike, so that what reads is linear."""
    return bool((slopes - slopes[0]).abs().max() <= ALIKE * slopes.abs().max())


def _along(slopes: Tensor) -> Tensor | None:
    """How far each reaches along the largest of them; None where one points elsewhere."""
    sizes = slopes.norm(dim=-1)
    if not sizes.any():
        return sizes
    largest = slopes[sizes.argmax()] / sizes.max()
    along = slopes @ largest
    across = (slopes - along[:, None] * largest).norm(dim=-1)
    if (across > ALIKE * sizes.max()).any() or (along < -ALIKE * sizes.max()).any():
        return None
    return along.where(along > ALIKE * sizes.max(), 0)
