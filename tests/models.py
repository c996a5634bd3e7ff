"""Tiny models that the tests of the core share: two layers of three heads, 4 x 6 patches, five classes, float64."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.layers import Attention as TimmAttention

from interpret.data import Dataset, Example
from interpret.mechanisms import MECHANISMS, Mechanism
from interpret.models.attention import Attention, Stages, attended, stages
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from interpret.models.scopes import observing
from interpret.models.trace import STAGES, Trace
from tests.references import mechanisms as twins
from tests.references import vit as twin_vit

SMALL = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}
NO_CLS = {"class_token": False, "global_pool": "avg"}
KINDS = {
    "no CLS": ("vit_tiny_patch16_224", NO_CLS),
    "CLS": ("vit_tiny_patch16_224", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "CLS and registers": ("vit_tiny_patch16_224", {"reg_tokens": 4}),
    "CLS, averaged": ("vit_tiny_patch16_224", {"global_pool": "avg", "fc_norm": False}),
}
OPTIONS = {
    "hard_threshold": {"tau": 0.03},
    "soft_threshold": {"tau": 0.03},
    "learned_threshold": {"tau_init": 0.03},
}
EPSILON = 1e-6


def tiny(
    mechanism: str = "softmax",
    kind: str = "CLS",
    *,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float64,
    **architecture: Any,
) -> LoadedModel:
    """A model whose every parameter is moved at random, so that none is neutral."""
    backbone, arguments = KINDS[kind]
    chosen = OPTIONS.get(mechanism, {}) if options is None else options
    spec = ModelSpec(backbone, SMALL | arguments | architecture, mechanism, chosen)
    torch.manual_seed(seed)
    model = spec.build().to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return from_memory(model, spec, "tiny")


def pictures(batch: int = 2, size: tuple[int, int] = (32, 48), seed: int = 1) -> torch.Tensor:
    """Random input of the tiny models."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, *size, dtype=torch.float64, generator=generator)


def gallery(count: int, labels: Sequence[int] | None = None, size: tuple[int, int] = (32, 48)) -> Dataset:
    """Random pictures as a data set, of five classes where there are labels."""
    pixels = np.random.default_rng(1).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    known = [None] * count if labels is None else labels

    def read(index: int) -> Example:
        return Example(Image.fromarray(pixels[index]), known[index], None, f"noise/{index}")

    return Dataset("noise", () if labels is None else tuple("abcde"), count, read)


def attention(mechanism: str, num_heads: int, head_dim: int, options: dict[str, Any]) -> Attention:
    """The attention alone, in float64."""
    outer = TimmAttention(num_heads * head_dim, num_heads).double()
    return Attention(outer, MECHANISMS[mechanism].function(num_heads, head_dim, **options).double())


def stages_of(layer: Attention, q: Any, k: Any, v: Any) -> dict[str, torch.Tensor]:
    """Every stage of one image as the real layer forms it; q may be shorter than k, and v narrower."""
    q, k, v = (torch.as_tensor(array, dtype=torch.float64)[None] for array in (q, k, v))
    queries, repeats = q.shape[-2], k.shape[-2] // q.shape[-2]
    seen = stages(q.repeat(1, 1, repeats, 1), k, layer.mechanism, scale=layer.scale)
    formed = {stage: getattr(seen, stage) for stage in ("scores", "probs", "weights")} | {"out": attended(seen, v)}
    return {stage: value[0, :, :queries] for stage, value in formed.items()}


def watched(root: torch.nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, list[Stages]]:
    """What the module gives when it is called, and what is seen of every attention."""
    seen: list[Stages] = []

    def see(layer: int, stages: Stages) -> torch.Tensor:
        seen.append(stages)
        return stages.weights

    with observing(root, see):
        return root(*args, **kwargs), seen


def twin_stages(name: str, mechanism: Mechanism, q: Any, k: Any, v: Any) -> twins.Stages:
    """The twin of a mechanism with the parameters of the real one."""
    learned = {
        "learned_threshold": lambda: {"tau": mechanism.tau_per_head.detach().numpy()},
        "svda": lambda: {"sigma": mechanism.sigma.detach().numpy()},
    }
    options = learned[name]() if name in learned else ({"tau": mechanism.tau} if hasattr(mechanism, "tau") else {})
    stages = getattr(twins, name)(q, k, v, **options)
    return with_epsilon(stages, v, options["tau"]) if name in ("soft_threshold", "learned_threshold") else stages


def with_epsilon(stages: twins.Stages, v: Any, tau: Any) -> twins.Stages:
    """The soft rule's one documented deviation: kept values are divided by their sum + 1e-6."""
    kept = np.maximum(stages["probs"] - np.reshape(tau, (-1, 1, 1)), 0).sum(axis=-1, keepdims=True)
    weights = stages["weights"] * kept / (kept + EPSILON)
    return stages | {"weights": weights, "out": weights @ v}


def twin_forward(
    loaded: LoadedModel, image: torch.Tensor, change: Any = lambda layer, stages, v: stages
) -> tuple[np.ndarray, list[twins.Stages]]:
    """Logits and stages of one image by the twin of the whole model; `change` may edit the stages of a layer."""

    def attend(layer: int, q: Any, k: Any, v: Any) -> twins.Stages:
        mechanism = loaded.model.blocks[layer].attn.mechanism
        return change(layer, twin_stages(loaded.spec.mechanism, mechanism, q, k, v), v)

    state = {name: value.numpy() for name, value in loaded.model.state_dict().items()}
    heads = loaded.model.blocks[0].attn.num_heads
    return twin_vit.forward(state, image.numpy(), heads, loaded.model.global_pool, attend)


def without(trace: Trace, *stages: str) -> Trace:
    """The trace as if these had not been kept; all of them where none is named."""
    return replace(trace, **dict.fromkeys(stages or STAGES))
