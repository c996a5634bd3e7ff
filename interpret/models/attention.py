"""Self-attention with its mechanism explicit and tapped."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from timm.layers import Attention as TimmAttention
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.foundation.tensors import LayerAttention, Tokens
from interpret.mechanisms import Mechanism


class Tap(nn.Identity):
    """An identity with a name: a forward hook on it reads, or replaces, the tensor that passes."""

    @property
    def listening(self) -> bool:
        """Whether anything is hooked to this tap."""
        return bool(self._forward_hooks)


class Attention(nn.Module):
    """timm's multi-head self-attention with its mechanism explicit and three taps: `scores`, `probs`, `weights`.

    Takes over the parameters of a timm `Attention` under their own names. Where nothing listens and the mechanism
    selects nothing, the fused kernel computes the same result, unless it would be the slower way.
    """

    def __init__(self, attention: TimmAttention, mechanism: Mechanism) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        self.head_dim = attention.head_dim
        self.scale = attention.scale
        self.qkv, self.q_norm, self.k_norm = attention.qkv, attention.q_norm, attention.k_norm
        self.attn_drop, self.proj, self.proj_drop = attention.attn_drop, attention.proj, attention.proj_drop
        self.norm, self.gate = attention.norm, getattr(attention, "gate", None)
        self.mechanism = mechanism
        self.scores, self.probs, self.weights = Tap(), Tap(), Tap()

    def forward(
        self, x: Tokens, attn_mask: Tensor | None = None, is_causal: bool = False, queries: int | None = None
    ) -> Float[Tensor, "batch query feature"]:
        """As timm's; `queries` asks for the output of the first so many tokens only, each row being its own."""
        q, k, v = self.project(x)
        bias = additive_mask(attn_mask, is_causal, q)
        q, bias = q[:, :, :queries], None if bias is None else bias[..., :queries, :]
        listening = any(tap.listening for tap in (self.scores, self.probs, self.weights))
        if self.mechanism.selects or listening or _slow_when_fused(q):
            out = self._explicit(q, k, v, bias)
        else:
            dropout = self.attn_drop.p if self.training else 0.0
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=self.scale)
        out = self.norm(out.transpose(1, 2).flatten(2))
        if self.gate is not None:
            out = out * self.gate(x[:, :queries]).sigmoid()
        return self.proj_drop(self.proj(out))

    def project(self, x: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """q, k as they enter the dot product and v, each (batch head token d)."""
        q, k, v = self.split(x)
        return *self.mechanism.project(q, k), v

    def split(self, x: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v as the mechanism receives them, each (batch head token d)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        return self.q_norm(q), self.k_norm(k), v

    def attend(self, q: Tensor, k: Tensor, bias: Tensor | None = None) -> LayerAttention:
        """The weights of q and k as `project` gives them, through the taps."""
        scores = (q * self.scale) @ k.transpose(-2, -1)
        scores = self.scores(scores if bias is None else scores + bias)
        probs = self.probs(_softmax(scores, masked=bias is not None))
        with torch.autocast(probs.device.type, enabled=False):
            return self.weights(self.mechanism.select(probs))

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        return self.attn_drop(self.attend(q, k, bias).to(v.dtype)) @ v


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


@contextmanager
def installed(mechanism: Mechanism, attention: Attention) -> Iterator[None]:
    """Scope in which `attention` forms its weights by `mechanism`."""
    own, attention.mechanism = attention.mechanism, mechanism
    try:
        yield
    finally:
        attention.mechanism = own
