"""Golden numbers of the attributions: two or three tokens, every one of them in the expected row."""

from typing import Any

import numpy as np

from tests.references.golden.case import Golden


def _one_head(*matrices: Any) -> np.ndarray:
    return np.array(matrices, dtype=float)[:, None]


# Three tokens: CLS and two patches.
CLS = np.array([1.0, 0, 0])
A1 = [[0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.4, 0.2, 0.4]]
A2 = [[0.6, 0.1, 0.3], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]
HEAD_PAIR = np.array([[[[0.7, 0.3], [0.4, 0.6]], [[0.1, 0.9], [0.8, 0.2]]]])

CLS_ATTENTION = {
    "one head of the last layer": Golden(
        {"weights": HEAD_PAIR, "readout": np.array([1.0, 0]), "layer": -1, "head": 1}, [0.1, 0.9]
    ),
    "the mean over heads": Golden(
        {"weights": HEAD_PAIR, "readout": np.array([1.0, 0]), "layer": 0, "head": None}, [0.4, 0.6]
    ),
    "one layer of several": Golden({"weights": _one_head(A1, A2), "readout": CLS, "layer": 0, "head": 0}, A1[0]),
    "average pooling reads the mean of the patch rows": Golden(
        {"weights": _one_head(A1), "readout": np.array([0, 0.5, 0.5]), "layer": 0, "head": 0}, [0.25, 0.5, 0.25]
    ),
    "CLS and distillation token read the mean of their rows": Golden(
        {"weights": _one_head(A1), "readout": np.array([0.5, 0.5, 0]), "layer": 0, "head": 0}, [0.15, 0.65, 0.2]
    ),
}

# Max fusion [[.7, .9], [.8, .6]] and min fusion [[.1, .3], [.4, .2]], then + I and divided by the row sum.
FUSED = {"max": [[0.6538462, 0.3461538], [1 / 3, 2 / 3]], "min": [[0.7857143, 0.2142857], [0.25, 0.75]]}
# floor(9 * 0.4) = 3 lowest: the two 0.1 of row 1, and the protected 0.2 at index 0; the later 0.2 stays.
DISCARDED = [[0.6, 0.25, 0.15], [0, 1, 0], [0.2, 0.1, 0.7]]
DIVIDED_BY_THE_WRONG_ROW = [[0.6, 0.2777778, 0.15], [0, 1, 0], [0.2, 0.1111111, 0.7]]

ROLLOUT = (
    {
        "later layers multiply on the left": Golden(
            {"weights": _one_head(A1, A2), "readout": CLS}, [0.5125, 0.26, 0.2275], defect=[0.5325, 0.2075, 0.26]
        ),
        "the residual is added": Golden(
            {"weights": _one_head(A1, A2), "readout": CLS}, [0.5125, 0.26, 0.2275], defect=[0.25, 0.44, 0.31]
        ),
        "starts at the layer asked for": Golden(
            {"weights": _one_head(A1, A2), "readout": CLS, "start_layer": 1}, [0.8, 0.05, 0.15]
        ),
        "a row without attention passes itself on": Golden(
            {"weights": _one_head([[0, 0], [0.5, 0.5]]), "readout": np.array([1.0, 0])}, [1, 0], defect=[0.5, 0]
        ),
    }
    | {
        f"{fusion} fusion, token {token}": Golden(
            {"weights": HEAD_PAIR, "readout": np.eye(2)[token], "fusion": fusion}, FUSED[fusion][token]
        )
        for fusion in FUSED
        for token in range(2)
    }
    | {
        f"lowest entries discarded, token {token}": Golden(
            {"weights": _one_head(A1), "readout": np.eye(3)[token], "discard_ratio": 0.4},
            DISCARDED[token],
            defect=None if token == 1 else DIVIDED_BY_THE_WRONG_ROW[token],
        )
        for token in range(3)
    }
    # floor(9 * 0.6) = 5 lowest: 0.1 and 0.1 of row 1, 0.2 of CLS to itself, 0.2 of row 2, 0.3 of row 0.
    | {
        "the row of CLS is protected": Golden(
            {"weights": _one_head(A1), "readout": CLS, "discard_ratio": 0.6, "protect": "cls_row"},
            [0.6, 0.25, 0.15],
            defect=[1.2 / 1.7, 0.5 / 1.7, 0],
        ),
        "the row of CLS is not protected": Golden(
            {"weights": _one_head(A1), "readout": CLS, "discard_ratio": 0.6}, [1.2 / 1.7, 0.5 / 1.7, 0]
        ),
        "the column of CLS is protected": Golden(
            {"weights": _one_head(A1), "readout": np.eye(3)[1], "discard_ratio": 0.6, "protect": "cls_col"},
            [0.1 / 1.9, 1.8 / 1.9, 0],
            defect=[0, 1, 0],
        ),
    }
)

