"""Golden numbers of spectral energy retention: which directions stay, and the logits without the others."""

from math import sqrt

import numpy as np

from tests.references.golden.case import Golden
from tests.references.golden.mechanisms import SVDA_SCORES, TWO_TOKENS

# Shares of sigma^2, added up: 0.6315789, 0.9122807, 0.9824561, 1; of |sigma|: 0.4615385, 0.7692308, 0.9230769, 1.
FALLING = np.array([[3.0, 2, 1, 0.5]])
KEPT_DIRECTIONS = {
    "the energy is the square": Golden({"sigma": FALLING, "rho": 0.9}, [[1, 1, 0, 0]], defect=[[1, 1, 1, 0]]),
    "the energy is the absolute value": Golden(
        {"sigma": FALLING, "rho": 0.9, "power": 1}, [[1, 1, 1, 0]], defect=[[1, 1, 0, 0]]
    ),
    "the largest wherever they stand": Golden({"sigma": FALLING[:, ::-1], "rho": 0.9}, [[0, 0, 1, 1]]),
    "signs do not matter": Golden({"sigma": FALLING * [1, -1, 1, 1], "rho": 0.9}, [[1, 1, 0, 0]]),
    "the share itself is enough": Golden({"sigma": np.ones((1, 10)), "rho": 0.9}, [[1] * 9 + [0]], defect=[[1] * 10]),
    "the share itself is enough, rounding or not": Golden(
        {"sigma": np.full((1, 10), 0.1), "rho": 0.9}, [[1] * 9 + [0]], defect=[[1] * 10]
    ),
    "of equal ones the lower index stays": Golden(
        {"sigma": np.array([[1.0, 2, 1, 2, 2]]), "rho": 0.5}, [[0, 1, 0, 1, 0]], defect=[[0, 0, 0, 1, 1]]
    ),
    "at least one": Golden({"sigma": FALLING, "rho": 0.0}, [[1, 0, 0, 0]], defect=[[0, 0, 0, 0]]),
    "all of the energy needs no zeros": Golden({"sigma": np.array([[3.0, 0, 2]]), "rho": 1.0}, [[1, 0, 1]]),
    "a head without energy keeps all": Golden({"sigma": np.zeros((1, 3)), "rho": 0.9}, [[1, 1, 1]], defect=[[1, 0, 0]]),
    "each head for itself": Golden(
        {"sigma": np.vstack([FALLING, 10 * FALLING[:, ::-1]]), "rho": 0.9},
        [[1, 1, 0, 0], [0, 0, 1, 1]],
        defect=[[0, 0, 0, 0], [0, 0, 1, 1]],
    ),
}

# Unit rows (0.6, 0.8), the second direction left out: 0.36 * 2 / sqrt(2) masked, 2 / sqrt(2) reduced.
ONE_TOKEN = {"q": np.array([[[3.0, 4]]]), "k": np.array([[[3.0, 4]]]), "kept": np.array([[True, False]])}
SPECIFIED = ONE_TOKEN | {"sigma": np.array([[2.0, 0]])}
STILL_THERE = ONE_TOKEN | {"sigma": np.array([[2.0, 1]])}
ALL_KEPT = {name: TWO_TOKENS[name] for name in "qk"} | {
    "sigma": np.array([[2.0, 1]]),
    "kept": np.array([[True, True]]),
}
# The same token in two heads, 13 long: 5 without direction 2, sqrt(160) without direction 0.
TWO_HEADS = {
    "q": np.array([[[3.0, 4, 12]]] * 2),
    "k": np.array([[[3.0, 4, 12]]] * 2),
    "sigma": np.array([[2.0, 1, 5]] * 2),
    "kept": np.array([[True, True, False], [False, True, True]]),
}
NOTHING_LEFT = STILL_THERE | {"q": np.array([[[0.0, 4]]])}

MASKED_LOGITS = {
    "lengths count every direction": Golden(SPECIFIED, [[[0.5091169]]], defect=[[[1.4142136]]]),
    "sigma is masked": Golden(STILL_THERE, [[[0.5091169]]], defect=[[[1.36 / sqrt(2)]]]),
    "sqrt(d) stays": Golden(STILL_THERE, [[[0.5091169]]], defect=[[[0.72]]]),
    "all kept is SVDA": Golden(ALL_KEPT, [SVDA_SCORES]),
    "each head for itself": Golden(TWO_HEADS, [[[0.1161533]], [[2.5143775]]], defect=[[[0.1161533]]] * 2),
    "a query with nothing left": Golden(NOTHING_LEFT, [[[0]]]),
}
REDUCED_LOGITS = {
    "lengths count what is kept": Golden(SPECIFIED, [[[1.4142136]]], defect=[[[0.5091169]]]),
    "sigma is deleted": Golden(STILL_THERE, [[[1.4142136]]], defect=[[[1.36 / sqrt(2)]]]),
    "sqrt(d) stays": Golden(STILL_THERE, [[[1.4142136]]], defect=[[[2]]]),
    "all kept is SVDA": Golden(ALL_KEPT, [SVDA_SCORES]),
    "each head for itself": Golden(TWO_HEADS, [[[0.7851964]], [[2.6558112]]], defect=[[[0.7851964]]] * 2),
    "a query with nothing left": Golden(NOTHING_LEFT, [[[0]]], defect=[[[np.nan]]]),
}

RETENTION = {
    "kept_directions": KEPT_DIRECTIONS,
    "masked_logits": MASKED_LOGITS,
    "reduced_logits": REDUCED_LOGITS,
}
