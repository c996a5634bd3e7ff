"""How much a model reads of each of its final tokens."""

from torch import Tensor

ALIKE = 1e-4
"""Gradients of two tokens that are read alike differ by less than this share of the larger."""


def shares(slopes: Tensor | None, name: str) -> tuple[float, ...] | str:
    """Of each token; words where two of them are read otherwise than by more or less."""
    if slopes is None:
        return f"{name}: what it reads of its final tokens is not seen, and token maps start there; use layer_grad_cam"
    wide = slopes.double()
    sizes = wide.norm(dim=-1)
    along = wide @ (wide[sizes.argmax()] / sizes.max())
    across = (wide - along[:, None] * (wide[sizes.argmax()] / sizes.max())).norm(dim=-1)
    if (across > ALIKE * sizes.max()).any() or (along < -ALIKE * sizes.max()).any():
        return (
            f"{name} reads its final tokens each in its own way, as by their content; token maps need the class token "
            "or an average: use grad_cam or layer_grad_cam"
        )
    shares = along.where(along > ALIKE * sizes.max(), 0)
    return tuple((shares / shares.sum()).tolist())
