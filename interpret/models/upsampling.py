"""A patch map back on the photograph that it is of."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from interpret.data import as_pictures, crop_of
from interpret.foundation.errors import InterpretError
from interpret.models.loaded_model import LoadedModel


def upsample(
    patch_map: Any, image: Any, model: Any = None, *, smooth: bool = True
) -> Float[np.ndarray, "height width"]:
    """A map on the original photograph, pixel by pixel; NaN where no patch lies, so outside the centred crop.

    A map of numbers is enlarged smoothly (bicubic), a map of truth values (a mask) takes the nearest cell.

    Args:
        patch_map: (row, col), a tensor or an array.
        image: the photograph: PIL, a path or an array, at its own size.
        model: that the map is of, as `interpret.load` gives it. Without it patches are taken to be square and to cover
            the whole crop.
        smooth: False shows each patch as a square, for numbers too.

    Raises:
        InterpretError: a map that is not (row, col), as a batch of maps is not, or that is of another model; several
            photographs.

    Example:
        >>> import interpret
        >>> vit, photo = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("photos")[0].image
        >>> photo.size, interpret.upsample(interpret.attribute(vit, photo, "rollout")[0], photo, vit).shape
        ((451, 300), (300, 451))
    """
    cells, pictures = _cells(patch_map), as_pictures(image)
    if len(pictures) != 1:
        raise InterpretError(f"a map is of one photograph, got {len(pictures)}; upsample map by map")
    width, height = pictures[0].size
    size, covered = _extent(cells, model)
    left, top, right, bottom = crop_of(pictures[0].size, size)
    rows = _places(height, top, bottom, covered[0])
    cols = _places(width, left, right, covered[1])
    grid = torch.stack(torch.meshgrid(rows, cols, indexing="ij")[::-1], dim=-1)
    mode = "bicubic" if smooth and cells.dtype != torch.bool else "nearest"
    options = {"mode": mode, "padding_mode": "border", "align_corners": False}
    enlarged = F.grid_sample(cells.double()[None, None], grid[None], **options)[0, 0]
    return enlarged.masked_fill((grid.abs() > 1).any(dim=-1), torch.nan).float().numpy()


def _cells(patch_map: Any) -> Tensor:
    try:
        cells = torch.as_tensor(patch_map).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InterpretError(f"a {type(patch_map).__name__} is no map; pass upsample(map, photograph)") from error
    if cells.ndim != 2 or not cells.numel():
        raise InterpretError(f"a map is (row, col), got {tuple(cells.shape)}; upsample one map of a batch at a time")
    return cells


def _extent(cells: Tensor, model: Any) -> tuple[tuple[int, int], tuple[float, float]]:
    """Height and width of what the model sees, in any unit, and the shares of them that the patches cover."""
    if model is None:
        rows, cols = cells.shape
        return (rows, cols), (1.0, 1.0)
    if not isinstance(model, LoadedModel):
        raise InterpretError(f"upsample: model= is what interpret.load gives, got a {type(model).__name__}")
    if cells.shape != (model.grid.rows, model.grid.cols):
        raise InterpretError(
            f"a map of {tuple(cells.shape)} is none of {model.name}, whose patches are "
            f"{(model.grid.rows, model.grid.cols)}; pass the model that it is of"
        )
    return model.img_size, model.covered


def _places(length: int, first: float, last: float, covered: float) -> Float[Tensor, "pixel"]:
    """Where the centres of pixels lie on the map's axis: -1 and 1 are its ends."""
    inside = (torch.arange(length).double() + 0.5 - first) / (last - first)
    return 2 * inside / covered - 1
