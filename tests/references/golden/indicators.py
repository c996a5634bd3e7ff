"""Golden numbers of the indicators, and what thresholds keep of unstructured attention."""

from math import log

import numpy as np

from tests.references.golden.attention import ATTENTION
from tests.references.golden.case import Baseline, Golden
from tests.references.golden.mechanisms import SVDA_SCORES, TWO_TOKENS

P = np.array([[0.6, 0.3, 0.1], [0.05, 0.05, 0.9], [0.34, 0.33, 0.33]])
UNIFORM = np.full((2, 197), 1 / 197)
ACTIVE_TOKENS = {
    "2, 1 and 3 keys of 3": Golden({"probs": P, "tau": 0.2}, 2.0),
    "uniform, tau below 1/N": Golden({"probs": UNIFORM, "tau": 0.005}, 197),
    "uniform, tau above 1/N": Golden({"probs": UNIFORM, "tau": 0.01}, 0),
    "the threshold is strict": Golden({"probs": UNIFORM, "tau": 1 / 197}, 0, defect=197),
}
SPARSITY = {
    "2, 1 and 3 keys of 3": Golden({"probs": P, "tau": 0.2}, 1 / 3),
    "uniform, tau above 1/N": Golden({"probs": UNIFORM, "tau": 0.01}, 1.0),
}
DEAD_ROWS = {
    "every query keeps a key": Golden({"probs": P, "tau": 0.2}, 0),
    "one of three loses all": Golden({"probs": P, "tau": 0.34}, 1),
    "uniform, tau above 1/N": Golden({"probs": UNIFORM, "tau": 0.01}, 2),
}
RETAINED_MASS = {
    "0.9, 0.9 and 1": Golden({"probs": P, "tau": 0.2}, 2.8 / 3),
    "uniform, tau above 1/N": Golden({"probs": UNIFORM, "tau": 0.01}, 0),
    "the threshold is strict": Golden({"probs": UNIFORM, "tau": 1 / 197}, 0, defect=1),
}


def _shared_among(kept: int) -> np.ndarray:
    return np.array([[1 / kept] * kept + [0.0] * (197 - kept)])


# Fewer than 1 / tau keys can stay: a threshold of 0.01, 0.02 or 0.1 removes at least 98, 148 or 188 of 197.
WOULD_BE_SPARSITY = {
    "2, 1 and 3 keys of 3": Golden({"probs": P, "tau": 0.2}, 1 / 3, defect=2 / 3),
    "uniform, tau below 1/N": Golden({"probs": UNIFORM, "tau": 0.005}, 0),
    "uniform, tau above 1/N": Golden({"probs": UNIFORM, "tau": 0.01}, 1),
    "the threshold itself is removed": Golden({"probs": UNIFORM, "tau": 1 / 197}, 1, defect=0),
    "no more than 99 of 197 above 0.01": Golden({"probs": _shared_among(99), "tau": 0.01}, 0.4974619),
    "no more than 49 of 197 above 0.02": Golden({"probs": _shared_among(49), "tau": 0.02}, 0.7512690),
    "no more than 9 of 197 above 0.1": Golden({"probs": _shared_among(9), "tau": 0.1}, 0.9543147),
}

SIGMA = np.array([4.0, 2, 1, 1])
SPECTRAL_ENTROPY = {
    "1/2, 1/4, 1/8, 1/8": Golden({"spectrum": SIGMA}, 1.2130076),
    "is 0.875 of ln 4": Golden({"spectrum": SIGMA}, 0.875 * log(4)),
    "of energies": Golden({"spectrum": SIGMA, "gamma": 2.0}, 0.8225608),
    "uniform": Golden({"spectrum": np.ones(5)}, log(5)),
    "one direction": Golden({"spectrum": np.array([0, 3.0, 0])}, 0),
    "signs do not matter": Golden({"spectrum": np.array([1, -0.5, 0.05, 0])}, 0.7584873),
    "undefined for zero": Golden({"spectrum": np.zeros(3)}, np.nan),
}
EFFECTIVE_RANK = {
    "1/2, 1/4, 1/8, 1/8": Golden({"spectrum": SIGMA}, 3.3635857),
    "of energies": Golden({"spectrum": SIGMA, "gamma": 2.0}, 2.2763215),
    "of 3 and 1": Golden({"spectrum": np.array([3.0, 1])}, 1.7547654),
    "uniform": Golden({"spectrum": np.ones(5)}, 5),
    "one direction": Golden({"spectrum": np.array([0, 3.0, 0])}, 1),
    "of an attention matrix": Golden({"spectrum": np.array([1.0095832, 0.6933554])}, 1.9656153),
    "undefined for zero": Golden({"spectrum": np.zeros(3)}, np.nan),
}
# A limit of a tenth of the largest coefficient; of the energies it would be 1.6, above the two ones.
SPECTRAL_SPARSITY = {
    "none of 4, 2, 1, 1": Golden({"spectrum": SIGMA}, 0, defect=0.5),
    "signs do not matter": Golden({"spectrum": np.array([1, -0.5, 0.05, 0])}, 0.5, defect=0.75),
    "delta is a choice": Golden({"spectrum": np.array([1, -0.5, 0.05, 0]), "delta": 0.5}, 0.75, defect=0.5),
    "the limit itself counts": Golden({"spectrum": np.array([10.0, 5, 1])}, 1 / 3, defect=0),
    "uniform": Golden({"spectrum": np.ones(5)}, 0),
    "one direction": Golden({"spectrum": np.array([0, 3.0, 0])}, 2 / 3),
    "undefined for zero": Golden({"spectrum": np.zeros(3)}, np.nan),
}
# Defects: Gini's coefficient, and l1 of the signed coefficients.
HOYER_SPARSITY = {
    "of 4, 2, 1, 1": Golden({"spectrum": SIGMA}, 0.2943943, defect=0.3125),
    "signs do not matter": Golden({"spectrum": np.array([3.0, -1])}, 0.3604482, defect=1.8873308),
    "uniform": Golden({"spectrum": np.ones(5)}, 0),
    "one direction": Golden({"spectrum": np.array([0, 3.0, 0])}, 1),
    "undefined for a single direction": Golden({"spectrum": np.array([3.0])}, np.nan),
    "undefined for zero": Golden({"spectrum": np.zeros(3)}, np.nan),
}
# Defects: the participation ratio (sum w^2)^2 / sum w^4, the sum over the largest, the largest without its sign.
STABLE_RANK = {
    "of 4, 2, 1, 1": Golden({"spectrum": SIGMA}, 1.375, defect=1.7664234),
    "of 3 and 1": Golden({"spectrum": np.array([3.0, 1])}, 1.1111111, defect=1.3333333),
    "signs do not matter": Golden({"spectrum": np.array([1.0, -2])}, 1.25, defect=5),
    "uniform": Golden({"spectrum": np.ones(5)}, 5),
    "one direction": Golden({"spectrum": np.array([0, 3.0, 0])}, 1),
    "of an attention matrix": Golden({"spectrum": np.array([1.0095832, 0.6933554])}, 1.4716584),
    "undefined for zero": Golden({"spectrum": np.zeros(3)}, np.nan),
}

