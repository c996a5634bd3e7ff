"""Intervals and paired tests, against scipy and by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest, bootstrap

from interpret.study.statistics import (
    bootstrap_bands,
    bootstrap_interval,
    holm,
    paired_interval,
    seed_interval,
    sign_flip_p,
)


def test_of_one_seed_the_interval_is_scipys_percentile_bootstrap_over_images():
    values = (np.random.default_rng(1).random(400) < 0.8).astype(float)
    reference = bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(2))
    assert_allclose(bootstrap_interval(values[None]), reference.confidence_interval, atol=0.003)


def test_seeds_that_differ_widen_the_interval():
    right = np.random.default_rng(1).random((3, 2000))
    alike, apart = right < 0.8, right < np.array([[0.7], [0.8], [0.9]])
    widths = [np.diff(bootstrap_interval(values.astype(float)))[0] for values in (alike, apart)]
    assert widths[1] > 3 * widths[0]


@pytest.mark.parametrize(("gained", "lost"), [(12, 5), (3, 3), (40, 12)])
def test_right_or_wrong_of_one_seed_is_the_exact_test_of_mcnemar(gained, lost):
    differences = np.array([1.0] * gained + [-1.0] * lost + [0.0] * 50)
    assert_allclose(sign_flip_p(differences), binomtest(gained, gained + lost).pvalue, rtol=1e-12)


def test_sign_flips_of_all_kinds_agree_with_every_flip_written_out():
    differences = np.array([1.0, 1 / 3, -1 / 3, 2 / 3, 1 / 3, 1.0, -2 / 3, 1 / 3])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    means = differences @ signs
    exact = np.mean(np.abs(means) >= abs(differences.sum()) - 1e-12)
    assert_allclose(sign_flip_p(differences), exact, atol=0.02)


def test_the_golden_numbers():
    assert_allclose(sign_flip_p(np.array([0.02, 0.05, -0.01, 0.04, 0.03])), 0.125)
    assert_allclose(sign_flip_p(np.array([1.0] * 12 + [-1.0] * 5)), 0.1434631, atol=1e-7)
    assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])


def test_no_difference_is_no_finding():
    assert sign_flip_p(np.zeros(10)) == 1.0


def test_holm_by_hand():
    assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    assert_allclose(holm(np.array([0.6, 0.5])), [1.0, 1.0])


def test_the_interval_over_seeds_is_students():
    differences = np.array([0.02, 0.05, -0.01, 0.04, 0.03])
    reach = 2.776445 * differences.std(ddof=1) / math.sqrt(5)  # of a table of t: four degrees of freedom, 97.5 %
    assert_allclose(seed_interval(differences[:, None]), differences.mean() + reach * np.array([-1, 1]), rtol=1e-6)
    assert seed_interval(differences[:1, None]) == (-math.inf, math.inf)


@pytest.mark.parametrize("difference", [0.0, 0.1])
def test_seeds_that_agree_leave_no_doubt_and_warn_of_nothing(difference):
    assert seed_interval(np.full((3, 1), difference)) == (difference, difference)


def test_the_paired_interval_is_that_of_a_published_example():
    """Airway responsiveness before and after stem cell transplantation: 7 against 1 of 21 (Fagerland et al. 2014)."""
    differences = np.repeat([1.0, -1.0, 0.0], [1, 7, 13])
    assert_allclose(paired_interval(differences), [-0.508, -0.014], atol=0.001)


def test_where_no_image_differs_the_paired_interval_is_the_exact_bound_of_the_share_that_would():
    """The rule of three; a share of 1 - 0.05^(1 / n) leaves no image changed in 5 % of the samples."""
    low, high = paired_interval(np.zeros(128))
    assert_allclose([low, high], [-3 / 128, 3 / 128], rtol=0.02)
    assert_allclose((1 - high) ** 128, 0.05)


def test_bands_are_the_bootstrap_of_each_curve():
    values = np.random.default_rng(0).normal(size=(2, 60)) ** 2
    for row, low, high in zip(values, *bootstrap_bands(values), strict=True):
        reference = bootstrap((row,), np.mean, method="percentile", n_resamples=10_000).confidence_interval
        assert_allclose([low, high], reference, atol=0.05)


def test_bands_leave_out_what_is_undefined():
    values = np.random.default_rng(0).normal(size=(3, 400))
    values[0, ::2], values[1] = np.nan, np.nan
    low, high = bootstrap_bands(values)
    reach = 1.96 * np.nanstd(values[0]) / 200**0.5
    assert_allclose([low[0], high[0]], np.nanmean(values[0]) + np.array([-reach, reach]), atol=0.03)
    assert np.isnan([low[1], high[1]]).all()
