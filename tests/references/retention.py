"""Which of SVDA's directions carry the energy, and the logits without the others: the heads of one layer in.

Masking and reducing differ: a masked direction still counts in the length of q and k, a deleted one does not.
"""

from math import sqrt

import numpy as np
from jaxtyping import Bool, Float

from tests.references.mechanisms import Heads, unit

Sigma = Float[np.ndarray, "head d"]
Kept = Bool[np.ndarray, "head d"]
Logits = Float[np.ndarray, "head query key"]


def kept_directions(sigma: Sigma, rho: float, power: float = 2) -> Kept:
    """Per head the fewest directions r, largest |sigma_r|^power first, whose share of the energy reaches rho.

    At least one is kept, equal ones in the order of their index; a head without energy keeps all.
    """
    kept = np.zeros(sigma.shape, dtype=bool)
    for head, energies in enumerate(np.abs(sigma) ** power):
        d, total = len(energies), energies.sum()
        order = np.argsort(-energies, kind="stable")
        enough = (n for n in range(1, d) if total > 0 and energies[order[:n]].sum() / total >= rho - 1e-12)
        kept[head, order[: next(enough, d)]] = True
    return kept


def masked_logits(q: Heads, k: Heads, sigma: Sigma, kept: Kept) -> Logits:
    """sum_{r kept} q^_ir sigma_r k^_jr / sqrt(d), q^ and k^ of unit length over all d directions."""
    logits = np.zeros((len(q), q.shape[1], k.shape[1]))
    for head, i, j in np.ndindex(logits.shape):
        products = unit(q[head, i]) * sigma[head] * unit(k[head, j])
        logits[head, i, j] = sum(products[r] for r in range(len(products)) if kept[head, r]) / sqrt(q.shape[-1])
    return logits


def reduced_logits(q: Heads, k: Heads, sigma: Sigma, kept: Kept) -> Logits:
    """sum_{r kept} q^_ir sigma_r k^_jr / sqrt(d), q^ and k^ of unit length over what is kept, d as before."""
    logits = np.zeros((len(q), q.shape[1], k.shape[1]))
    for head, i, j in np.ndindex(logits.shape):
        q_hat, k_hat = unit(q[head, i, kept[head]]), unit(k[head, j, kept[head]])
        logits[head, i, j] = np.sum(q_hat * sigma[head, kept[head]] * k_hat) / sqrt(q.shape[-1])
    return logits
