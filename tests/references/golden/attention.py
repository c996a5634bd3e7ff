"""Golden numbers of the indicators of attention matrices, and of the queries and keys behind them."""

from math import log

import numpy as np

from tests.references.golden.case import Golden
from tests.references.golden.mechanisms import SVDA_PROBS, TWO_TOKENS

ZERO = np.zeros((2, 2))
SELECTIVE = np.array([[0.9, 0.1], [0.2, 0.8]])

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

FOUR_SHARES = np.array([[0.7, 0.2, 0.1, 0]])
# Defects: ln of the three keys that are not zero, Treves-Rolls, Gini, a zero row as entropy 0, rows as they are.
SELECTIVITY_INDEX = {
    "four shares": Golden({"weights": FOUR_SHARES}, 0.4216102, defect=1 - 0.8018186 / log(3)),
    "is not Treves-Rolls": Golden({"weights": FOUR_SHARES}, 0.4216102, defect=0.7160494),
    "is not Gini's coefficient": Golden({"weights": FOUR_SHARES}, 0.4216102, defect=0.55),
    "one, two and three keys": Golden({"weights": ENTROPY_ROWS}, 1 - 0.5436433),
    "uniform": Golden({"weights": np.full((4, 4), 0.25)}, 0),
    "one key a query": Golden({"weights": np.eye(4)}, 1),
    "a single key": Golden({"weights": np.ones((2, 1))}, 1, defect=np.nan),
    "zero rows are left out": Golden(
        {"weights": np.vstack([ENTROPY_ROWS, np.zeros(3)])}, 1 - 0.5436433, defect=1 - 0.5436433 * 3 / 4
    ),
    "rows are renormalised": Golden({"weights": FOUR_SHARES * 0.5}, 0.4216102, defect=0.4608051),
    "undefined when every row is zero": Golden({"weights": ZERO}, np.nan),
}

BEFORE = np.array([[0.7, 0.3], [0.5, 0.5]])
AFTER = np.array([[0.6, 0.4], [0.55, 0.45]])
FIRST, SECOND = np.array([[1.0], [0]]), np.array([[0.0], [1]])
# Total variations 0.1 and 0.05. Defects: Frobenius, l1 not halved, rows as they are, a row left as it is or unchanged.
PERTURBATION_ROBUSTNESS = {
    "0.1 and 0.05 moved": Golden({"before": BEFORE, "after": AFTER}, 0.925, defect=0.8478548),
    "half of l1": Golden({"before": BEFORE, "after": AFTER}, 0.925, defect=0.85),
    "nothing moved": Golden({"before": BEFORE, "after": BEFORE}, 1),
    "everything moved": Golden({"before": np.eye(2), "after": np.eye(2)[::-1]}, 0),
    "rows are renormalised": Golden({"before": BEFORE * 0.5, "after": AFTER}, 0.925, defect=0.75),
    "zero rows before are left out": Golden({"before": BEFORE * FIRST, "after": AFTER}, 0.9, defect=0.7),
    "zero rows after are left out": Golden({"before": BEFORE, "after": AFTER * SECOND}, 0.95, defect=0.975),
    "undefined when no row is left": Golden({"before": BEFORE * FIRST, "after": AFTER * SECOND}, np.nan),
}

GRID = {"rows": 2, "cols": 2, "patch": 16, "prefix": 1}
IMAGENET_GRID = {"rows": 14, "cols": 14, "patch": 16, "prefix": 1}


def _links(tokens: int, *links: tuple[int, int]) -> np.ndarray:
    weights = np.zeros((tokens, tokens))
    for query, key in links:
        weights[query, key] = 1 / sum(other == query for other, _ in links)
    return weights


# Of four patches, one sees CLS and its neighbour, 16 pixels away, and three see CLS only.
MOSTLY_CLS = _links(5, (1, 0), (1, 2), (2, 0), (3, 0), (4, 0))
ATTENTION_DISTANCE = {
    "uniform, rows are renormalised without CLS": Golden(
        {"weights": np.full((5, 5), 0.2)} | GRID, 13.6568542, defect=10.9254834
    ),
    "uniform, no prefix": Golden({"weights": np.full((4, 4), 0.25)} | GRID | {"prefix": 0}, 13.6568542),
    "uniform, CLS and four registers": Golden({"weights": np.full((9, 9), 1 / 9)} | GRID | {"prefix": 5}, 13.6568542),
    "every patch to itself": Golden({"weights": np.eye(5)} | GRID, 0),
    "uniform on 14 x 14": Golden({"weights": np.full((197, 197), 1 / 197)} | IMAGENET_GRID, 116.4922271),
    "corner to corner": Golden(
        {"weights": _links(197, (1, 196))} | IMAGENET_GRID, 294.1564210, defect=294.1564210 / 196
    ),
    "the grid is counted row by row": Golden(
        {"weights": _links(6, (0, 3)), "rows": 2, "cols": 3, "patch": 16, "prefix": 0}, 16, defect=16 * 2**0.5
    ),
    "a query that sees CLS alone is left out": Golden({"weights": MOSTLY_CLS} | GRID, 16, defect=4),
    "undefined when every query sees CLS alone": Golden({"weights": np.eye(5)[[0] * 5]} | GRID, np.nan),
}

