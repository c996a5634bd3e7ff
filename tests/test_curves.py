"""Where a sweep turns, on curves whose turning points are known."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal

from interpret.study.curves import tidy, whole_model
from interpret.study.operating_points import operating_points
from interpret.study.outcomes import AS_LOADED, Outcomes, Setting
from interpret.study.statistics import images_to_exclude, paired_interval, unseen_share, wilson_interval

TAUS = (0.0, 0.1, 0.2, 0.3, 0.4)
COUNT = 1000


def sweep(right: list[int], strengths: tuple[float, ...] = TAUS, intervention: str = "threshold") -> pd.DataFrame:
    """A sweep in which of 1000 images, 900 right as loaded, so many are right at each strength; wrong ones first."""
    lost = np.array([900, *right])
    predicted = (np.arange(COUNT) >= COUNT - lost[:, None]).astype(int)
    confidence = np.full(predicted.shape, 0.5)
    seen = Outcomes(predicted, confidence, None, {("sparsity", "", ""): confidence}, np.ones(COUNT, dtype=int))
    settings = [setting(value, intervention, trained=value == 0.1) for value in strengths]
    return tidy("model", settings, seen)


def setting(strength: float, intervention: str = "threshold", *, trained: bool = False, same: bool = False) -> Setting:
    columns = {"intervention": intervention, "rule": "", "strength": strength, "layer": "all", "trained": trained}
    return Setting(columns, AS_LOADED.scope, unchanged=same)


def test_every_mean_carries_the_interval_of_its_kind():
    table = sweep([900, 890, 600, 300, 0]).query("strength == 0.2").set_index("quantity")
    assert_allclose(table["mean"].to_dict()["accuracy"], 0.6)
    assert_allclose(table.loc["accuracy", ["low", "high"]].astype(float), wilson_interval(0.6, COUNT))
    change = np.repeat([0.0, -1.0, 0.0], [100, 300, 600])
    assert_allclose(table.loc["accuracy_change", ["low", "high"]].astype(float), paired_interval(change))
    assert_allclose(table.loc["agreement", ["mean", "low", "high"]].astype(float), [0.7, *wilson_interval(0.7, COUNT)])
    assert_allclose(table.loc["sparsity", ["mean", "low", "high"]].astype(float), 0.5)
    assert set(table["n_valid"]) == {COUNT}


def test_without_labels_only_agreement_is_told():
    predicted = np.array([[0, 0], [0, 1]])
    table = tidy("model", [setting(0.1)], Outcomes(predicted, predicted / 2, None, {}, None))
    assert list(table["quantity"]) == ["agreement", "confidence"]
    assert_allclose(table["mean"], [0.5, 0.25])
    row = operating_points(table).iloc[0]
    assert row[["knee", "free", "change_low"]].isna().all()


def test_the_free_tau_excludes_the_loss_and_the_knee_is_where_accuracy_bends():
    row = operating_points(sweep([900, 899, 899, 600, 300])).iloc[0]
    assert (row["free"], row["knee"], row["strongest"], row["trained"]) == (0.2, 0.2, 0.4, 0.1)
    assert row["change_low"] > -0.01
    assert_array_equal(row[["model", "layer", "intervention"]], ["model", "all", "threshold"])


def test_a_loss_that_is_not_excluded_is_not_free():
    table = sweep([900, 893, 880, 600, 300])
    assert operating_points(table, points=1.0).iloc[0]["free"] == 0.0
    assert operating_points(table, points=1.5).iloc[0]["free"] == 0.1
    assert operating_points(table, points=5.0).iloc[0]["free"] == 0.2
    assert np.isnan(operating_points(table, points=0.1).iloc[0]["free"])


def test_a_curve_that_loses_nothing_beyond_its_interval_has_no_knee():
    row = operating_points(sweep([900, 900, 899, 899, 899])).iloc[0]
    assert np.isnan(row["knee"])
    assert row["free"] == 0.4


def test_a_curve_that_falls_at_once_or_has_one_setting_has_no_knee():
    for right, taus in (([900, 500, 300, 150, 100], TAUS), ([100], (0.4,)), ([100, 100], (0.3, 0.4))):
        assert np.isnan(operating_points(sweep(right, taus)).iloc[0]["knee"])


def test_a_loss_before_the_summit_is_no_knee():
    assert np.isnan(operating_points(sweep([500, 700, 850, 860, 900])).iloc[0]["knee"])
    assert operating_points(sweep([500, 700, 900, 880, 400])).iloc[0]["knee"] == 0.3
    assert operating_points(sweep([500, 890, 900, 850, 600])).iloc[0]["knee"] == 0.2


def test_two_variants_of_a_quantity_have_a_column_each():
    table = sweep([900, 890, 600, 300, 0])
    other = table[table["quantity"] == "sparsity"].assign(variant="rows=cls", mean=0.25)
    wide = whole_model(pd.concat([table, other]), "threshold")
    assert_allclose(wide["sparsity"], 0.5)
    assert_allclose(wide["sparsity rows=cls"], 0.25)
    bounds = table[table["quantity"] == "accuracy_change"]
    assert_allclose(wide["accuracy_change low"], bounds["low"])
    assert_allclose(wide["accuracy_change high"], bounds["high"])


def test_rho_counts_from_one_downwards():
    row = operating_points(sweep([0, 500, 899, 900], (0.25, 0.5, 0.75, 1.0), "sigma_retention")).iloc[0]
    assert (row["free"], row["knee"], row["strongest"]) == (0.75, 0.75, 0.25)
    assert np.isnan(row["trained"])


def test_one_row_a_setting_holds_every_mean():
    table = sweep([900, 890, 600, 300, 0])
    others = [table.assign(layer="0", mean=-1.0), table.assign(model="other"), table.assign(intervention="toy")]
    wide = whole_model(pd.concat([table, *others]), "threshold")
    assert len(wide) == 2 * len(TAUS)
    assert_allclose(wide["accuracy"].iloc[:5], [0.9, 0.89, 0.6, 0.3, 0])
    assert_allclose(wide["sparsity"], 0.5)
    assert list(wide["trained"].iloc[:5]) == [False, True, False, False, False]


def test_where_nothing_changed_only_the_same_function_is_exactly_zero():
    """Of n images without a change, a share of 1 - 0.05^(1 / n) may change: 3 / n, the rule of three."""
    predicted = np.ones((3, 128), dtype=int)
    seen = Outcomes(predicted, predicted * 0.5, None, {}, np.ones(128, dtype=int))
    table = tidy("model", [setting(0.1, same=True), setting(0.2)], seen).query("quantity == 'accuracy_change'")
    bound = 1 - 0.05 ** (1 / 128)
    assert_allclose(table[["mean", "low", "high"]].astype(float), [[0, 0, 0], [0, -bound, bound]], atol=1e-12)
    assert_allclose(bound, 3 / 128, rtol=0.02)
    assert_array_equal(operating_points(tidy("model", [setting(0.1, same=True), setting(0.2)], seen))["free"], [0.1])


def test_the_fewest_images_that_exclude_a_loss():
    assert images_to_exclude(0.01) == 299
    for share in (0.005, 0.01, 0.05, 0.3):
        count = images_to_exclude(share)
        assert unseen_share(count) <= share < unseen_share(count - 1)


def test_draws_that_agree_are_no_evidence_of_no_change():
    """The mean of two draws: a bootstrap of equal values would have no width."""
    predicted = np.ones((5, 50), dtype=int)
    predicted[4, :10] = 0
    seen = Outcomes(predicted, predicted * 0.5, None, {}, np.ones(50, dtype=int))
    table = tidy("model", [setting(each) for each in (0.1, 0.1, 0.2, 0.2)], seen, draws=2)
    still, moved = table.query("quantity == 'accuracy_change'")[["mean", "low", "high"]].to_numpy(dtype=float)
    assert_allclose(still, [0, -unseen_share(50), unseen_share(50)])
    assert_allclose(moved[0], -0.1)
    assert moved[1] < -0.1 < moved[2]


def test_one_draw_of_one_image_is_no_narrower_than_none():
    differences = np.zeros(128)
    differences[0] = -1 / 8
    low, high = paired_interval(differences)
    assert high - low >= 2 * unseen_share(128)
    assert low < -unseen_share(128)
