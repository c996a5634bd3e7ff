"""The two selection rules of the SelectiveViT sources, shared by the mechanisms and by interventions."""

import torch

from interpret.foundation.tensors import LayerAttention

EPSILON = 1e-6


def hard(probs: LayerAttention, tau: float | torch.Tensor) -> LayerAttention:
    """u = p 1[p > tau]; weights = u / (sum u + 1e-6). A row with nothing above tau becomes zeros."""
    return _renormalise(probs * (probs > tau))


def soft(probs: LayerAttention, tau: float | torch.Tensor) -> LayerAttention:
    """u = ReLU(p - tau); weights = u / (sum u + 1e-6). A row with nothing above tau becomes zeros."""
    return _renormalise(torch.relu(probs - tau))


RULES = {"hard": hard, "soft": soft}


def _renormalise(kept: LayerAttention) -> LayerAttention:
    return kept / (kept.sum(dim=-1, keepdim=True) + EPSILON)
