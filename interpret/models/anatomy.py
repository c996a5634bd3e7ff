"""What a model is made of, as far as explanations must know."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from interpret.foundation.errors import UnsupportedModelError
from interpret.models.grid import PatchGrid
from interpret.models.vit import ViT, outputs, patch_grid, readout

STAGES = ("inputs", "queries", "keys", "scores", "probs", "weights", "outputs", "gradient")
"""What can be seen of every layer."""
WINDOWS = (
    "its attention is of windows, or of several resolutions, not of all tokens to each other; grad_cam and "
    "layer_grad_cam need none of it, a trace of them is trace(..., keep=[])"
)


@dataclass(frozen=True)
class Anatomy:
    """Where tokens lie, where attention is formed, and what is read in the end.

    Attributes:
        img_size, patch_size: (height, width), pixels of the input.
        channels: of the input.
        classes: numbers of the output.
        width: features of a token; None where no module is given the tokens of one layer as (batch token feature).
        heads: of a layer.
        head_dim: of a query; None where queries are not seen.
        class_token: whether the first token stands for the image.
        reads: how much the output reads of each final token; in place of it, why that is no fixed average.
        attentions: qualified names of the modules that form attention, one a layer.
        apart: how many attentions, each of the same tokens, make a layer: 1, or one a head.
        blocks: qualified names of the blocks, one a layer; empty where they are not known.
        classifier: whether the numbers of the output are of a classifier, not features.
        selects: whether a module that is looked at selects by itself after the softmax.
        windowed: whether attention is of windows or of several resolutions; then grid, patches, width and heads are
            those of the last.
        notes: what was found out of it, in words.
    """

    img_size: tuple[int, int]
    patch_size: tuple[int, int]
    channels: int
    classes: int
    width: int | None
    grid: PatchGrid
    heads: int
    head_dim: int | None
    class_token: bool
    reads: tuple[float, ...] | str
    attentions: tuple[str, ...]
    blocks: tuple[str, ...] = ()
    apart: int = 1
    classifier: bool = True
    selects: bool = False
    windowed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.attentions)

    @property
    def hidden(self) -> dict[str, str]:
        """The stages that cannot be seen, and why."""
        if self.windowed:
            return dict.fromkeys(STAGES, WINDOWS)
        by_hand = "it multiplies queries and keys by itself"
        no_blocks = "no list of modules holds as many blocks as there are attentions"
        queries = {} if self.head_dim else dict.fromkeys(("queries", "keys"), by_hand)
        alone = self.width and self.apart == 1
        inputs = {} if alone else {"inputs": "no module forms one layer's attention alone, of one tensor of tokens"}
        return queries | inputs | ({} if self.blocks else {"outputs": no_blocks})

    @property
    def readout(self) -> Float[Tensor, "token"]:
        """How much the output reads of each final token; sums to one.

        Raises:
            UnsupportedModelError: that is no fixed average of tokens.
        """
        if isinstance(self.reads, str):
            raise UnsupportedModelError(self.reads)
        return torch.tensor(self.reads)


def anatomy_of(vit: ViT) -> Anatomy:
    """Of a plain ViT with explicit attention, as its attributes say it."""
    attention, layers = vit.blocks[0].attn, range(len(vit.blocks))
    try:
        reads: tuple[float, ...] | str = tuple(readout(vit).tolist())
    except UnsupportedModelError as error:
        reads = str(error)
    return Anatomy(
        img_size=vit.patch_embed.img_size,
        patch_size=vit.patch_embed.patch_size,
        channels=vit.patch_embed.proj.in_channels,
        classes=outputs(vit),
        width=vit.embed_dim,
        grid=patch_grid(vit),
        heads=attention.num_heads,
        head_dim=attention.head_dim,
        class_token=vit.cls_token is not None,
        reads=reads,
        attentions=tuple(f"blocks.{layer}.attn" for layer in layers),
        blocks=tuple(f"blocks.{layer}" for layer in layers),
        classifier=vit.num_classes > 0,
    )


def as_vit(module: nn.Module) -> ViT:
    """The same module, typed: the layers of a torch `Sequential` have no type of their own."""
    return cast(ViT, module)
