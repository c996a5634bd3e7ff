"""A Vision Transformer (Dosovitskiy et al. 2021) written out from its state dict: one image in, logits out.

The keys are timm's. What a model has is read off its keys: CLS, distillation and register tokens, layer scale,
query and key norms, the norm before the blocks, the norm after pooling, a second head.
"""

from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np
from jaxtyping import Float
from scipy.special import erf

from tests.references.mechanisms import Heads, Stages, softmax

State = Mapping[str, np.ndarray]
Image = Float[np.ndarray, "channel height width"]
Tokens = Float[np.ndarray, "token channel"]
Logits = Float[np.ndarray, " class_"]
Attend = Callable[[int, Heads, Heads, Heads], Stages]


def plain_attention(layer: int, q: Heads, k: Heads, v: Heads) -> Stages:
    """Softmax attention, the same in every layer."""
    return softmax(q, k, v)


def forward(
    state: State, image: Image, heads: int, pool: str = "token", attend: Attend = plain_attention
) -> tuple[Logits, list[Stages]]:
    """Logits of one image and, per layer, what `attend(layer, q, k, v)` returned. `pool` is "token" or "avg"."""
    state = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
    tokens = _norm_if_any(state, "norm_pre", embed(state, image))
    stages = []
    for layer in range(_depth(state)):
        block = f"blocks.{layer}"
        mixed, seen = _attention(state, block, layer, _norm(state, f"{block}.norm1", tokens), heads, attend)
        tokens = tokens + _scale(state, f"{block}.ls1", mixed)
        tokens = tokens + _scale(state, f"{block}.ls2", _mlp(state, block, _norm(state, f"{block}.norm2", tokens)))
        stages.append(seen)
    return _classify(state, _norm_if_any(state, "norm", tokens), pool), stages


def embed(state: State, image: Image) -> Tokens:
    """Patches row by row, top left first, through the projection; prefix tokens before them; positions added.

    The position embedding is added before the prefix tokens are joined when it has one entry per patch, after when it
    has one per token.
    """
    patches, positions = _patches(state, image), state["pos_embed"][0]
    if len(positions) == len(patches):
        return np.concatenate([*_prefix(state), patches + positions])
    return np.concatenate([*_prefix(state), patches]) + positions


def _patches(state: State, image: Image) -> Tokens:
    kernel, (rows, cols) = state["patch_embed.proj.weight"], state["patch_embed.proj.weight"].shape[2:]
    tokens = []
    for top in range(0, image.shape[1], rows):
        for left in range(0, image.shape[2], cols):
            patch = image[:, top : top + rows, left : left + cols]
            tokens.append([np.sum(channel * patch) for channel in kernel])
    return np.array(tokens) + state.get("patch_embed.proj.bias", np.zeros(1))


def _prefix(state: State) -> list[Tokens]:
    return [state[name][0] for name in ("cls_token", "dist_token", "reg_token") if name in state]


def _attention(
    state: State, block: str, layer: int, tokens: Tokens, heads: int, attend: Attend
) -> tuple[Tokens, Stages]:
    q, k, v = np.split(_linear(state, f"{block}.attn.qkv", tokens), 3, axis=1)
    q = _norm_if_any(state, f"{block}.attn.q_norm", _split_heads(q, heads))
    k = _norm_if_any(state, f"{block}.attn.k_norm", _split_heads(k, heads))
    stages = attend(layer, q, k, _split_heads(v, heads))
    return _linear(state, f"{block}.attn.proj", np.concatenate(list(stages["out"]), axis=1)), stages


def _split_heads(tokens: Tokens, heads: int) -> Heads:
    return np.stack(np.split(tokens, heads, axis=1))


def _mlp(state: State, block: str, tokens: Tokens) -> Tokens:
    hidden = _linear(state, f"{block}.mlp.fc1", tokens)
    gelu = hidden * (1 + erf(hidden / sqrt(2))) / 2
    return _linear(state, f"{block}.mlp.fc2", gelu)


def _classify(state: State, tokens: Tokens, pool: str) -> Logits:
    if "head_dist.weight" in state:
        return (_linear(state, "head", tokens[0]) + _linear(state, "head_dist", tokens[1])) / 2
    num_prefix_tokens = sum(len(tokens_of_kind) for tokens_of_kind in _prefix(state))
    pooled = tokens[num_prefix_tokens:].mean(axis=0) if pool == "avg" else tokens[0]
    return _linear(state, "head", _norm_if_any(state, "fc_norm", pooled))


def _linear(state: State, name: str, x: np.ndarray) -> np.ndarray:
    return x @ state[f"{name}.weight"].T + state.get(f"{name}.bias", np.zeros(1))


def _norm(state: State, name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred**2, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-6) * state[f"{name}.weight"] + state[f"{name}.bias"]


def _norm_if_any(state: State, name: str, x: np.ndarray) -> np.ndarray:
    return _norm(state, name, x) if f"{name}.weight" in state else x


def _scale(state: State, name: str, x: np.ndarray) -> np.ndarray:
    return x * state.get(f"{name}.gamma", np.ones(1))


def _depth(state: State) -> int:
    return 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
