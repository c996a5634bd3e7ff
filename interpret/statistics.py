"""How sure a comparison is: intervals over seeds and images, and a paired test."""

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest, permutation_test

BySeed = Float[np.ndarray, "seed image"]


def bootstrap_interval(values: BySeed, *, resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean: seeds are drawn with replacement, then images.

    The images are the same for every seed, so one draw of images serves all seeds of a resample. With one seed the
    interval covers the drawing of images alone; a difference between two trainings is then no finding about their
    methods.
    """
    generator = np.random.default_rng(seed)
    seeds, images = values.shape
    means = np.empty(resamples)
    for index in range(resamples):
        row = values[generator.integers(seeds, size=seeds)].mean(axis=0)
        means[index] = row[generator.integers(images, size=images)].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval (Wilson) of a share of `count` independent images."""
    interval = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def sign_flip_p(differences: Float[np.ndarray, "image"], *, resamples: int = 9_999, seed: int = 0) -> float:
    """Two-sided p of the paired permutation test that the mean difference is zero; 1.0 where all are zero.

    Each image's difference keeps or changes its sign with probability one half. Where all have one magnitude, as right
    or wrong of one seed, this is McNemar's test and exact. The trained models are taken as given: seeds are not drawn.
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    if np.ptp(np.abs(moved)) == 0:
        return float(binomtest(int((moved > 0).sum()), len(moved)).pvalue)
    found = permutation_test(
        (moved,), np.mean, permutation_type="samples", n_resamples=resamples, batch=64, rng=np.random.default_rng(seed)
    )
    return float(found.pvalue)


def holm(p_values: Float[np.ndarray, "test"]) -> Float[np.ndarray, "test"]:
    """Holm's adjusted p of a family of tests: the k-th smallest times (family - k + 1), made monotone, at most 1."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
