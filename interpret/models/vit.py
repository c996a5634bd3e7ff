"""A timm ViT whose attention is explicit and tapped; its patch grid; its tail. The door to timm's models."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from timm.layers import Attention as TimmAttention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Features, LayerAttention, Logits, Tokens
from interpret.mechanisms import MECHANISMS, Mechanism


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


@dataclass(frozen=True)
class PatchGrid:
    """Where tokens lie: `prefix` tokens (CLS, distillation, registers, or none), then rows x cols patches."""

    rows: int
    cols: int
    prefix: int

    def fold(self, tokens: Float[Tensor, "*axes token"]) -> Float[Tensor, "*axes row col"]:
        """Values of the patches on their grid; prefix tokens are dropped here and nowhere else."""
        return tokens[..., self.prefix :].unflatten(-1, (self.rows, self.cols))

    @property
    def tokens(self) -> int:
        """N, prefix and patches."""
        return self.prefix + self.rows * self.cols


def patch_grid(vit: VisionTransformer) -> PatchGrid:
    """The grid of the model's own input size."""
    rows, cols = vit.patch_embed.grid_size
    return PatchGrid(rows, cols, vit.num_prefix_tokens)


def readout(vit: VisionTransformer) -> Float[Tensor, "token"]:
    """How much the classifier reads of each final token; sums to one.

    One-hot at CLS for token pooling, a half each for CLS and the distillation token, the mean over patches for average
    pooling. Registers are never read unless the model pools them.

    Raises:
        UnsupportedModelError: the pooling is not a fixed average of tokens (max, attention pooling).
    """
    grid = patch_grid(vit)
    weight = torch.zeros(grid.tokens)
    if hasattr(vit, "head_dist"):
        weight[:2] = 0.5
    elif vit.global_pool == "token":
        weight[0] = 1
    elif vit.global_pool == "avg":
        first = 0 if vit.pool_include_prefix else grid.prefix
        weight[first:] = 1 / (grid.tokens - first)
    else:
        raise UnsupportedModelError(
            f"pooling {vit.global_pool!r} reads tokens by their content; token maps need 'token' or 'avg' pooling: "
            "use grad_cam or layer_grad_cam"
        )
    return weight


class Tail(nn.Module):
    """The model from the output of the last block's `norm1` on, fed with that output as (batch channel row col).

    `tap` sees the feature map, so a library that hooks a convolutional layer explains a ViT at one block's cost. The
    prefix tokens and the residual stream are constants. With token pooling the patches are dropped once they have
    been attended to: nothing reads them any more.

    Args:
        mechanism: how the last block forms its attention here, whatever it holds by now.
    """

    def __init__(
        self,
        vit: VisionTransformer,
        mechanism: nn.Module,
        residual: Tokens,
        prefix: Float[Tensor, "batch prefix feature"],
    ) -> None:
        super().__init__()
        self.vit, self.mechanism = vit, mechanism
        self.tap = Tap()
        self.residual, self.prefix = residual, prefix

    def forward(self, features: Features) -> Logits:
        tokens = torch.cat([self.prefix, self.tap(features).flatten(2).transpose(1, 2)], dim=1)
        block = self.vit.blocks[-1]
        read = self.prefix.shape[1] if self.vit.global_pool == "token" else tokens.shape[1]
        with installed(self.mechanism, block.attn):
            attended = block.attn(tokens, queries=read)
        x = self.residual[:, :read] + block.drop_path1(block.ls1(attended))
        x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
        return self.vit.forward_head(self.vit.norm(x))


@contextmanager
def installed(mechanism: nn.Module, attention: nn.Module) -> Iterator[None]:
    """Scope in which `attention` forms its weights by `mechanism`."""
    own, attention.mechanism = attention.mechanism, mechanism
    try:
        yield
    finally:
        attention.mechanism = own


def make_attention_explicit(
    vit: nn.Module, mechanism: str = "softmax", options: dict[str, Any] | None = None
) -> VisionTransformer:
    """Replace every block's attention, in place, by an explicit one that holds the same parameters.

    Raises:
        UnsupportedModelError: not a plain timm ViT (windowed, rotary or parallel blocks have other attention).
    """
    if not isinstance(vit, VisionTransformer):
        raise UnsupportedModelError(f"{type(vit).__name__} is not a timm VisionTransformer; only those are supported")
    entry = MECHANISMS[mechanism]
    for index, block in enumerate(vit.blocks):
        if type(block) is not Block or type(block.attn) is not TimmAttention:
            raise UnsupportedModelError(
                f"blocks[{index}] is {type(block).__name__} with {type(getattr(block, 'attn', None)).__name__}; "
                "only timm's Block with its plain Attention can be looked at"
            )
    for block in vit.blocks:
        try:
            chosen = entry.function(block.attn.num_heads, block.attn.head_dim, **(options or {}))
        except TypeError as error:
            raise InterpretError(f"mechanism {mechanism!r} does not take these options: {error}") from error
        block.attn = Attention(block.attn, chosen.to(block.attn.qkv.weight.device))
    return vit
