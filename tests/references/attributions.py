"""Where the evidence is: plain arrays of one image in, the evidence of every token (or patch) out.

`readout` says how the head pools the tokens: one-hot at CLS, (CLS + distillation) / 2, or uniform over the patches.
The relevance matrix R (row: output token, column: input token) is always formed whole, and the answer is readout @ R:
one value per token, prefix tokens included.
"""

from math import floor

import numpy as np
from jaxtyping import Float

Weights = Float[np.ndarray, "layer head token token"]
Matrix = Float[np.ndarray, "token token"]
Row = Float[np.ndarray, " token"]
PatchFeatures = Float[np.ndarray, "patch channel"]

FUSIONS = {"mean": np.mean, "max": np.max, "min": np.min}


def cls_attention(weights: Weights, readout: Row, layer: int, head: int | None) -> Row:
    """What the read-out tokens attend to in one layer, for one head or (None) the mean over heads."""
    chosen = weights[layer].mean(axis=0) if head is None else weights[layer, head]
    return readout @ chosen


def rollout(
    weights: Weights,
    readout: Row,
    fusion: str = "mean",
    discard_ratio: float = 0.0,
    protect: str = "none",
    start_layer: int = 0,
) -> Row:
    """Attention rollout (Abnar & Zuidema 2020): R <- rownorm(fuse_h(A) + I) R, layer by layer, from R = I."""
    relevance_matrix = np.eye(weights.shape[-1])
    for layer in weights[start_layer:]:
        fused = FUSIONS[fusion](layer, axis=0)
        relevance_matrix = _with_residual(discard(fused, discard_ratio, protect)) @ relevance_matrix
    return readout @ relevance_matrix


def gradient_rollout(weights: Weights, gradients: Weights, readout: Row, discard_ratio: float = 0.0) -> Row:
    """Rollout of max(mean_h(A * dy/dA), 0) (vit-explain, Gildenblat 2020): the ReLU comes after the head mean."""
    relevance_matrix = np.eye(weights.shape[-1])
    for attention, gradient in zip(weights, gradients, strict=True):
        fused = np.maximum(np.mean(attention * gradient, axis=0), 0)
        relevance_matrix = _with_residual(discard(fused, discard_ratio, "none")) @ relevance_matrix
    return readout @ relevance_matrix


def relevance(weights: Weights, gradients: Weights, readout: Row) -> Row:
    """Generic attention explainability (Chefer et al., ICCV 2021): R <- R + mean_h(max(A * dy/dA, 0)) R, from R = I."""
    relevance_matrix = np.eye(weights.shape[-1])
    for attention, gradient in zip(weights, gradients, strict=True):
        fused = np.mean(np.maximum(attention * gradient, 0), axis=0)
        relevance_matrix = relevance_matrix + fused @ relevance_matrix
    return readout @ relevance_matrix


def grad_cam(features: PatchFeatures, gradient: PatchFeatures) -> Float[np.ndarray, " patch"]:
    """Grad-CAM (Selvaraju et al. 2017) before its ReLU: sum_c mean_n(dy/dZ_nc) Z_nc of the patches."""
    alpha = gradient.mean(axis=0)
    return np.array([np.sum(alpha * patch) for patch in features])


def discard(fused: Matrix, ratio: float, protect: str) -> Matrix:
    """The lowest floor(N^2 ratio) entries of the whole matrix set to 0, ties by flat index, lowest first.

    A protected entry is counted among the lowest but keeps its value. Flat index 0 (CLS to itself) is always
    protected; `protect` adds the row or the column of CLS.
    """
    lowest = sorted(range(fused.size), key=lambda flat: (fused.flat[flat], flat))[: floor(fused.size * ratio)]
    result = fused.copy()
    for flat in lowest:
        query, key = divmod(flat, fused.shape[1])
        protected = flat == 0 or (protect == "cls_row" and query == 0) or (protect == "cls_col" and key == 0)
        result[query, key] = fused[query, key] if protected else 0.0
    return result


def _with_residual(fused: Matrix) -> Matrix:
    with_identity = fused + np.eye(len(fused))
    return np.array([row / row.sum() for row in with_identity])
