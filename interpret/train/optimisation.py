"""AdamW and its learning rate, both timm's."""

from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from torch.optim import Optimizer

from interpret.errors import InterpretError
from interpret.train.recipe import Recipe
from interpret.vit import VisionTransformer

MECHANISM = "*.mechanism.*"
"""Parameters of the mechanism (sigma, tau_logit), as timm matches names."""


def adamw(vit: VisionTransformer, recipe: Recipe) -> Optimizer:
    """AdamW; weight decay reaches matrices only.

    Vectors, the position and prefix embeddings, and the parameters of the mechanism are not decayed: decay would pull
    sigma towards uniform attention and tau towards one half.

    Raises:
        InterpretError: a negative or undefined learning rate or weight decay.
    """
    kept = [*vit.no_weight_decay(), MECHANISM]
    groups = param_groups_weight_decay(vit, recipe.weight_decay, no_weight_decay_list=kept)
    try:
        return create_optimizer_v2(groups, opt="adamw", lr=recipe.lr)
    except ValueError as error:
        raise InterpretError(f"AdamW refuses --lr {recipe.lr} --weight-decay {recipe.weight_decay}: {error}") from error


def cosine(optimizer: Optimizer, recipe: Recipe, updates_per_epoch: int) -> CosineLRScheduler:
    """Linear warm-up from zero to `lr`, then half a cosine to zero at the last update of `epochs`; set per update."""
    warmup = round(recipe.warmup_epochs * updates_per_epoch)
    updates = recipe.epochs * updates_per_epoch
    if warmup >= updates:
        raise InterpretError(f"--warmup-epochs {recipe.warmup_epochs} leaves none of {recipe.epochs} epochs; lower it")
    return CosineLRScheduler(optimizer, t_initial=updates, warmup_t=warmup, t_in_epochs=False)
