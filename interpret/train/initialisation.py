"""The model a run starts from, and its weights."""

import logging
import re
from typing import cast

import timm
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from interpret.foundation.errors import InterpretError, first_line
from interpret.foundation.text import printable
from interpret.mechanisms import MECHANISMS
from interpret.models.backbones import input_statistics
from interpret.models.loading import load
from interpret.models.model_spec import ModelSpec
from interpret.models.vit import VisionTransformer, patch_grid
from interpret.train.recipe import Recipe

HEADS = ("head.", "head_dist.")

logger = logging.getLogger(__name__)


def model_spec(recipe: Recipe, classes: tuple[str, ...]) -> ModelSpec:
    """The model that a recipe trains to tell `classes` apart; what its mechanism takes is said even where it is the
    default.
    """
    return ModelSpec(
        backbone=recipe.backbone,
        architecture={**recipe.architecture, "num_classes": len(classes)},
        mechanism=recipe.mechanism,
        options=MECHANISMS[recipe.mechanism].options | recipe.options,
        classes=classes,
        **(input_statistics(recipe.backbone) if recipe.init == "pretrained" else {}),
    )


def initialise(vit: VisionTransformer, recipe: Recipe) -> None:
    """Draw the weights as `weight_init` says, or copy those of `init`, attention included, into `vit`.

    Every tensor must fit, but for two: position embeddings are resampled to another grid (timm, bicubic), and a head
    for another number of classes is drawn afresh. What the mechanism learns (sigma, tau) keeps its initial value where
    `init` has none.

    Raises:
        InterpretError: `init` cannot be loaded or has another architecture.
    """
    if recipe.weight_init:
        vit.init_weights(recipe.weight_init)
    if recipe.init is None:
        return
    source = _pretrained(recipe) if recipe.init == "pretrained" else _loaded(recipe.init)
    tensors = _fitted(source, vit)
    own = {key for key in vit.state_dict() if ".mechanism." in key or key.startswith(HEADS)}
    shapes = {key: tuple(tensor.shape) for key, tensor in vit.state_dict().items()}
    other = [key for key in tensors.keys() & shapes.keys() if tuple(tensors[key].shape) != shapes[key]]
    if other:
        key = min(other)
        raise InterpretError(
            f"--init {recipe.init} has other sizes: {key} is {tuple(tensors[key].shape)}, expected {shapes[key]}, and "
            f"{len(other) - 1} tensors more; train the architecture that it has"
        )
    missing, unexpected = vit.load_state_dict(tensors, strict=False)
    wrong = [*unexpected, *(key for key in missing if key not in own)]
    if wrong:
        raise InterpretError(
            f"--init {recipe.init} does not fit {recipe.backbone}: {len(wrong)} keys differ ({', '.join(wrong[:3])})"
        )
    fresh = f"; drawn afresh: {', '.join(missing)}" if missing else ""
    logger.info("%d tensors from %s%s", len(tensors), printable(recipe.init), fresh)


def _loaded(file: str) -> VisionTransformer:
    try:
        return cast(VisionTransformer, load(file).model)
    except InterpretError as error:
        told = re.sub(r" \(--[\w-]+\)", "", str(error))
        if told == str(error):
            raise
        raise InterpretError(f"--init {told} to interpret.load, interpret.save that, and start from it") from error


def _pretrained(recipe: Recipe) -> VisionTransformer:
    try:
        return cast(VisionTransformer, timm.create_model(recipe.backbone, pretrained=True))
    except (RuntimeError, OSError, ValueError) as error:
        raise InterpretError(
            f"timm's weights of {recipe.backbone} are not to be had: {first_line(error)}; pass --init FILE"
        ) from error


def _fitted(source: VisionTransformer, vit: VisionTransformer) -> dict[str, Tensor]:
    """The tensors of `source` that `vit` can take."""
    tensors = dict(source.state_dict())
    grid, old = patch_grid(vit), patch_grid(source)
    if vit.pos_embed is not None and "pos_embed" in tensors and tensors["pos_embed"].shape != vit.pos_embed.shape:
        prefix = 0 if vit.no_embed_class else grid.prefix
        tensors["pos_embed"] = resample_abs_pos_embed(
            tensors["pos_embed"], [grid.rows, grid.cols], [old.rows, old.cols], num_prefix_tokens=prefix
        )
    if source.num_classes != vit.num_classes:
        tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(HEADS)}
    kept = vit.state_dict().keys()
    return {key: tensor for key, tensor in tensors.items() if ".mechanism." not in key or key in kept}
