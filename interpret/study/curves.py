"""The table of a sweep: what was found at each strength of an intervention, and how sure it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from interpret.indicators import Key
from interpret.study.outcomes import Outcomes, Setting
from interpret.study.statistics import bootstrap_bands, paired_interval, wilson_interval

OF_SETTING = ("model", "intervention", "rule", "strength", "layer", "trained", "n")
OF_QUANTITY = ("quantity", "kind", "variant", "mean", "low", "high", "n_valid")
Values = Float[np.ndarray, "setting image"]
Bounds = tuple[Float[np.ndarray, "setting"], Float[np.ndarray, "setting"]]
Interval = Callable[[Values], Bounds]


def tidy(model: str, settings: Sequence[Setting], outcomes: Outcomes, draws: int = 1) -> pd.DataFrame:
    """One row for each quantity and setting: model, the setting's columns, n images, quantity, kind, variant, then
    mean, low and high (95 % interval over images) and n_valid (images where it is defined).

    Quantities are accuracy (share), accuracy_change (the share at this setting minus that of the model as it was
    loaded, on the same images), agreement (share of predictions equal to those of the model as it was loaded),
    confidence (mean probability of the predicted class), value (mean of the only output) and the indicators; what needs
    labels or classes is left out where there are none. The intervals are Wilson's of a share, those of
    `paired_interval` of accuracy_change and a bootstrap of all else. Where no image changes, a bootstrap would have no
    width, which is no evidence: accuracy_change is exactly zero only where the setting leaves the model the same
    function by construction, as its own tau does. The model is taken as given: no interval speaks of other trainings.

    Args:
        draws: so many settings that follow each other are one, an image's value being their mean; Wilson's interval
            is then wider than need be.
    """
    settings = settings[::draws]
    rows = []
    for key, values, interval in _quantities(outcomes):
        named = dict(zip(("quantity", "kind", "variant"), key, strict=True))
        means = values.reshape(-1, draws, values.shape[-1]).mean(axis=1)
        for setting, images, *bounds in zip(settings, means, *interval(means), strict=True):
            known = images[~np.isnan(images)]
            exact = named["quantity"] == "accuracy_change" and setting.unchanged
            low, high = (0.0, 0.0) if exact else bounds
            summary = {"mean": known.mean() if len(known) else np.nan, "low": low, "high": high, "n_valid": len(known)}
            rows.append({"model": model, **setting.columns, "n": len(images), **named, **summary})
    return pd.DataFrame(rows)


def _quantities(outcomes: Outcomes) -> Iterator[tuple[Key, Values, Interval]]:
    """Each without the first setting, which is the model as it was loaded."""
    if outcomes.right is not None:
        right = outcomes.right.astype(float)
        yield ("accuracy", "", ""), right[1:], _of_share
        yield ("accuracy_change", "", ""), right[1:] - right[0], _of_change
    if outcomes.agrees is not None:
        yield ("agreement", "", ""), outcomes.agrees[1:].astype(float), _of_share
    for name in ("confidence", "value"):
        if (values := getattr(outcomes, name)) is not None:
            yield (name, "", ""), values[1:], bootstrap_bands
    for key, values in outcomes.measured.items():
        yield key, values[1:], bootstrap_bands


def _of_share(values: Values) -> Bounds:
    return _bounds(wilson_interval(row.mean(), len(row)) for row in values)


def _of_change(values: Values) -> Bounds:
    return _bounds(paired_interval(row) for row in values)


def _bounds(pairs: Iterable[tuple[float, float]]) -> Bounds:
    low, high = np.array(list(pairs)).T
    return low, high


def whole_model(table: pd.DataFrame, intervention: str) -> pd.DataFrame:
    """The sweep of one intervention with one row a setting of all layers at once; the mean of each quantity in a column
    of its name and variant, its interval in two more that end in "low" and "high".
    """
    swept = of_intervention(table, intervention)
    if swept.empty:
        return swept
    swept = swept.loc[(swept["layer"] == "all") & (swept["kind"] == "")]
    setting = [column for column in swept if column not in OF_QUANTITY]
    rows = swept.drop_duplicates(setting)[setting]
    for (quantity, variant), values in swept.groupby(["quantity", "variant"], sort=False):
        placed = rows[setting].merge(values.drop_duplicates(setting), "left", setting)
        name = f"{quantity} {variant}".strip()
        rows[[name, f"{name} low", f"{name} high"]] = placed[["mean", "low", "high"]].to_numpy()
    return rows.reset_index(drop=True)


def of_intervention(table: pd.DataFrame, intervention: str) -> pd.DataFrame:
    """The rows of one intervention, without the facts that only others have."""
    if table.empty:
        return table
    rows = table.loc[table["intervention"] == intervention]
    facts = [column for column in rows if column not in (*OF_SETTING, *OF_QUANTITY)]
    return rows.drop(columns=[fact for fact in facts if rows[fact].isna().all()])