# Fused [[.5, 0], [0, 0]] with the ReLU after the mean over heads, [[.5, .5], [0, 0]] with the ReLU before it.
GRADIENT_ROLLOUT = {
    "the ReLU comes after the mean over heads": Golden(
        {
            "weights": np.full((1, 2, 2, 2), 0.5),
            "gradients": np.array([[[[1.0, 2], [0, 0]], [[1, -2], [0, 0]]]]),
            "readout": np.array([1.0, 0]),
        },
        [1, 0],
        defect=[0.75, 0.25],
    ),
    "gradients weigh the attention": Golden(
        {"weights": _one_head([[0.5, 0.5], [0.5, 0.5]]), "gradients": _one_head([[0, 2], [0, -4]])}
        | {"readout": np.array([1.0, 0])},
        [0.5, 0.5],
    ),
    "evidence against the class is left out": Golden(
        {"weights": _one_head([[0.5, 0.5], [0.5, 0.5]]), "gradients": _one_head([[0, 2], [-4, 0]])}
        | {"readout": np.array([0, 1.0])},
        [0, 1],
        defect=[2 / 3, 1 / 3],
    ),
    "later layers multiply on the left": Golden(
        {"weights": _one_head(A1, A2), "gradients": np.ones((2, 1, 3, 3)), "readout": CLS}, [0.5125, 0.26, 0.2275]
    ),
    "lowest entries discarded": Golden(
        {"weights": _one_head(A1), "gradients": np.ones((1, 1, 3, 3)), "readout": np.eye(3)[1], "discard_ratio": 0.4},
        DISCARDED[1],
        defect=[0.05, 0.9, 0.05],
    ),
}

B1 = [[0, 0.2, 0.1], [0, 0, 0.3], [0, 0, 0]]
B2 = [[0, 0.5, 0.4], [0, 0, 0], [0.1, 0, 0]]
RELEVANCE = {
    "added up without row normalisation": Golden(
        {"weights": _one_head(B1, B2), "gradients": np.ones((2, 1, 3, 3)), "readout": CLS},
        [1, 0.7, 0.65],
        defect=[1 - 0.2834008 - 0.3117409, 0.2834008, 0.3117409],
    ),
    "the ReLU comes before the mean over heads": Golden(
        GRADIENT_ROLLOUT["the ReLU comes after the mean over heads"].inputs, [1.5, 0.5], defect=[1.5, 0]
    ),
}

# Tokens x channels, token 0 is CLS.
FEATURES = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
FEATURE_GRADIENT = np.array([[1.0, 0, 2], [0, 1, -1], [3, 0, 0]])
GRAD_CAM = {
    "patches only": Golden({"features": FEATURES[1:], "gradient": FEATURE_GRADIENT[1:]}, [5.5, 10], defect=[9, 15]),
    "every token": Golden({"features": FEATURES, "gradient": FEATURE_GRADIENT}, [3, 9, 15], defect=[8, 10, 12]),
    "before the ReLU": Golden({"features": FEATURES[1:], "gradient": -FEATURE_GRADIENT[1:]}, [-5.5, -10]),
}

ATTRIBUTIONS = {
    "cls_attention": CLS_ATTENTION,
    "rollout": ROLLOUT,
    "gradient_rollout": GRADIENT_ROLLOUT,
    "relevance": RELEVANCE,
    "grad_cam": GRAD_CAM,
}
