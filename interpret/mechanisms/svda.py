"""SVD-inspired attention."""

import torch
from torch import nn
from torch.nn import functional as F

from interpret.foundation.options import initial_sigma
from interpret.foundation.tensors import LayerAttention
from interpret.mechanisms import MECHANISMS, Mechanism


@MECHANISMS.register(label="SVDA", reference="arXiv 2602.10994; IEEE Access 2025, doi 10.1109/access.2025.3586739")
class SVDA(Mechanism):
    """softmax(Q^ diag(sigma) K^T^ / sqrt(d)) with q^ and k^ L2-normalised per token and head, sigma learned per head.

    |score| is at most max|sigma| / sqrt(d): with sigma = 1 and d = 64 attention stays uniform to 2 %. sigma = d gives
    unit-variance q and k the scores of the plain dot product ("parity"). sigma is not constrained in sign. The
    published texts that were reachable state neither its initial value nor its sign nor a regulariser.

    Args:
        sigma_init: "one", "sqrt_d", "parity" (= d), or a number.
    """

    def __init__(self, num_heads: int, head_dim: int, sigma_init: str | float = "parity") -> None:
        super().__init__(num_heads, head_dim)
        self.size = abs(initial_sigma(sigma_init, head_dim)) or 1.0
        self.sigma = nn.Parameter(torch.full((num_heads, head_dim), initial_sigma(sigma_init, head_dim)))

    def project(self, q: LayerAttention, k: LayerAttention) -> tuple[LayerAttention, LayerAttention]:
        return F.normalize(q, dim=-1) * self.sigma[:, None, :].to(q.dtype), F.normalize(k, dim=-1)
