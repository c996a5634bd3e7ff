"""Curves of a sweep: what was found at each strength of an intervention, how sure it is, and where it turns."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from interpret.indicators import Key
from interpret.interventions import INTERVENTIONS, Intervention
from interpret.study.outcomes import Outcomes, Setting
from interpret.study.statistics import bootstrap_bands, paired_interval, wilson_interval

OF_QUANTITY = ("quantity", "kind", "variant", "mean", "low", "high", "n_valid")
ABOVE = 1e-9
"""Less than this above the chord is rounding."""
Values = Float[np.ndarray, "setting image"]
Bounds = tuple[Float[np.ndarray, "setting"], Float[np.ndarray, "setting"]]
Interval = Callable[[Values], Bounds]


def tidy(model: str, settings: Sequence[Setting], seen: Outcomes, draws: int = 1) -> pd.DataFrame:
    """One row for each quantity and setting: model, the setting's columns, n images, quantity, kind, variant, then
    mean, low and high (95 % interval over images) and n_valid (images where it is defined).

    Quantities are accuracy (share), accuracy_change (the share at this setting minus that of the model as it was
    loaded, on the same images), agreement (share of predictions equal to those of the model as it was loaded),
    confidence (mean probability of the predicted class) and the indicators; what needs labels is left out where there
    are none. The intervals are Wilson's of a share, Bonett and Price's of accuracy_change and a bootstrap of all else:
    where all images agree a bootstrap has no width, which is no evidence. The model is taken as given: no interval
    speaks of other trainings.

    Args:
        draws: so many settings that follow each other are one, an image's value being their mean; the intervals of
            such means are a bootstrap's.
    """
    rows = []
    for key, values, interval in _quantities(seen):
        named = dict(zip(("quantity", "kind", "variant"), key, strict=True))
        means = values.reshape(-1, draws, values.shape[-1]).mean(axis=1)
        bounds = zip(means, *(interval if draws == 1 else bootstrap_bands)(means), strict=True)
        for setting, (images, low, high) in zip(settings[::draws], bounds, strict=True):
            known = images[~np.isnan(images)]
            found = {"mean": known.mean() if len(known) else np.nan, "low": low, "high": high, "n_valid": len(known)}
            rows.append({"model": model, **setting.said, "n": len(images), **named, **found})
    return pd.DataFrame(rows)


def _quantities(seen: Outcomes) -> Iterator[tuple[Key, Values, Interval]]:
    """Each without the first setting, which is the model as it was loaded."""
    if seen.right is not None:
        right = seen.right.astype(float)
        yield ("accuracy", "", ""), right[1:], _of_share
        yield ("accuracy_change", "", ""), right[1:] - right[0], _of_change
    yield ("agreement", "", ""), seen.agrees[1:].astype(float), _of_share
    yield ("confidence", "", ""), seen.confidence[1:], bootstrap_bands
    for key, values in seen.measured.items():
        yield key, values[1:], bootstrap_bands


def _of_share(values: Values) -> Bounds:
    return _bounds(wilson_interval(row.mean(), len(row)) for row in values)


def _of_change(values: Values) -> Bounds:
    return _bounds(paired_interval(row) for row in values)


def _bounds(pairs: Iterable[tuple[float, float]]) -> Bounds:
    low, high = np.array(list(pairs)).T
    return low, high


def operating_points(table: pd.DataFrame, points: float = 1.0) -> pd.DataFrame:
    """Where the curves of one sweep turn, a row for each model, rule and layer ("all" is the whole model).

    Columns: rule, "" where there is one way; strength, its name ("tau", "rho" ...); labelled, whether labels are known;
    trained, the strength of the training; knee, the strength where accuracy bends most, after Kneedle (Satopaa et al.
    2011): the farthest above the straight line between the curve's ends, NaN where no setting beyond the most accurate
    one loses accuracy by more than its interval or the curve has no such bend; free, the strongest setting whose
    interval of accuracy_change excludes a loss of more than `points` points, NaN where there is none; change_low, the
    lower end of that interval; strongest, the strongest setting that was tried; n images. Knee and free are among the
    settings that were tried, and NaN where labels are unknown. Few images exclude little: of 128 without a change, no
    loss below 2.1 points.
    """
    table = table if "rule" in table else table.assign(rule="")
    entry = next(entry for entry in INTERVENTIONS.values() if entry.strength in table)
    apart = ["model", "rule", "layer"]
    return pd.DataFrame(
        [
            {column: curve[column].iloc[0] for column in (*apart, "n")}
            | {"strength": entry.strength, "points": points}
            | _turns(curve, entry, points)
            for _, curve in table.groupby(apart, sort=False)
        ]
    )


def whole_model(table: pd.DataFrame) -> pd.DataFrame:
    """A sweep with one row a setting of all layers at once; the mean of each quantity in a column of its name and
    variant, its interval in two more that end in "low" and "high".
    """
    found = table.loc[(table["layer"] == "all") & (table["kind"] == "")]
    told = [column for column in found if column not in OF_QUANTITY]
    rows = found.drop_duplicates(told)[told]
    for (quantity, variant), values in found.groupby(["quantity", "variant"], sort=False):
        placed = rows[told].merge(values.drop_duplicates(told), "left", told)
        name = f"{quantity} {variant}".strip()
        rows[[name, f"{name} low", f"{name} high"]] = placed[["mean", "low", "high"]].to_numpy()
    return rows.reset_index(drop=True)


def _turns(curve: pd.DataFrame, entry: Intervention, points: float) -> dict[str, float | bool]:
    strength = entry.strength
    by_strength = curve.assign(order=entry.sign * curve[strength]).sort_values("order")
    change = by_strength.loc[by_strength["quantity"] == "accuracy_change"]
    accuracy = by_strength.loc[by_strength["quantity"] == "accuracy"]
    free = change.loc[change["low"] >= -points / 100].tail(1)
    summit = int(accuracy["mean"].argmax()) if len(accuracy) else 0
    lost = bool((change["high"].iloc[summit:] < 0).any())
    return {
        "labelled": len(change) > 0,
        "trained": _one(curve.loc[curve["trained"], strength]) if "trained" in curve else np.nan,
        "knee": _knee(accuracy[strength].to_numpy(), accuracy["mean"].to_numpy(), summit) if lost else np.nan,
        "free": _one(free[strength]),
        "change_low": _one(free["low"]),
        "strongest": by_strength[strength].iloc[-1],
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
