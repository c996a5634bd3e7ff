"""Modules of strangers, small and with every parameter moved at random; what they attend to is known another way."""

import math
from collections.abc import Callable
from typing import Any

import timm
import torch
import torchvision
import transformers
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
INPUT = {"image_size": 32, "patch_size": 8}
ROTARY = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}


def moved(module: nn.Module, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """Every parameter moved, LayerScale to near one, so that none is neutral and none hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    module = module.to(dtype).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if any(word in name for word in ("gamma", "lambda1", "layer_scale")):
                parameter.fill_(1.0)
            scale = 0.3 if parameter.ndim > 1 else 0.05
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(dtype))
    return module


class Embedded(nn.Module):
    """Patches of 8 pixels of a 32 x 48 input, a class token and registers before them where asked."""

    def __init__(self, prefix: int = 1, width: int = 24) -> None:
        super().__init__()
        self.img_size, self.prefix = (32, 48), prefix
        self.patch = nn.Conv2d(3, width, 8, 8)
        self.before = nn.Parameter(torch.randn(1, prefix, width))
        self.position = nn.Parameter(torch.randn(1, prefix + 24, width))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 5)

    def embed(self, images: Tensor) -> Tensor:
        patches = self.patch(images).flatten(2).transpose(1, 2)
        return torch.cat([self.before.expand(len(images), -1, -1), patches], dim=1) + self.position


class ByHand(nn.Module):
    """Attention written out; its selection is in it, as of a SelectiveViT of one's own."""

    def __init__(self, width: int = 24, heads: int = 3, tau: float | None = None) -> None:
        super().__init__()
        self.heads, self.tau = heads, tau
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        if self.tau is not None:
            attention = attention * (attention > self.tau)
            attention = attention / (attention.sum(dim=-1, keepdim=True) + 1e-6)
        return self.out((attention @ v).transpose(1, 2).flatten(2))


class OneHead(nn.Module):
    def __init__(self, width: int, d: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, d) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(torch.einsum("bqd,bkd->bqk", self.q(x), self.k(x)) / self.q.out_features**0.5, dim=-1)
        return torch.einsum("bqk,bkd->bqd", weights, self.v(x))


class HeadsApart(nn.Module):
    """A linear layer of each head for each of q, k and v."""

    def __init__(self, width: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.each = nn.ModuleList(OneHead(width, width // heads) for _ in range(heads))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.cat([head(x) for head in self.each], dim=-1))


class TalkingHeads(ByHand):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1)).softmax(dim=-1)
        mix = torch.arange(1.0, 1 + self.heads**2).view(self.heads, self.heads).to(x)
        return self.out((torch.einsum("bhqk,hg->bgqk", attention, mix) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, attention: nn.Module, activation: type[nn.Module] = nn.GELU, width: int = 24) -> None:
        super().__init__()
        self.attention = attention
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.mlp = nn.Sequential(nn.Linear(width, 40), activation(), nn.Linear(40, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.mlp(self.norms[1](x))


class PostNorm(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](x + self.attention(x))
        return self.norms[1](x + self.mlp(x))


class Own(Embedded):
    """A ViT of one's own: what reads the tokens in the end, and of which blocks it is."""

    def __init__(self, block: Callable[[], nn.Module], prefix: int = 1, pool: str = "class") -> None:
        super().__init__(prefix)
        self.pool = pool
        self.blocks = nn.ModuleList(block() for _ in range(2))
        self.query = nn.Parameter(torch.randn(24))

    def forward(self, images: Tensor) -> Tensor:
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if self.pool == "class":
            return self.head(x[:, 0])
        share = (
            (x @ self.query).softmax(dim=1) if self.pool == "attention" else torch.full_like(x[..., 0], 1 / x.shape[1])
        )
        return self.head((share[..., None] * x).sum(dim=1))


class Encoder(Embedded):
    """PyTorch's own encoder, (token batch feature) where asked; the mean of the tokens is read."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__(0)
        layer = nn.TransformerEncoderLayer(24, 3, 40, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.batch_first = batch_first

    def forward(self, images: Tensor) -> Tensor:
        x = self.embed(images)
        x = self.encoder(x) if self.batch_first else self.encoder(x.transpose(0, 1)).transpose(0, 1)
        return self.head(self.norm(x).mean(dim=1))


def hugging_face(model: Any, config: Any, way: str = "sdpa", **more: Any) -> nn.Module:
    return model._from_config(config(**WIDTH, **INPUT, **more), attn_implementation=way)


OWN: dict[str, Callable[[], nn.Module]] = {
    "by hand": lambda: Own(lambda: Block(ByHand())),
    "post-norm": lambda: Own(lambda: PostNorm(ByHand())),
    "ReLU": lambda: Own(lambda: Block(ByHand(), nn.ReLU)),
    "heads apart": lambda: Own(lambda: Block(HeadsApart())),
    "registers": lambda: Own(lambda: Block(ByHand()), prefix=4),
    "no class token": lambda: Own(lambda: Block(ByHand()), prefix=0, pool="mean"),
    "attention pooling": lambda: Own(lambda: Block(ByHand()), prefix=0, pool="attention"),
    "selects by itself": lambda: Own(lambda: Block(ByHand(tau=0.03))),
}
LIBRARIES: dict[str, Callable[[], nn.Module]] = {
    "Hugging Face ViT": lambda: hugging_face(
        transformers.ViTForImageClassification, transformers.ViTConfig, num_labels=5
    ),
    "Hugging Face ViT, eager": lambda: hugging_face(
        transformers.ViTForImageClassification, transformers.ViTConfig, "eager", num_labels=5
    ),
    "Hugging Face CLIP": lambda: hugging_face(transformers.CLIPVisionModel, transformers.CLIPVisionConfig),
    "Hugging Face DINOv2": lambda: hugging_face(
        transformers.Dinov2ForImageClassification, transformers.Dinov2Config, num_labels=5
    ),
    "Hugging Face SigLIP": lambda: hugging_face(transformers.SiglipVisionModel, transformers.SiglipVisionConfig),
    "torchvision": lambda: torchvision.models.VisionTransformer(32, 8, 2, 3, 24, 40, num_classes=5),
    "timm DINOv3": lambda: timm.create_model("vit_small_patch16_dinov3", **ROTARY),
    "timm BEiT": lambda: timm.create_model("beit_base_patch16_224", **ROTARY),
    "PyTorch encoder": Encoder,
    "PyTorch encoder, tokens first": lambda: Encoder(batch_first=False),
}