# alpha = 0.5666667, 0.2666667, 0.1666667; without the second query 0.6, 0.25, 0.15.
SINK = np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])
SINK_SHARE = {
    "three queries": Golden({"weights": SINK}, 0.5666667, defect=0.8),
    "a sink other than CLS": Golden({"weights": SINK[:, [2, 0, 1]]}, 0.5666667, defect=0.1666667),
    "the mean comes before the maximum": Golden({"weights": np.eye(3)}, 1 / 3, defect=1),
    "uniform": Golden({"weights": np.full((4, 4), 0.25)}, 0.25),
    "zero rows are left out": Golden({"weights": SINK * [[1], [0], [1]]}, 0.6, defect=0.4),
    "rows are renormalised": Golden({"weights": SINK * [[1], [0.5], [1]]}, 0.5666667, defect=1.45 / 3),
    "undefined when every row is zero": Golden({"weights": ZERO}, np.nan),
}

# Defects: the mean of each row (or 1/N) taken off, the root of the product of the 1- and inf-norms, zero rows left out.
RANK_COLLAPSE = {
    "selective": Golden({"weights": SELECTIVE}, 0.5715476, defect=0.5773503),
    "rows that sum to anything": Golden({"weights": np.array([[1.0, 2], [3, 2], [2, 5]])}, 0.4125685, defect=0.3563483),
    "rows are not renormalised": Golden({"weights": np.array([[1.0, 2], [3, 2], [2, 5]])}, 0.4125685, defect=0.2623580),
    "every query attends alike": Golden({"weights": SELECTIVE[[0, 0]]}, 0),
    "every query to itself": Golden({"weights": np.eye(2)}, 0.5**0.5),
    "zero rows are rows": Golden({"weights": np.array([[0.5, 0.5], [0, 0]])}, 0.5**0.5, defect=0),
    "undefined for zero": Golden({"weights": ZERO}, np.nan),
}

# Cosines: identity and uniform, uniform and swap 0.7071068, identity and swap 0.
IDENTITY, UNIFORM, SWAP = np.eye(2), np.full((2, 2), 0.5), np.eye(2)[::-1]
HEAD_SIMILARITY = {
    "a head is not compared with itself": Golden(
        {"layer": np.array([IDENTITY, UNIFORM, SWAP])},
        [0.3535534, 0.7071068, 0.3535534],
        defect=[0.5690356, 0.8047379, 0.5690356],
    ),
    "the matrices are flattened": Golden(
        {"layer": np.array([SELECTIVE, IDENTITY])}, [0.9814955, 0.9814955], defect=[0.9820131, 0.9820131]
    ),
    "size does not matter": Golden({"layer": np.array([SELECTIVE, 2 * SELECTIVE])}, [1, 1]),
    "nothing in common": Golden({"layer": np.array([IDENTITY, SWAP])}, [0, 0]),
    "undefined for a single head": Golden({"layer": np.array([IDENTITY])}, [np.nan], defect=[1]),
    "a zero head is left out of the others": Golden(
        {"layer": np.array([IDENTITY, UNIFORM, ZERO])},
        [0.7071068, 0.7071068, np.nan],
        defect=[0.3535534, 0.3535534, np.nan],
    ),
    "undefined beside zero heads alone": Golden({"layer": np.array([IDENTITY, ZERO])}, [np.nan, np.nan]),
}

