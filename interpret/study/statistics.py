"""How sure a number is: moments that batches and processes add up, intervals over seeds and images, a paired test."""

import math
import warnings
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import binomtest, norm, permutation_test, ttest_1samp
from torch import Tensor
from torchmetrics import Metric

from interpret.foundation.tensors import PerHead

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


def seed_interval(values: BySeed) -> tuple[float, float]:
    """95 % interval (Student's t) of the mean over seeds, each seed being one number; unbounded for one seed.

    Wider than the bootstrap where seeds are few: three of them show little of how seeds differ.
    """
    means = values.mean(axis=1)
    if len(means) < 2:
        return -np.inf, np.inf
    if np.ptp(means) == 0:  # scipy warns of values without any spread, and finds NaN
        return float(means[0]), float(means[0])
    interval = ttest_1samp(means, 0).confidence_interval()
    return float(interval.low), float(interval.high)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval (Wilson) of a share of `count` independent images."""
    interval = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def paired_interval(differences: Float[np.ndarray, "image"]) -> tuple[float, float]:
    """95 % interval of the mean of differences in [-1, 1]: of two shares of the same images, or of means over draws.

    Bonett & Price 2012: Wald's interval after one image is added to each of the two ways of differing. It reaches no
    less far than the exact bound of `unseen_share`, about 3 / n, which stands where no image differs at all: a
    bootstrap would have no width there.
    """
    count = len(differences) + 2
    mean = differences.sum() / count
    reach = norm.ppf(0.975) * ((((differences**2).sum() + 2) / count - mean**2) / count) ** 0.5
    reach = max(reach, unseen_share(len(differences)))
    return float(max(mean - reach, -1.0)), float(min(mean + reach, 1.0))


def unseen_share(count: int) -> float:
    """The largest share of images with a property that none of `count` shows, with 95 % confidence (exact binomial).

    1 - 0.05^(1 / n), about 3 / n: what a sample that shows no change cannot exclude.
    """
    return float(binomtest(0, count, alternative="less").proportion_ci(0.95).high)


def images_to_exclude(share: float) -> int:
    """The fewest images of which none may show a property that a `share` of all has: `unseen_share` turned round."""
    return math.ceil(math.log(0.05) / math.log1p(-share))


def bootstrap_bands(
    values: Float[np.ndarray, "curve image"], *, resamples: int = 2_000, seed: int = 0
) -> tuple[Float[np.ndarray, "curve"], Float[np.ndarray, "curve"]]:
    """95 % percentile intervals of the means over images, low and high; NaN is left out.

    The images of a resample are drawn once for all curves, as all were measured on the same images.
    """
    generator, count = np.random.default_rng(seed), values.shape[1]
    known, filled = ~np.isnan(values), np.nan_to_num(values)
    means = np.full((resamples, len(values)), np.nan)
    for resample in means:
        drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        np.divide(filled @ drawn, known @ drawn, out=resample, where=known @ drawn > 0)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # a curve that is NaN everywhere
        low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
    return low, high


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
    result = permutation_test(
        (moved,), np.mean, permutation_type="samples", n_resamples=resamples, batch=64, rng=np.random.default_rng(seed)
    )
    return float(result.pvalue)


def holm(p_values: Float[np.ndarray, "test"]) -> Float[np.ndarray, "test"]:
    """Holm's adjusted p of a family of tests: the k-th smallest times (family - k + 1), made monotone, at most 1."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


Moments = tuple[Tensor, Tensor, Tensor]
"""Number, mean and summed squared distance from it, each (layer, head)."""


class HeadMoments(Metric):
    """Mean and spread over images for each layer and head, undefined values left out and counted.

    Batches are merged as they come (Chan et al. 1983), so nothing of an image is kept; where `torch.distributed` runs,
    `compute` merges the processes.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, layers: int, heads: int) -> None:
        super().__init__()
        for name in ("count", "mean", "squares"):
            self.add_state(name, torch.zeros(layers, heads, dtype=torch.float64), dist_reduce_fx=None)

    def update(self, values: PerHead) -> None:
        """Add a batch; NaN is undefined."""
        known = values.double()
        mean = known.nanmean(dim=1).nan_to_num()
        batch = (~known.isnan()).sum(dim=1).double(), mean, (known - mean[:, None]).square().nansum(dim=1)
        self.count, self.mean, self.squares = _merged((self.count, self.mean, self.squares), batch)

    def compute(self) -> dict[str, Float[Tensor, "layer head"]]:
        """Of what is defined "mean" and "std" (of a sample, so NaN below two values), and its number "n_valid"."""
        states = (self.count, self.mean, self.squares)
        processes = list(zip(*states, strict=True)) if self.count.ndim == 3 else [states]
        count, mean, squares = reduce(_merged, processes)
        return {
            "mean": mean.masked_fill(count == 0, torch.nan),
            "std": (squares / (count - 1).masked_fill(count < 2, torch.nan)).sqrt(),
            "n_valid": count,
        }


def _merged(one: Moments, other: Moments) -> Moments:
    count = one[0] + other[0]
    share = other[0] / count.clamp_min(1)
    apart = other[1] - one[1]
    return count, one[1] + apart * share, one[2] + other[2] + apart.square() * one[0] * share
