"""How attention behaves: one (layer, head, image) matrix or spectrum in, one number out.

A quantity that is undefined is NaN. Entropies are in nats, with 0 ln 0 = 0.
"""

from math import dist, exp, log, nan, sqrt
from statistics import median

import numpy as np
from jaxtyping import Float

from tests.references.mechanisms import unit

Matrix = Float[np.ndarray, "query key"]
Spectrum = Float[np.ndarray, " direction"]
Projection = Float[np.ndarray, "d channel"]
HeadTokens = Float[np.ndarray, "token d"]
Layer = Float[np.ndarray, "head query key"]


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


def would_be_sparsity(probs: Matrix, tau: float) -> float:
    """#{i, j: p_ij <= tau} / number of entries, in [0, 1]: what a threshold would remove; high means few links."""
    return float(np.mean([p <= tau for p in probs.flat]))


def attention_entropy(weights: Matrix) -> float:
    """Mean over queries of -sum_j a_ij ln a_ij (Zhai et al. 2023), rows renormalised, all-zero rows left out."""
    return _mean([_entropy(row) for row in weights if row.sum() > 0])


def selectivity_index(weights: Matrix) -> float:
    """1 - attention entropy / ln N, in [0, 1]; 0 means uniform rows, 1 one key a query (and so for a single key)."""
    return 1 - attention_entropy(weights) / log(max(weights.shape[1], 2))


def perturbation_robustness(before: Matrix, after: Matrix) -> float:
    """1 - mean_i TV(A_i, A~_i), TV half the l1 distance, in [0, 1]; high means stable.

    Rows are renormalised; a query whose row is all zero in either matrix is left out.
    """
    pairs = zip(before, after, strict=True)
    return 1 - _mean([np.abs(a / a.sum() - b / b.sum()).sum() / 2 for a, b in pairs if a.sum() > 0 and b.sum() > 0])


def attention_distance(weights: Matrix, rows: int, cols: int, patch: float, prefix: int) -> float:
    """Mean over queries of sum_j A_ij patch |place_i - place_j| (Raghu et al. 2021), in pixels; high means far.

    Patches only, on a grid counted row by row: the tokens of the prefix leave both axes, then rows are renormalised.
    """
    places = list(np.ndindex(rows, cols))
    distances = np.array([[patch * dist(here, there) for there in places] for here in places])
    return _attended_mean(weights[prefix:, prefix:], distances)


def sink_share(weights: Matrix) -> float:
    """max_k alpha_k, alpha_k the mean over queries of A_ik (Gu et al. 2024), in [1/N, 1]; high means one sink.

    Rows are renormalised, all-zero rows left out.
    """
    received = [_mean([row[k] / row.sum() for row in weights if row.sum() > 0]) for k in range(weights.shape[1])]
    return max(received)


def rank_collapse(weights: Matrix) -> float:
    """||A - 1 a||_F / ||A||_F, a the mean row (Dong et al. 2021), in [0, 1]; 0 means every query attends alike.

    The matrix is taken as it is: no row is renormalised or left out.
    """
    residual = weights - weights.mean(axis=0)
    return _norm(residual) / _norm(weights) if _norm(weights) > 0 else nan


def head_similarity(layer: Layer) -> Float[np.ndarray, " head"]:
    """Mean cosine of each head's matrix, flattened, with those of the other heads, in [0, 1]; high means redundant.

    A zero matrix has no cosine: its own value is NaN, and it is left out of the means of the others.
    """
    heads = {h: weights.ravel() for h, weights in enumerate(layer) if weights.any()}
    result = np.full(len(layer), nan)
    for h, flat in heads.items():
        result[h] = _mean([unit(flat) @ unit(other) for o, other in heads.items() if o != h])
    return result


def angular_alignment(q: HeadTokens, k: HeadTokens) -> float:
    """Mean over all i and j of cos(q_i, k_j), in [-1, 1]; high means one direction. A zero vector has cosine 0."""
    return float(np.mean(_cosines(q, k)))


