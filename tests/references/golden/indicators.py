"""Golden numbers of the indicators, and what thresholds keep of unstructured attention."""

from math import log

import numpy as np

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

# 0, ln 2 and ln 3; the mean of the normalised entropies is this / ln 3 = 0.5436433.
ENTROPY_ROWS = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
ATTENTION_ENTROPY = {
    "one, two and three keys": Golden({"weights": ENTROPY_ROWS}, 0.5972532),
    "four shares": Golden({"weights": np.array([[0.7, 0.2, 0.1, 0]])}, 0.8018186),
    "zero rows are left out": Golden(
        {"weights": np.vstack([ENTROPY_ROWS, np.zeros(3)])}, 0.5972532, defect=0.5972532 * 3 / 4
    ),
    "rows are renormalised": Golden({"weights": ENTROPY_ROWS * 0.5}, 0.5972532),
    "undefined when every row is zero": Golden({"weights": np.zeros((2, 3))}, np.nan),
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

INDICATORS = {
    "active_tokens": ACTIVE_TOKENS,
    "sparsity": SPARSITY,
    "dead_rows": DEAD_ROWS,
    "retained_mass": RETAINED_MASS,
    "attention_entropy": ATTENTION_ENTROPY,
    "spectral_entropy": SPECTRAL_ENTROPY,
    "effective_rank": EFFECTIVE_RANK,
    "spectrum_sigma": SPECTRUM_SIGMA,
    "spectrum_sigma_effective": SPECTRUM_SIGMA_EFFECTIVE,
    "spectrum_qk_weight": SPECTRUM_QK_WEIGHT,
    "spectrum_scores": SPECTRUM_SCORES,
    "spectrum_attention": SPECTRUM_ATTENTION,
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
