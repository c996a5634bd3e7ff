"""How attention behaves: one (layer, head, image) matrix or spectrum in, one number out.

A quantity that is undefined is NaN. Entropies are in nats, with 0 ln 0 = 0.
"""

from math import exp, log, nan, sqrt

import numpy as np
from jaxtyping import Float

from tests.references.mechanisms import unit

Matrix = Float[np.ndarray, "query key"]
Spectrum = Float[np.ndarray, " direction"]
Projection = Float[np.ndarray, "d channel"]
HeadTokens = Float[np.ndarray, "token d"]


def active_tokens(probs: Matrix, tau: float) -> float:
    """Mean over queries of #{j: p_ij > tau}, in tokens."""
    return float(np.mean([sum(p > tau for p in row) for row in probs]))


def sparsity(probs: Matrix, tau: float) -> float:
    """1 - active tokens / number of keys, in [0, 1]; high means few links."""
    return 1 - active_tokens(probs, tau) / probs.shape[1]


def dead_rows(probs: Matrix, tau: float) -> float:
    """How many queries keep no key at all."""
    return float(sum(not any(p > tau for p in row) for row in probs))


def retained_mass(probs: Matrix, tau: float) -> float:
    """Mean over queries of sum_j p_ij [p_ij > tau], in [0, 1]."""
    return float(np.mean([sum(p for p in row if p > tau) for row in probs]))


def attention_entropy(weights: Matrix) -> float:
    """Mean over queries of -sum_j a_ij ln a_ij (Zhai et al. 2023), rows renormalised, all-zero rows left out."""
    entropies = [_entropy(row) for row in weights if row.sum() > 0]
    return float(np.mean(entropies)) if entropies else nan


def spectral_entropy(spectrum: Spectrum, gamma: float = 1.0) -> float:
    """-sum_r p_r ln p_r with p_r = |w_r|^gamma / sum |w|^gamma, in [0, ln d]; low means few directions."""
    energies = np.abs(spectrum) ** gamma
    return _entropy(energies) if energies.sum() > 0 else nan


def effective_rank(spectrum: Spectrum, gamma: float = 1.0) -> float:
    """exp of the spectral entropy (Roy & Vetterli 2007, gamma = 1), in [1, d] directions."""
    return exp(spectral_entropy(spectrum, gamma))


def spectrum_sigma(sigma: Spectrum) -> Spectrum:
    """|sigma_r|, the learned diagonal of SVDA."""
    return np.abs(sigma)


def spectrum_sigma_effective(sigma: Spectrum, q: HeadTokens, k: HeadTokens) -> Spectrum:
    """|sigma_r| sqrt(E_i[q^_ir^2] E_j[k^_jr^2]), q^ and k^ of unit length, E the mean over tokens."""
    result = np.zeros(len(sigma))
    for r, sigma_r in enumerate(sigma):
        q_energy = np.mean([unit(token)[r] ** 2 for token in q])
        k_energy = np.mean([unit(token)[r] ** 2 for token in k])
        result[r] = abs(sigma_r) * sqrt(q_energy * k_energy)
    return result


def spectrum_qk_weight(
    w_q: Projection, w_k: Projection, gain: Spectrum | None = None, sigma: Spectrum | None = None
) -> Spectrum:
    """Singular values of W_q' diag(sigma) W_k, channel x channel, the gain of the LayerNorm before it folded in."""
    gain = np.ones(w_q.shape[1]) if gain is None else gain
    sigma = np.ones(len(w_q)) if sigma is None else sigma
    interaction = (w_q @ np.diag(gain)).T @ np.diag(sigma) @ (w_k @ np.diag(gain))
    return np.linalg.svd(interaction, compute_uv=False)


def spectrum_scores(scores: Matrix) -> Spectrum:
    """Singular values of the logits of one image."""
    return np.linalg.svd(scores, compute_uv=False)


def spectrum_attention(weights: Matrix) -> Spectrum:
    """Singular values of the attention matrix of one image."""
    return np.linalg.svd(weights, compute_uv=False)


def _entropy(amounts: Spectrum) -> float:
    shares = amounts / amounts.sum()
    return -sum(p * log(p) for p in shares if p > 0)
