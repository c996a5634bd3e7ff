"""AdamW and its learning rate, both timm's."""

from typing import cast

import torch
from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from torch.optim import Optimizer

from interpret.models.vit import VisionTransformer, ViT
from interpret.train.recipe import Recipe


def adamw(vit: VisionTransformer, recipe: Recipe) -> Optimizer:
    """AdamW; weight decay reaches matrices only.

    Vectors, the position and prefix embeddings, and the parameters of the mechanism are not decayed: decay would pull
    sigma towards uniform attention and tau towards one half. AdamW's steps have the size of the learning rate, so that
    of sigma is multiplied by its initial value: sigma = d learns as d times a gain of one would, and does not stay put.
    """
    groups = param_groups_weight_decay(vit, recipe.weight_decay, no_weight_decay_list=vit.no_weight_decay())
    mechanisms = [block.attn.mechanism for block in cast(ViT, vit).blocks]
    own = [parameter for mechanism in mechanisms for parameter in mechanism.parameters()]
    for group in groups:
        group["params"] = [each for each in group["params"] if all(each is not other for other in own)]
    if own:
        groups.append({"params": own, "weight_decay": 0.0, "lr_scale": mechanisms[0].size})
    return create_optimizer_v2(groups, opt="adamw", lr=recipe.lr)


def cosine(optimizer: Optimizer, recipe: Recipe, updates_per_epoch: int) -> CosineLRScheduler:
    """Half a cosine from `lr` to `eta_min` over the updates of `epochs`, its first ones replaced by a linear warm-up.

    The cosine counts the updates of the warm-up too (timm's default), so the rate after a long warm-up is below `lr`.
    """
    updates = recipe.epochs * updates_per_epoch
    warmup = min(round(recipe.warmup_epochs * updates_per_epoch), updates - 1)
    length = max(updates, 2)  # timm warns of a cosine of one step, which has the same first rate
    return CosineLRScheduler(optimizer, t_initial=length, lr_min=recipe.eta_min, warmup_t=warmup, t_in_epochs=False)


def moving_average(vit: VisionTransformer, recipe: Recipe, device: torch.device) -> ModelEmaV3 | None:
    """timm's exponential moving average of the weights, its decay growing to `ema` over the first updates."""
    return None if recipe.ema is None else ModelEmaV3(vit, decay=recipe.ema, use_warmup=True, device=device)