def angular_alignment_abs(q: HeadTokens, k: HeadTokens) -> float:
    """Mean over all i and j of |cos(q_i, k_j)|, in [0, 1]; high means one axis."""
    return float(np.mean(np.abs(_cosines(q, k))))


def angular_alignment_weighted(q: HeadTokens, k: HeadTokens, weights: Matrix) -> float:
    """Mean over queries of sum_j A_ij cos(q_i, k_j), in [-1, 1], rows renormalised, all-zero rows left out."""
    return _attended_mean(weights, _cosines(q, k))


def orthogonality_defect(vectors: HeadTokens) -> float:
    """||d mean_i u_i u_i' - I||_F / sqrt(d), u_i of unit length, in [0, sqrt(d - 1)]; 0 means every direction alike."""
    d = vectors.shape[1]
    moment = np.mean([np.outer(unit(vector), unit(vector)) for vector in vectors], axis=0)
    return _norm(d * moment - np.eye(d)) / sqrt(d)


def register_share(tokens: HeadTokens, prefix: int = 0, z: float = 5.0) -> float:
    """Share of patches whose norm lies more than z robust standard deviations above the median, in [0, 1]."""
    norms = [_norm(token) for token in tokens[prefix:]]
    spread = 1.4826 * median([abs(norm - median(norms)) for norm in norms])
    return _mean([float((norm - median(norms)) / spread > z) for norm in norms]) if spread > 0 else nan


def spectral_entropy(spectrum: Spectrum, gamma: float = 1.0) -> float:
    """-sum_r p_r ln p_r with p_r = |w_r|^gamma / sum |w|^gamma, in [0, ln d]; low means few directions."""
    energies = np.abs(spectrum) ** gamma
    return _entropy(energies) if energies.sum() > 0 else nan


def effective_rank(spectrum: Spectrum, gamma: float = 1.0) -> float:
    """exp of the spectral entropy (Roy & Vetterli 2007, gamma = 1), in [1, d] directions."""
    return exp(spectral_entropy(spectrum, gamma))


def spectral_sparsity(spectrum: Spectrum, delta: float = 0.1) -> float:
    """#{r: |w_r| <= delta max|w|} / d, in [0, 1 - 1/d]; high means few directions."""
    w = np.abs(spectrum)
    return float(np.mean([w_r <= delta * w.max() for w_r in w])) if w.sum() > 0 else nan


def hoyer_sparsity(spectrum: Spectrum) -> float:
    """(sqrt d - ||w||_1 / ||w||_2) / (sqrt d - 1) (Hoyer 2004), in [0, 1]; high means few directions."""
    d = len(spectrum)
    if d == 1 or not spectrum.any():
        return nan
    return (sqrt(d) - np.abs(spectrum).sum() / _norm(spectrum)) / (sqrt(d) - 1)


def stable_rank(spectrum: Spectrum) -> float:
    """sum w^2 / max w^2 (of singular values: ||M||_F^2 / ||M||_2^2), in [1, d] directions; low means few."""
    energies = spectrum**2
    return energies.sum() / energies.max() if energies.sum() > 0 else nan


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


def spectrum_attention_centred(weights: Matrix) -> Spectrum:
    """Those of the matrix less its mean row: of what queries attend to apart."""
    return np.linalg.svd(weights - weights.mean(axis=0), compute_uv=False)


def _entropy(amounts: Spectrum) -> float:
    shares = amounts / amounts.sum()
    return -sum(p * log(p) for p in shares if p > 0)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else nan


def _attended_mean(weights: Matrix, values: Matrix) -> float:
    rows = zip(weights, values, strict=True)
    return _mean([np.sum(row / row.sum() * value) for row, value in rows if row.sum() > 0])


def _cosines(q: HeadTokens, k: HeadTokens) -> Matrix:
    return np.array([[unit(q_i) @ unit(k_j) for k_j in k] for q_i in q])


def _norm(array: Spectrum | Matrix) -> float:
    return sqrt(np.sum(array**2))
