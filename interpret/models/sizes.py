"""Sizes of a ViT that fit together: told from the numbers alone, without building it."""

from collections.abc import Mapping
from typing import Any

from interpret.foundation.errors import InterpretError


def check_sizes(model: str, sizes: Mapping[str, Any]) -> None:
    """Refuse sizes that no ViT has; what is not among them is not looked at.

    Args:
        model: what messages call it.
        sizes: arguments of timm's `VisionTransformer`.

    Raises:
        InterpretError: heads that do not divide the width, or a patch larger than the image.
    """
    width, heads = sizes.get("embed_dim"), sizes.get("num_heads")
    if heads is not None and heads < 1:
        raise InterpretError(f"{model}: {heads} heads; expected at least one")
    if width and heads and width % heads and "head_dim" not in sizes:
        nearest = min((one for one in range(1, width + 1) if width % one == 0), key=lambda one: abs(one - heads))
        raise InterpretError(f"{model}: a width of {width} cannot be cut into {heads} heads; give {nearest}, say")
    image, patch = sizes.get("img_size"), sizes.get("patch_size")
    if image and patch and any(one > whole for one, whole in zip(_both(patch), _both(image), strict=True)):
        raise InterpretError(
            f"{model}: patches of {patch} pixels are larger than an image of {image}; take smaller ones"
        )


def _both(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
