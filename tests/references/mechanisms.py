"""How attention is formed: one function a mechanism, `q`, `k`, `v` in, the three stages and the output out.

Every function returns a dict of `scores` (logits), `probs` (after softmax), `weights` (after selection, what
multiplies v) and `out`, each with the head axis first.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from jaxtyping import Float

Heads = Float[np.ndarray, "head token d"]
Row = Float[np.ndarray, " key"]
Stages = dict[str, Float[np.ndarray, "head query key_or_d"]]


def softmax(q: Heads, k: Heads, v: Heads) -> Stages:
    """softmax_j(q_i . k_j / sqrt(d)) (Vaswani et al. 2017)."""
    return _attend(_scaled_dot_products(q, k), v, lambda head, p: p)


def hard_threshold(q: Heads, k: Heads, v: Heads, tau: float) -> Stages:
    """u_j = p_j if p_j > tau else 0; a_j = u_j / (sum u + 1e-6) (SelectiveViT, the paper and the authors' code)."""
    return _attend(_scaled_dot_products(q, k), v, lambda head, p: _hard(p, tau))


def soft_threshold(q: Heads, k: Heads, v: Heads, tau: float) -> Stages:
    """u_j = max(p_j - tau, 0); a_j = u_j / sum u (SelectiveViT, the README); a row with nothing left is zero."""
    return _attend(_scaled_dot_products(q, k), v, lambda head, p: _soft(p, tau))


def learned_threshold(q: Heads, k: Heads, v: Heads, tau: Float[np.ndarray, " head"]) -> Stages:
    """The rule of `soft_threshold` with one tau per head."""
    return _attend(_scaled_dot_products(q, k), v, lambda head, p: _soft(p, tau[head]))


def svda(q: Heads, k: Heads, v: Heads, sigma: Float[np.ndarray, "head d"]) -> Stages:
    """softmax_j(sum_r q^_ir sigma_r k^_jr / sqrt(d)), q^ and k^ of unit length per token and head (SVDA)."""
    scores = np.zeros((len(q), q.shape[1], k.shape[1]))
    for head, query, key in np.ndindex(scores.shape):
        q_hat, k_hat = unit(q[head, query]), unit(k[head, key])
        scores[head, query, key] = np.sum(q_hat * sigma[head] * k_hat) / sqrt(q.shape[-1])
    return _attend(scores, v, lambda head, p: p)


def unit(vector: Row) -> Row:
    """The vector divided by its l2 norm; the norm is at least 1e-12, so that zero stays zero."""
    return vector / max(sqrt(np.sum(vector**2)), 1e-12)


def softmax_of_row(scores: Row) -> Row:
    """exp(s_j) / sum exp(s), shifted by the largest score, which cancels."""
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def _scaled_dot_products(q: Heads, k: Heads) -> Float[np.ndarray, "head query key"]:
    scores = np.zeros((len(q), q.shape[1], k.shape[1]))
    for head, query, key in np.ndindex(scores.shape):
        scores[head, query, key] = q[head, query] @ k[head, key] / sqrt(q.shape[-1])
    return scores


def _attend(scores: Float[np.ndarray, "head query key"], v: Heads, select: Callable[[int, Row], Row]) -> Stages:
    probs, weights = np.zeros_like(scores), np.zeros_like(scores)
    out = np.zeros((*scores.shape[:2], v.shape[-1]))
    for head, query in np.ndindex(scores.shape[:2]):
        probs[head, query] = softmax_of_row(scores[head, query])
        weights[head, query] = select(head, probs[head, query])
        for key, value in enumerate(v[head]):
            out[head, query] += weights[head, query, key] * value
    return {"scores": scores, "probs": probs, "weights": weights, "out": out}


def _hard(p: Row, tau: float) -> Row:
    kept = np.array([p_j if p_j > tau else 0.0 for p_j in p])
    return kept / (kept.sum() + 1e-6)


def _soft(p: Row, tau: float) -> Row:
    kept = np.array([max(p_j - tau, 0.0) for p_j in p])
    return kept / kept.sum() if kept.sum() > 0 else kept
