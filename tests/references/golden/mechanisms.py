"""Golden numbers of the mechanisms: one head, one to four tokens; `expected` names the stages it fixes."""

from math import sqrt

import numpy as np

from tests.references.golden.case import Golden

# With d = 1, q = 1 and k = ln p the scores are ln p, so that the softmax is p itself.
P_ROW = np.array([0.5, 0.3, 0.15, 0.05])
ONE_QUERY = {"q": np.ones((1, 1, 1)), "k": np.log(P_ROW).reshape(1, 4, 1), "v": np.eye(4)[None]}
UNIFORM_197 = {"q": np.zeros((1, 1, 1)), "k": np.zeros((1, 197, 1)), "v": np.ones((1, 197, 1))}

TWO_TOKENS = {"q": np.array([[[3.0, 4], [1, 0]]]), "k": np.array([[[0.0, 2], [4, 3]]]), "v": np.eye(2)[None]}
SVDA_SCORES = np.array([[0.5656854, 1.0182338], [0, 1.1313708]])
SVDA_PROBS = np.array([[0.3887550, 0.6112450], [0.2439082, 0.7560918]])


def _most_selective_svda(sigma: float) -> dict[str, np.ndarray]:
    """d = 64, one key of 197 along the query and 196 against it: the largest weight SVDA can give."""
    direction = np.eye(64)[0]
    k = np.stack([direction, *[-direction] * 196])
    return {"q": direction[None, None], "k": k[None], "v": np.ones((1, 197, 1)), "sigma": np.full((1, 64), sigma)}


SOFTMAX = {
    "scores are divided by sqrt(d)": Golden(
        TWO_TOKENS, {"scores": np.array([[[8, 24], [0, 4]]]) / sqrt(2)}, defect={"scores": [[[8, 24], [0, 4]]]}
    ),
    "a row of logarithms": Golden(ONE_QUERY, {"probs": [[P_ROW]], "weights": [[P_ROW]], "out": [[P_ROW]]}),
}

# Kept ratios are those of the softmax over the kept keys, up to the 1e-6 in the divisor.
HARD_THRESHOLD = {
    "kept keys keep their ratios": Golden(
        ONE_QUERY | {"tau": 0.1}, {"probs": [[P_ROW]], "weights": [[[0.5263152, 0.3157891, 0.1578946, 0]]]}, 2e-7
    ),
    "uniform attention above tau stays": Golden(
        UNIFORM_197 | {"tau": 0.005}, {"weights": np.full((1, 1, 197), 0.999999 / 197), "out": [[[0.9999990]]]}, 1e-8
    ),
    "uniform attention below tau is zero, not NaN": Golden(
        UNIFORM_197 | {"tau": 0.01}, {"weights": np.zeros((1, 1, 197)), "out": [[[0.0]]]}
    ),
    "the threshold is strict": Golden(
        UNIFORM_197 | {"tau": 1 / 197}, {"weights": np.zeros((1, 1, 197))}, defect={"weights": 1 / 197}
    ),
}

SOFT_THRESHOLD = {
    "tau is taken off what is kept": Golden(
        ONE_QUERY | {"tau": 0.1},
        {"probs": [[P_ROW]], "weights": [[[0.6153846, 0.3076923, 0.0769231, 0]]]},
        defect={"weights": [[[0.5263158, 0.3157895, 0.1578947, 0]]]},
    ),
    "a row with nothing left is zero, not NaN": Golden(
        UNIFORM_197 | {"tau": 0.01}, {"weights": np.zeros((1, 1, 197)), "out": [[[0.0]]]}
    ),
}

LEARNED_THRESHOLD = {
    "each head has its own tau": Golden(
        {name: np.repeat(array, 2, axis=0) for name, array in ONE_QUERY.items()} | {"tau": np.array([0.1, 0.0])},
        {"weights": [[[0.6153846, 0.3076923, 0.0769231, 0]], [P_ROW]]},
    ),
}

# sigma = 1: e^(2/8) / (e^(2/8) + 196). A weight of one half needs sigma = 4 ln 196.
SVDA = {
    "unit rows, sigma between, / sqrt(d)": Golden(
        TWO_TOKENS | {"sigma": np.array([[2.0, 1]])},
        {"scores": [SVDA_SCORES], "probs": [SVDA_PROBS], "weights": [SVDA_PROBS], "out": [SVDA_PROBS]},
        defect={"scores": [SVDA_SCORES * sqrt(2)]},
    ),
    "a query of length zero attends uniformly": Golden(
        TWO_TOKENS | {"q": np.zeros((1, 2, 2)), "sigma": np.array([[2.0, 1]])}, {"weights": np.full((1, 2, 2), 0.5)}
    ),
    "sigma of one can hardly select": Golden(
        _most_selective_svda(1.0), {"weights": [[[0.0065085, *[(1 - 0.0065085) / 196] * 196]]]}, 1e-7
    ),
    "half of the attention needs a large sigma": Golden(
        _most_selective_svda(21.1125), {"weights": [[[0.5, *[0.5 / 196] * 196]]]}, 1e-5
    ),
}

MECHANISMS = {
    "softmax": SOFTMAX,
    "hard_threshold": HARD_THRESHOLD,
    "soft_threshold": SOFT_THRESHOLD,
    "learned_threshold": LEARNED_THRESHOLD,
    "svda": SVDA,
}