# Cosines 0.8, 0.96; 0, 0.8. Defects: a query with its own key only, zero vectors left out, the sign.
QK = {name: TWO_TOKENS[name][0] for name in "qk"}
OPPOSED = QK | {"k": QK["k"] * [[-1], [1]]}
HALF_ZERO = QK | {"q": QK["q"] * FIRST}
ANGULAR_ALIGNMENT = {
    "every query with every key": Golden(QK, 0.64, defect=0.8),
    "lengths do not matter": Golden({"q": QK["q"] * [[7], [0.1]], "k": QK["k"] * 3}, 0.64),
    "opposed keys count against": Golden(OPPOSED, 0.24, defect=0.64),
    "a zero query has cosine 0": Golden(HALF_ZERO, 0.44, defect=0.88),
    "zero throughout": Golden({"q": ZERO, "k": ZERO}, 0, defect=np.nan),
}
ANGULAR_ALIGNMENT_ABS = {
    "every query with every key": Golden(QK, 0.64, defect=0.8),
    "opposed keys count": Golden(OPPOSED, 0.64, defect=0.24),
    "a zero query has cosine 0": Golden(HALF_ZERO, 0.44, defect=0.88),
}
# Means of the two queries: 0.8977992 and 0.6048735.
ANGULAR_ALIGNMENT_WEIGHTED = {
    "by what SVDA attends to": Golden(QK | {"weights": SVDA_PROBS}, 0.7513363, defect=0.64),
    "rows are renormalised": Golden(QK | {"weights": SVDA_PROBS * 0.5}, 0.7513363, defect=0.7513363 / 2),
    "zero rows are left out": Golden(QK | {"weights": SVDA_PROBS * FIRST}, 0.8977992, defect=0.8977992 / 2),
    "a zero query has cosine 0": Golden(HALF_ZERO | {"weights": SVDA_PROBS}, 0.4488996, defect=0.8977992),
    "the sign counts": Golden(OPPOSED | {"weights": np.eye(2)}, 0, defect=0.8),
    "undefined when every row is zero": Golden(QK | {"weights": ZERO}, np.nan),
}

# Of queries 0.6, 0.8; 1, 0 the second moment times d is 1.36, 0.48; 0.48, 0.64: its entries less those of I are 0.36 or
# 0.48 in size. Defects: without the root of d, without the factor d, lengths as they are, zero vectors left out.
TALL = np.array([[1.0, 0, 0, 0]] * 3)
ORTHOGONALITY_DEFECT = {
    "two queries": Golden({"vectors": QK["q"]}, 0.6, defect=0.8485281),
    "two keys": Golden({"vectors": QK["k"]}, 0.6, defect=0.5830952),
    "lengths do not matter": Golden({"vectors": QK["q"] * [[7], [0.1]]}, 0.6, defect=865.5015309),
    "every direction alike": Golden({"vectors": np.vstack([np.eye(3), -2 * np.eye(3)])}, 0, defect=0.6666667),
    "one direction of four": Golden({"vectors": TALL}, 3**0.5),
    "a zero vector counts": Golden({"vectors": np.array([[3.0, 4], [0, 0]])}, 0.5**0.5, defect=1),
    "zero throughout": Golden({"vectors": ZERO}, 1, defect=np.nan),
}

# Medians 11.5 and 1 (of norms), so z = -1.01, 0.34, -0.34, 32.7. Defects: z of mean and standard deviation, which is
# 1.73 at most of four; MAD as it is; the prefix counted; the lower of the two medians; 1 token instead of its share.
NORMS = np.array([[10.0], [12], [11], [60]])
REGISTER_SHARE = {
    "one of four": Golden({"tokens": NORMS}, 0.25, defect=0),
    "a lower cutoff": Golden({"tokens": NORMS, "z": 0.3}, 0.5, defect=0.25),
    "the MAD is scaled": Golden({"tokens": np.array([[10.0], [12], [11], [18.5]])}, 0, defect=0.25),
    "low norms are no registers": Golden({"tokens": 61 - NORMS}, 0, defect=0.25),
    "norms of vectors": Golden({"tokens": NORMS * [[0.6, -0.8]]}, 0.25),
    "the prefix is left out": Golden({"tokens": np.vstack([[[500.0]], NORMS]), "prefix": 1}, 0.25, defect=0.4),
    "undefined where most norms are one": Golden({"tokens": np.array([[1.0], [1], [1], [60]])}, np.nan, defect=0.25),
}

ATTENTION = {
    "attention_entropy": ATTENTION_ENTROPY,
    "selectivity_index": SELECTIVITY_INDEX,
    "perturbation_robustness": PERTURBATION_ROBUSTNESS,
    "attention_distance": ATTENTION_DISTANCE,
    "sink_share": SINK_SHARE,
    "rank_collapse": RANK_COLLAPSE,
    "head_similarity": HEAD_SIMILARITY,
    "angular_alignment": ANGULAR_ALIGNMENT,
    "angular_alignment_abs": ANGULAR_ALIGNMENT_ABS,
    "angular_alignment_weighted": ANGULAR_ALIGNMENT_WEIGHTED,
    "orthogonality_defect": ORTHOGONALITY_DEFECT,
    "register_share": REGISTER_SHARE,
}
