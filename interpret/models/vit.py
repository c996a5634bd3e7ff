"""What this toolkit needs of a ViT; its patch grid; its tail. The door to timm's models."""

from abc import ABCMeta
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from timm.layers import Attention as TimmAttention
from timm.models.vision_transformer import Block as TimmBlock
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from interpret.foundation.errors import InterpretError, UnsupportedModelError
from interpret.foundation.tensors import Features, Images, Logits, Tokens
from interpret.mechanisms import MECHANISMS, Mechanism
from interpret.models.attention import Attention
from interpret.models.grid import PatchGrid
from interpret.models.heads import ClassTokenAndMean


class PatchEmbed(Protocol):
    """From pixels to patch tokens; sizes are (height, width)."""

    img_size: tuple[int, int]
    patch_size: tuple[int, int]
    grid_size: tuple[int, int]
    proj: nn.Conv2d


@runtime_checkable
class Tokenised(Protocol):
    """What must be known of a ViT to say where its tokens lie."""

    patch_embed: PatchEmbed
    num_prefix_tokens: int


@runtime_checkable
class Block(Protocol, metaclass=ABCMeta):
    """x + attn(norm1(x)), then x + mlp(norm2(x)); layer scale and drop path are identities where there are none."""

    norm1: nn.Module
    attn: Attention
    ls1: Callable[[Tokens], Tokens]
    drop_path1: Callable[[Tokens], Tokens]
    norm2: Callable[[Tokens], Tokens]
    mlp: Callable[[Tokens], Tokens]
    ls2: Callable[[Tokens], Tokens]
    drop_path2: Callable[[Tokens], Tokens]

    def register_forward_hook(self, hook: Callable[..., object], /) -> RemovableHandle: ...
    def register_forward_pre_hook(self, hook: Callable[..., object], /) -> RemovableHandle: ...


@runtime_checkable
class ViT(Tokenised, Protocol, metaclass=ABCMeta):
    """What this toolkit needs of a model to look at it: plain blocks, with explicit attention, between two ends."""

    embed_dim: int
    num_classes: int
    cls_token: Float[Tensor, "1 1 feature"] | None
    blocks: Sequence[Block]
    norm: Callable[[Tokens], Tokens]
    global_pool: str
    pool_include_prefix: bool
    head: nn.Module

    def forward_head(self, x: Tokens, /) -> Logits: ...
    def __call__(self, images: Images, /) -> Logits: ...


# From Python 3.12 on, isinstance() does not see the submodules of a torch module.
Block.register(TimmBlock)
ViT.register(VisionTransformer)


def patch_grid(vit: Tokenised) -> PatchGrid:
    """The grid of the model's own input size."""
    rows, cols = vit.patch_embed.grid_size
    return PatchGrid(rows, cols, vit.num_prefix_tokens)


def outputs(vit: ViT) -> int:
    """How many numbers it gives: of its classes, else of the features that its head leaves."""
    layers = [each for each in vit.head.modules() if isinstance(each, nn.Linear)]
    return vit.num_classes or (layers[-1].out_features if layers else vit.embed_dim)


def readout(vit: ViT) -> Float[Tensor, "token"]:
    """How much the classifier reads of each final token; sums to one.

    One-hot at CLS for token pooling, a half each for CLS and the distillation token, the mean over patches for average
    pooling; a half for CLS and a half for the patches where a head reads CLS and their mean side by side. Registers are
    never read unless the model pools them.

    Raises:
        UnsupportedModelError: the pooling is not a fixed average of tokens (max, attention pooling).
    """
    grid = patch_grid(vit)
    weight = torch.zeros(grid.tokens)
    if hasattr(vit, "head_dist"):
        weight[:2] = 0.5
    elif vit.global_pool == "token":
        weight[0] = 1
    elif isinstance(vit.head, nn.Sequential) and isinstance(vit.head[0], ClassTokenAndMean):
        weight[0], weight[grid.prefix :] = 0.5, 0.5 / (grid.tokens - grid.prefix)
    elif vit.global_pool == "avg":
        first = 0 if vit.pool_include_prefix else grid.prefix
        weight[first:] = 1 / (grid.tokens - first)
    else:
        raise UnsupportedModelError(
            f"pooling {vit.global_pool!r} reads tokens by their content; token maps need 'token' or 'avg' pooling: "
            "use grad_cam or layer_grad_cam, of features with a target="
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
        vit: ViT,
        mechanism: Mechanism,
        residual: Tokens,
        prefix: Float[Tensor, "batch prefix feature"],
    ) -> None:
        super().__init__()
        self.vit, self.mechanism = vit, mechanism
        self.tap = nn.Identity()
        self.residual, self.prefix = residual, prefix

    def forward(self, features: Features) -> Logits:
        tokens = torch.cat([self.prefix, self.tap(features).flatten(2).transpose(1, 2)], dim=1)
        block = self.vit.blocks[-1]
        read = self.prefix.shape[1] if self.vit.global_pool == "token" else tokens.shape[1]
        attended = block.attn(tokens, queries=read, mechanism=self.mechanism)
        x = self.residual[:, :read] + block.drop_path1(block.ls1(attended))
        x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
        return self.vit.forward_head(self.vit.norm(x))


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
        if type(block) is not TimmBlock or type(block.attn) is not TimmAttention:
            raise UnsupportedModelError(
                f"blocks[{index}] is {type(block).__name__} with {type(getattr(block, 'attn', None)).__name__}; "
                "only timm's Block with its plain Attention can be looked at"
            )
    for block in vit.blocks:
        plain = cast(TimmAttention, block.get_submodule("attn"))
        try:
            chosen = entry.function(plain.num_heads, plain.head_dim, **(options or {}))
        except TypeError as error:
            raise InterpretError(f"mechanism {mechanism!r} does not take these options: {error}") from error
        block.attn = Attention(plain, chosen.to(plain.qkv.weight.device))
    return vit