SPECTRUM_SIGMA = {"absolute values": Golden({"sigma": np.array([2.0, -1])}, [2, 1])}
SPECTRUM_SIGMA_EFFECTIVE = {
    "sigma times the energies it meets": Golden(
        {"sigma": np.array([2.0, 1]), "q": TWO_TOKENS["q"][0], "k": TWO_TOKENS["k"][0]}, [0.9329523, 0.4664762]
    ),
}
W_Q = np.array([[1.0, 0, 0], [0, 2, 0]])
W_K = np.array([[3.0, 0, 0], [0, 0, 1]])
SPECTRUM_QK_WEIGHT = {
    "channel by channel": Golden({"w_q": W_Q, "w_k": W_K}, [3, 2, 0]),
    "the gain is folded in on both sides": Golden(
        {"w_q": W_Q, "w_k": W_K, "gain": np.array([2.0, 1, 5])}, [12, 10, 0], defect=[3, 2, 0]
    ),
    "sigma stands between": Golden({"w_q": W_Q, "w_k": W_K, "sigma": np.array([1.0, 4])}, [8, 3, 0]),
}
SPECTRUM_SCORES = {"of SVDA's two tokens": Golden({"scores": SVDA_SCORES}, [1.5719541, 0.4071366])}
SPECTRUM_ATTENTION = {
    "uniform has one direction": Golden({"weights": np.full((2, 2), 0.5)}, [1, 0]),
    "selective has two": Golden({"weights": np.array([[0.9, 0.1], [0.2, 0.8]])}, [1.0095832, 0.6933554]),
}
# Less its mean row 0.55, 0.45 the selective matrix is 0.35, -0.35; -0.35, 0.35: |A - 1 a|_F = 0.7, its only direction.
SPECTRUM_ATTENTION_CENTRED = {
    "uniform has none": Golden({"weights": np.full((2, 2), 0.5)}, [0, 0], defect=[1, 0]),
    "selective has one": Golden(
        {"weights": np.array([[0.9, 0.1], [0.2, 0.8]])}, [0.7, 0], defect=[1.0095832, 0.6933554]
    ),
    "a sink has none": Golden({"weights": np.eye(3)[[1, 1, 1]]}, [0, 0, 0], defect=[3**0.5, 0, 0]),
}

INDICATORS = ATTENTION | {
    "active_tokens": ACTIVE_TOKENS,
    "sparsity": SPARSITY,
    "dead_rows": DEAD_ROWS,
    "retained_mass": RETAINED_MASS,
    "would_be_sparsity": WOULD_BE_SPARSITY,
    "spectral_entropy": SPECTRAL_ENTROPY,
    "effective_rank": EFFECTIVE_RANK,
    "spectral_sparsity": SPECTRAL_SPARSITY,
    "hoyer_sparsity": HOYER_SPARSITY,
    "stable_rank": STABLE_RANK,
    "spectrum_sigma": SPECTRUM_SIGMA,
    "spectrum_sigma_effective": SPECTRUM_SIGMA_EFFECTIVE,
    "spectrum_qk_weight": SPECTRUM_QK_WEIGHT,
    "spectrum_scores": SPECTRUM_SCORES,
    "spectrum_attention": SPECTRUM_ATTENTION,
    "spectrum_attention_centred": SPECTRUM_ATTENTION_CENTRED,
}

# 197 keys, standard normal logits times the spread: means over many rows, so within one per cent.
BASELINES = [
    Baseline(spread=1 / 3, tau=0.01, active_tokens=2.7, sparsity=0.986, relative_tolerance=0.03),
    Baseline(spread=1.0, tau=0.01, active_tokens=23.7, sparsity=0.880),
    Baseline(spread=1.0, tau=0.005, active_tokens=62.3, sparsity=0.684),
    Baseline(spread=2.0, tau=0.01, active_tokens=19.5, sparsity=0.901),
    Baseline(spread=2.0, tau=0.005, active_tokens=34.1, sparsity=0.827),
    Baseline(spread=1 / 3, tau=0.005, active_tokens=89.0, sparsity=0.548),
]
