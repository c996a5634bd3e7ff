"""Which calls of torch are attention.

Three ways are known: the fused product and the mechanisms of this toolkit, PyTorch's `multi_head_attention_forward`,
and a softmax by hand whose result is multiplied by values.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import Mechanism
from interpret.mechanisms.softmax import Softmax
from interpret.models.attention import additive_mask, attention

PLAIN = Softmax(1, 1)
"""Of modules that have no mechanism of this toolkit; it holds nothing."""


def _values(out: Tensor, weights: Tensor | None) -> Any:
    return out


def _squeezed(out: Tensor, weights: Tensor | None) -> Any:
    return out[:, 0]


@dataclass(frozen=True)
class Call:
    """A call that is the attention of tokens to each other.

    Attributes:
        q, k, v: (batch head token d).
        options: of `attention`.
        result: what the call gives, made of the attended values and the weights.
        gives_weights: whether that holds the weights.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    mechanism: Mechanism = PLAIN
    options: dict[str, Any] = field(default_factory=dict)
    result: Callable[[Tensor, Tensor | None], Any] = _values
    gives_weights: bool = False


def with_mechanism(q: Tensor, k: Tensor, v: Tensor, mechanism: Mechanism, **options: Any) -> Call:
    """The operation of this toolkit's own modules."""
    return Call(q, k, v, mechanism, options)


def fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Call | None:
    """`scaled_dot_product_attention`."""
    if query.shape[-2] != key.shape[-2] or query.ndim not in (3, 4):
        return None
    if query.ndim == 3:
        mask = attn_mask[:, None] if attn_mask is not None and attn_mask.ndim == 3 else attn_mask
        call = fused(query[:, None], key[:, None], value[:, None], mask, dropout_p, is_causal, scale=scale)
        return call and replace(call, result=_squeezed)
    shared = query.shape[1] // key.shape[1] if enable_gqa else 1
    key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    bias = additive_mask(attn_mask, is_causal, query)
    return Call(query, key, value, options={"bias": bias, "scale": scale, "dropout": dropout_p})


def multi_head(*args: Any, **kwargs: Any) -> Call | None:
    """`multi_head_attention_forward`, which hands itself to a mode again and so is computed whole."""
    bound = _MULTI_HEAD.bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    query, key = given["query"], given["key"]
    added = given["add_zero_attn"] or any(given[name] is not None for name in ("bias_k", "static_k", "static_v"))
    if added or query.ndim != 3 or query.shape[0] != key.shape[0]:
        return None
    q, k, v = (_by_head(each, given["num_heads"]) for each in _projected(given))
    options = {"bias": _bias(given, q), "dropout": given["dropout_p"] if given["training"] else 0.0}
    return Call(q, k, v, options=options, result=partial(_projected_out, given), gives_weights=given["need_weights"])


_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)


def _projected(given: dict[str, Any]) -> list[Tensor]:
    apart = [given[f"{name}_proj_weight"] for name in "qkv"]
    weights = apart if given["use_separate_proj_weight"] else given["in_proj_weight"].chunk(3)
    biases = [None] * 3 if given["in_proj_bias"] is None else given["in_proj_bias"].chunk(3)
    tokens = given["query"], given["key"], given["value"]
    return [F.linear(*each) for each in zip(tokens, weights, biases, strict=True)]


def _by_head(tokens: Tensor, heads: int) -> Tensor:
    """(token batch feature) -> (batch head token d)."""
    return tokens.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def _bias(given: dict[str, Any], q: Tensor) -> Tensor | None:
    """Both masks as one bias; a boolean one leaves out where it is true, the opposite of the fused product."""
    masks = []
    if (padding := given["key_padding_mask"]) is not None:
        masks.append(_added(padding, q)[:, None, None, :])
    if (mask := given["attn_mask"]) is not None:
        added = _added(mask, q)
        masks.append(added.unflatten(0, (q.shape[0], q.shape[1])) if mask.ndim == 3 else added)
    return sum(masks[1:], masks[0]) if masks else None


def _added(mask: Tensor, q: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask, -torch.inf)
    return mask.to(q.dtype)


def _projected_out(given: dict[str, Any], out: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
    out = F.linear(out.permute(2, 0, 1, 3).flatten(2), given["out_proj_weight"], given["out_proj_bias"])
    if weights is None or not given["need_weights"]:
        return out, None
    return out, weights.mean(dim=1) if given["average_attn_weights"] else weights


CALLS: dict[Callable[..., Any], Callable[..., Call | None]] = {
    attention: with_mechanism,
    F.scaled_dot_product_attention: fused,
    F.multi_head_attention_forward: multi_head,
}
"""What may be attention as a whole: by the function that a torch function mode is told of."""
SOFTMAX = (F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax)
PRODUCTS = (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum)
"""Of a softmax by hand with values."""


def is_square(probs: Tensor, dim: object) -> bool:
    """Whether a softmax over that axis may be one of tokens over tokens."""
    return dim in (-1, probs.ndim - 1) and probs.ndim > 2 and probs.shape[-1] == probs.shape[-2]


def weights_in(probs: Tensor, args: Sequence[Any]) -> int | None:
    """Which argument of a product is the weights that a softmax has become, if any."""
    equation = args[0] if isinstance(args[0], str) else "...qk,...kd->...qd"
    operands = [index for index, each in enumerate(args) if isinstance(each, Tensor)]
    for place, index in enumerate(operands):
        same = args[index].shape[-2:] == probs.shape[-2:] and args[index].numel() == probs.numel()
        if same and len(operands) == 2 and _sums_keys(equation, place):
            return index
    return None


def _sums_keys(equation: str, place: int) -> bool:
    """Whether the keys of that operand are summed over against the other, and its queries are left."""
    parts = re.fullmatch(r"([^,]+),([^,]+)->(.*)", equation.replace(" ", ""))
    if not parts:
        return False
    query, key = parts[1 + place][-2:]
    return key in parts[2 - place] and key not in parts[3] and query in parts[3] and query not in parts[2 - place]


class SomeHeads(Mechanism):
    """Some heads of a mechanism of more, of the probabilities of these alone."""

    def __init__(self, whole: Mechanism, parts: int, part: int) -> None:
        super().__init__(0, 0)
        self._whole, self._parts, self._part = (whole,), parts, part

    def select(self, probs: LayerAttention) -> LayerAttention:
        return self._whole[0].select(probs.repeat(1, self._parts, 1, 1)).chunk(self._parts, dim=1)[self._part]


class Own(Mechanism):
    """What a module did to the probabilities by itself, in one pass."""

    def __init__(self, weights: LayerAttention) -> None:
        super().__init__(0, 0)
        self._weights = weights

    def repeated(self, parts: int) -> "Own":
        """Of as many heads as so many parts have."""
        return Own(self._weights.repeat(1, parts, 1, 1))

    def select(self, probs: LayerAttention) -> LayerAttention:
        return self._weights
