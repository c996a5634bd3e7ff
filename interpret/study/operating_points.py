"""Where the curves of a sweep turn."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from interpret.foundation.errors import InterpretError
from interpret.interventions import INTERVENTIONS
from interpret.study.quantities import POINTS

ABOVE = 1e-9
"""Less than this above the chord is rounding."""


def operating_points(table: Any, points: float = 1.0) -> pd.DataFrame:
    """Where the curves of sweeps turn, a row for each model, intervention, rule and layer ("all" is the whole model).

    Columns: labelled, whether labels are known; trained, the strength of the training; knee, the strength where
    accuracy bends most, after Kneedle (Satopaa et al. 2011): the farthest above the straight line between the curve's
    ends, NaN where no setting beyond the most accurate one loses accuracy by more than its interval or the curve has no
    such bend; free, the strongest setting whose 95 % interval of accuracy_change lies above -`points` points, NaN where
    there is none; change_low, the lower end of that interval; strongest, the strongest one tried; n images. Knee and
    free are among the settings that were tried, and NaN where labels are unknown. Few images exclude little:
    where none of n changes, `unseen_share`, about 3 / n, and only a setting that is the model itself by construction,
    as its own tau is, does better.

    Args:
        table: of `sweep`, or several of them joined.
        points: the loss of accuracy in question, in percentage points.

    Raises:
        InterpretError: a table of something else.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> table = interpret.sweep(vit, data[:4], "threshold", [0.0, 0.01], indicators=[])
        >>> interpret.operating_points(table)[["intervention", "rule", "strongest", "n"]]
          intervention  rule  strongest  n
        0    threshold  hard       0.01  4
    """
    apart = ["model", "intervention", "rule", "layer"]
    if not isinstance(table, pd.DataFrame) or not {*apart, "strength", "quantity"} <= set(table):
        raise InterpretError("operating_points takes the table of sweep, or several of them joined")
    return pd.DataFrame(
        [
            {column: curve[column].iloc[0] for column in (*apart, "n")} | {"points": points} | _turns(curve, points)
            for _, curve in table.groupby(apart, sort=False)
        ]
    )


def _turns(curve: pd.DataFrame, points: float) -> dict[str, float | bool]:
    sign = INTERVENTIONS[curve["intervention"].iloc[0]].sign
    by_strength = curve.assign(order=sign * curve["strength"]).sort_values("order")
    change = by_strength.loc[by_strength["quantity"] == "accuracy_change"]
    accuracy = by_strength.loc[by_strength["quantity"] == "accuracy"]
    free = change.loc[change["low"] >= -points / POINTS].tail(1)
    summit = int(accuracy["mean"].argmax()) if len(accuracy) else 0
    lost = bool((change["high"].iloc[summit:] < 0).any())
    return {
        "labelled": len(change) > 0,
        "trained": _one(curve.loc[curve["trained"], "strength"]),
        "knee": _knee(accuracy["strength"].to_numpy(), accuracy["mean"].to_numpy(), summit) if lost else np.nan,
        "free": _one(free["strength"]),
        "change_low": _one(free["low"]),
        "strongest": by_strength["strength"].iloc[-1],
    }


def _one(values: pd.Series) -> float:
    return float(values.iloc[0]) if len(values) else np.nan


def _knee(strength: Float[np.ndarray, "setting"], accuracy: Float[np.ndarray, "setting"], summit: int) -> float:
    """Both axes scaled to [0, 1], settings from the weakest to the strongest, accuracy from the lowest to the highest.

    NaN for a curve that is flat, or from its summit on nowhere above the line between its ends.
    """
    if np.ptp(strength) == 0 or np.ptp(accuracy) == 0:
        return np.nan
    along = (strength - strength[0]) / (strength[-1] - strength[0])
    height = (accuracy - accuracy.min()) / np.ptp(accuracy)
    chord = height[0] + (height[-1] - height[0]) * along
    above = (height - chord)[summit:]
    return float(strength[summit + np.argmax(above)]) if above.max() > ABOVE else np.nan
