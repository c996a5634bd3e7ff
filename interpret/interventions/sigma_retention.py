"""Retention of spectral energy: SVDA heads with only their strongest directions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.options import check_rho
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import (
    edited_sigma,
    has_sigma,
    indices,
    noted,
    own_copy,
    rows_of,
    sigmas_of,
    with_sigma,
)
from interpret.models.loaded_model import LoadedModel
from interpret.models.tracing import trace

TOLERANCE = 1e-12
GRID = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


def kept_directions(
    sigma: Float[Tensor, "head direction"], rho: float, power: float = 2.0
) -> Bool[Tensor, "head direction"]:
    """Of each head the smallest set of directions whose energy |sigma|^power reaches the share rho (within 1e-12).

    At least one direction; of equals the one of lower index; all of them where every sigma is zero.

    Raises:
        InterpretError: rho outside (0, 1], or a power that is not positive.
    """
    _check(rho, power)
    energy, order = (sigma.double().abs() ** power).sort(dim=-1, descending=True, stable=True)
    reached = energy.cumsum(dim=-1)
    total = reached[..., -1:]
    ahead = torch.cat([torch.zeros_like(total), reached[..., :-1]], dim=-1)
    needed = (ahead < (rho - TOLERANCE) * total) | (total == 0)
    needed[..., 0] = True
    return torch.zeros_like(needed).scatter(-1, order, needed)


@INTERVENTIONS.register(
    label="spectral energy retention",
    strength="rho",
    unit="share of energy",
    neutral=1.0,
    applies=has_sigma,
    acts_on="models with a learned sigma (svda)",
    grid=lambda models: GRID,
    stops=lambda models: (0.1, 0.2, 0.3, 0.4, *GRID),
    reference="after arXiv 2609.24370, known from its abstract alone",
    unchanged=lambda model, rho, layer: removed_share(model, rho, layer) == 0,
    facts=lambda model, rho, layer: {"removed": removed_share(model, rho, layer)},
    fact_labels={"removed": "directions removed (share)"},
    shown=("agreement", "removed"),
)
@contextmanager
def sigma_retention(
    model: LoadedModel, rho: float, *, power: float = 2.0, layers: int | Sequence[int] | None = None
) -> Iterator[LoadedModel]:
    """Scope in which each head of an SVDA model keeps the directions that hold the share rho of its spectral energy.

    sigma_r <- 0 for the others, as `kept_directions` finds them in the sigma that the model has; norms of q and k
    over all d directions, scale 1/sqrt(d) as before: the scores lose exactly the terms of the removed directions, and
    no parameter is saved (see `reduced`). rho in (0, 1]: lower removes more, 1 only what carries less than 1e-12 of
    the energy. sigma need not rank directions by importance, for a row of W_q may be large where sigma is small.

    After arXiv 2609.24370, known from its abstract alone: that energy means sigma^2 and that heads are ranked apart is
    this toolkit's definition, not verified against the paper.

    Args:
        power: 2 counts sigma^2, 1 counts |sigma|.
        layers: the blocks that lose directions, counted from 0; None is all.

    Raises:
        InterpretError: rho, power or a layer out of range, or the model has no sigma.

    Example:
        >>> import interpret
        >>> vit = interpret.load("checkpoints/shapes-svda.pt")
        >>> with interpret.sigma_retention(vit, 0.9):
        ...     [int((mechanism.sigma != 0).sum()) for mechanism in vit.mechanisms]
        [87, 87, 86, 85]
    """
    by_layer, depth = _sigma_and_kept(model, rho, power), model.depth
    chosen = indices(layers, depth, "layer", model)
    with edited_sigma(model, {layer: by_layer[layer][0].masked_fill(~by_layer[layer][1], 0) for layer in chosen}):
        yield model


def removed_share(model: LoadedModel, rho: float, layer: int | None = None) -> float:
    """Share of the score directions of all layers, or of one, that `sigma_retention` removes."""
    kept = torch.stack([of_layer for _, of_layer in _sigma_and_kept(model, rho, 2.0)])
    return 1 - (kept if layer is None else kept[layer]).double().mean().item()


def reduced(model: LoadedModel, rho: float, power: float = 2.0) -> LoadedModel:
    """A new model that computes what deleting the removed directions from W_q, W_k and sigma would.

    Their rows, biases and sigma are zero, so norms run over the kept directions only: another function than
    `sigma_retention`. The scale stays 1/sqrt of the original d. The tensors keep their shapes; `accounting` says what
    deleting them would save.

    Raises:
        InterpretError: rho or power out of range, or the model has no sigma.
        UnsupportedModelError: q and k pass a norm of the backbone's before SVDA's own; zero rows would not leave it.
    """
    copy = own_copy(model)
    layers = zip(copy.vit.blocks, model.mechanisms, _sigma_and_kept(model, rho, power), strict=True)
    for block, mechanism, (sigma, kept) in layers:
        if not isinstance(block.attn.q_norm, nn.Identity) or not isinstance(block.attn.k_norm, nn.Identity):
            raise UnsupportedModelError(f"{model.name} normalises q and k before SVDA does; use sigma_retention")
        for rows in rows_of(block.attn):
            rows[:2, ~kept] = 0
        block.attn.mechanism = with_sigma(mechanism, sigma.masked_fill(~kept, 0))
    return noted(copy, f"directions outside rho={rho}, power={power:g} deleted from q, k and sigma")


def accounting(model: LoadedModel, rho: float, power: float = 2.0) -> pd.DataFrame:
    """What deleting the removed directions would save: a tidy table, one row a layer and head.

    Columns: layer, head, directions d, kept k, removed (share of d); then parameters_saved and macs_saved where each
    head is cut to its own k, and the same with `_padded` where all heads of a layer keep as many as its largest k; each
    again with `_share`, of the whole model. They add up: sum rows over heads for a layer, over all for the model.

    A direction holds a row of W_q and of W_k, their biases, and one sigma. Multiply-accumulates are those of linear
    layers, convolutions and attention products for one image; a direction of a head takes 2 N D for q and k and N^2
    for q k^T, N tokens of width D.
    """
    table = pd.DataFrame(
        {"layer": layer, "head": head, "directions": len(of_head), "kept": int(of_head.sum())}
        for layer, (_, kept) in enumerate(_sigma_and_kept(model, rho, power))
        for head, of_head in enumerate(kept)
    )
    table["removed"] = 1 - table["kept"] / table["directions"]
    padded = table.groupby("layer")["kept"].transform("max")
    for noun, (cost, whole) in _costs(model).items():
        for name, kept in {f"{noun}_saved": table["kept"], f"{noun}_saved_padded": padded}.items():
            table[name] = (table["directions"] - kept) * cost
            table[f"{name}_share"] = table[name] / whole
    return table


def _check(rho: float, power: float) -> None:
    check_rho(rho)
    if not power > 0:
        raise InterpretError(f"power {power} is not positive; 2 counts sigma^2, 1 counts |sigma|")


def _sigma_and_kept(model: LoadedModel, rho: float, power: float) -> list[tuple[Tensor, Tensor]]:
    return [(sigma, kept_directions(sigma, rho, power)) for sigma in sigmas_of(model)]


def _costs(model: LoadedModel) -> dict[str, tuple[int, int]]:
    """Of one direction of one head, and of the whole model."""
    qkv, tokens = model.vit.blocks[0].attn.qkv, model.grid.tokens
    parameters = 2 * qkv.in_features + (0 if qkv.bias is None else 2) + 1
    macs = 2 * tokens * qkv.in_features + tokens**2
    whole = sum(parameter.numel() for parameter in model.model.parameters())
    return {"parameters": (parameters, whole), "macs": (macs, _macs(model))}


def _macs(model: LoadedModel) -> int:
    """Of the whole model for one image, its attention computed by plain products."""
    blank = torch.zeros(1, model.channels, *model.img_size)
    with FlopCounterMode(display=False) as counter:
        trace(model, blank, keep=("scores",))
    return counter.get_total_flops() // 2
