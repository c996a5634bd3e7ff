"""Keys of one naming to those of another."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Rules = Sequence[tuple[str, str | None]]
"""Pattern of a key or of its beginning -> what it becomes; None leaves the tensor out."""


def renamed(tensors: Mapping[str, Tensor], rules: Rules) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors under the names that the first rule that fits gives, and the names of those left out.

    A key that no rule fits keeps its name, so that it is met as one too many.
    """
    kept: dict[str, Tensor] = {}
    left_out = []
    for key, tensor in tensors.items():
        rule = next((rule for rule in rules if re.match(rule[0], key)), None)
        if rule is None:
            kept[key] = tensor
        elif rule[1] is None:
            left_out.append(key)
        else:
            kept[re.sub(rule[0], rule[1], key, count=1)] = tensor
    return kept, tuple(left_out)


def joined(tensors: Mapping[str, Tensor], parts: Sequence[str], whole: str) -> dict[str, Tensor]:
    """Layers side by side as one, such as q, k and v of every block as timm's qkv.

    A bias that one of them lacks is zero.

    Args:
        parts: their names below a block, in the order of timm's rows.
        whole: timm's name below a block.
    """
    part = re.compile(rf"(blocks\.\d+\.)({'|'.join(map(re.escape, parts))})\.(weight|bias)")
    sides: dict[str, dict[str, Tensor]] = {}
    others = {}
    for key, tensor in tensors.items():
        if match := part.fullmatch(key):
            sides.setdefault(f"{match[1]}{whole}.{match[3]}", {})[match[2]] = tensor
        else:
            others[key] = tensor
    return others | {
        key: torch.cat([side.get(name, torch.zeros_like(next(iter(side.values())))) for name in parts])
        for key, side in sides.items()
    }


def fused(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """q, k and v in one."""
    return joined(tensors, ("attn.q", "attn.k", "attn.v"), "attn.qkv")
