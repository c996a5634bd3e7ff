"""Self-attention as one operation with its mechanism explicit, and the module that computes it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from timm.layers import Attention as TimmAttention
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function

from interpret.foundation.tensors import LayerAttention, Tokens
from interpret.mechanisms import Mechanism

Heads = Float[Tensor, "batch head token d"]
Bias = Float[Tensor, "..."]


@dataclass(frozen=True)
class Stages:
    """What one attention computes on the way.

    Attributes:
        mechanism: what formed it, edits included.
        probs, weights: after the softmax over keys, and what multiplies the values.
        scores: what the softmax was given.
        queries, keys: as the mechanism receives them; None where the module multiplied them by itself.
        module: qualified name of the module that it is computed in.
        mixed: whether two softmaxes were computed before one was multiplied.
        part: which part of the heads it is, where a layer forms their attention apart.
    """

    mechanism: Mechanism
    scores: LayerAttention
    probs: LayerAttention
    weights: LayerAttention
    queries: Heads | None = None
    keys: Heads | None = None
    module: str = ""
    part: int = 0
    mixed: bool = False


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mechanism: Mechanism,
    *,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    queries: int | None = None,
) -> Tensor:
    """The values that each query attends to, (batch head query d); seen by torch function modes as one operation.

    Where the mechanism selects nothing, the fused kernel computes it, unless that would be the slower way.

    Args:
        bias: added to the scores.
        scale: of the scores; None is 1 / sqrt(d).
        dropout: share of the weights set to zero.
        queries: asks for the first so many rows only, each row being its own.
    """
    options = {"bias": bias, "scale": scale, "dropout": dropout, "queries": queries}
    if has_torch_function((q, k, v)):
        return handle_torch_function(attention, (q, k, v), q, k, v, mechanism, **options)
    if mechanism.selects or _slow_when_fused(q):
        return attended(stages(q, k, mechanism, bias, scale, queries), v, dropout)
    q, k = mechanism.project(q, k)
    bias = None if bias is None else bias[..., :queries, :]
    return F.scaled_dot_product_attention(q[:, :, :queries], k, v, attn_mask=bias, dropout_p=dropout, scale=scale)


def stages(
    q: Tensor,
    k: Tensor,
    mechanism: Mechanism,
    bias: Tensor | None = None,
    scale: float | None = None,
    queries: int | None = None,
) -> Stages:
    """The stages of q and k, in fp32 or wider from the probabilities on."""
    wide = torch.promote_types(q.dtype, torch.float32)
    with torch.autocast(q.device.type, enabled=False):  # as the fused kernel: half precision would round the scores
        one, other = (each.to(wide) for each in mechanism.project(q, k))
        one = one[:, :, :queries]
        scores = (one * (one.shape[-1] ** -0.5 if scale is None else scale)) @ other.mT
    if bias is not None:
        scores = scores + bias[..., :queries, :]
    probs = _softmax(scores, masked=bias is not None)
    with torch.autocast(probs.device.type, enabled=False):
        return Stages(mechanism, scores, probs, mechanism.select(probs), q, k)


def attended(stages: Stages, v: Tensor, dropout: float = 0.0) -> Tensor:
    """weights @ v."""
    return F.dropout(stages.weights, dropout, dropout > 0).to(v.dtype) @ v


class Attention(nn.Module):
    """timm's multi-head self-attention with its mechanism explicit.

    Takes over the parameters of a timm `Attention` under their own names.
    """

    def __init__(self, plain: TimmAttention, mechanism: Mechanism) -> None:
        super().__init__()
        self.num_heads = plain.num_heads
        self.head_dim = plain.head_dim
        self.scale = plain.scale
        self.qkv, self.q_norm, self.k_norm = plain.qkv, plain.q_norm, plain.k_norm
        self.attn_drop, self.proj, self.proj_drop = plain.attn_drop, plain.proj, plain.proj_drop
        self.norm, self.gate = plain.norm, getattr(plain, "gate", None)
        self.mechanism = mechanism

    def forward(
        self,
        x: Tokens,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        queries: int | None = None,
        mechanism: Mechanism | None = None,
    ) -> Float[Tensor, "batch query feature"]:
        """As timm's; `queries` asks for the output of the first so many tokens only, `mechanism` for another one."""
        q, k, v = self.split(x)
        out = attention(
            q, k, v, mechanism or self.mechanism, scale=self.scale, queries=queries,
            bias=additive_mask(attn_mask, is_causal, q), dropout=self.attn_drop.p if self.training else 0.0,
        )  # fmt: skip
        out = self.norm(out.transpose(1, 2).flatten(2))
        if self.gate is not None:
            out = out * self.gate(x[:, :queries]).sigmoid()
        return self.proj_drop(self.proj(out))

    def split(self, x: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v as the mechanism receives them, each (batch head token d)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        return self.q_norm(q), self.k_norm(k), v


def _slow_when_fused(q: Tensor) -> bool:
    # Backward, PyTorch's fused CPU kernel takes up to three times as long in bfloat16 as the plain products.
    return q.requires_grad and q.device.type == "cpu" and q.dtype == torch.bfloat16


def _softmax(scores: Tensor, *, masked: bool) -> Tensor:
    """Softmax over keys in fp32 or wider; a row whose every key is masked becomes zeros."""
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    probs = wide.softmax(dim=-1)
    return probs.masked_fill((wide == -torch.inf).all(dim=-1, keepdim=True), 0.0) if masked else probs


def additive_mask(attn_mask: Tensor | None, is_causal: bool, q: Tensor) -> Tensor | None:
    """The bias that a mask adds to the scores; a boolean mask keeps where it is true; causality takes precedence."""
    if is_causal:
        return torch.full((q.shape[-2], q.shape[-2]), -torch.inf, dtype=q.dtype, device=q.device).triu(1)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        return torch.zeros_like(attn_mask, dtype=q.dtype).masked_fill(~attn_mask, -torch.inf)
    return attn_mask
