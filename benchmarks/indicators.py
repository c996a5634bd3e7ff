"""What a survey costs: a trace, each indicator and all of them, in units of one plain fused forward pass.

Run `python benchmarks/indicators.py`; the table it prints is kept in benchmarks/README.md. Each figure is a ratio of
medians of processor time of one thread, over interleaved rounds of one run, so that a busy machine slows numerator and
denominator alike. An indicator's own cost is that after a trace which holds what it needs and nothing that another
indicator has computed before it; together they share what they have in common.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

import interpret
from interpret.indicators import INDICATORS, _spectra
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec

MODELS = ("vit_tiny_patch16_224", "vit_base_patch16_224")
BATCH = 8
APART = "perturbation_robustness"
"""Eight more passes of the attention by nature."""
PLAIN = [name for name, entry in INDICATORS.items() if not entry.spectral and name != APART]
SPECTRAL = [name for name, entry in INDICATORS.items() if entry.spectral]


def survey(loaded: LoadedModel, images: Tensor, names: Sequence[str], kinds: Sequence[str] = ()) -> None:
    """A trace and indicators of it, spectral ones of these kinds."""
    needs = {"weights"}.union(*(INDICATORS[name].needs for name in names))
    seen = interpret.trace(loaded, images, keep=tuple(needs))
    for name in names:
        for options in [{"kind": kind} for kind in kinds] if INDICATORS[name].spectral else [{}]:
            INDICATORS[name].function(seen, **options)


def jobs_of(loaded: LoadedModel, images: Tensor) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    seen = interpret.trace(loaded, images, keep=("inputs", "queries", "keys", "probs", "weights", "outputs"))
    needed = {need for name in PLAIN for need in INDICATORS[name].needs}
    centred = ("attention", "attention_centred")
    jobs: dict[str, Callable[[], object]] = {
        "plain fused forward": lambda: plain_forward(loaded, images),
        "trace alone": lambda: interpret.trace(loaded, images, keep=("weights",)),
        "trace with all that non-SVD indicators need": lambda: interpret.trace(loaded, images, keep=tuple(needed)),
        "trace and all non-SVD indicators": lambda: survey(loaded, images, PLAIN),
        "the same with attention spectra": lambda: survey(loaded, images, PLAIN + SPECTRAL, ("attention",)),
        "the same with both attention spectra": lambda: survey(loaded, images, PLAIN + SPECTRAL, centred),
    }
    jobs |= {f"`{name}`": lambda name=name: INDICATORS[name].function(replace(seen)) for name in [*PLAIN, APART]}
    kinds = ("attention", "attention_centred", "qk_weight")
    return jobs | {f"spectrum `{kind}`": lambda kind=kind: _spectra.spectrum(replace(seen), kind) for kind in kinds}


def plain_forward(loaded: LoadedModel, images: Tensor) -> None:
    """The model as a user would run it."""
    with torch.inference_mode():
        loaded.model(images)


def median_seconds(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median processor time of each job; rounds are interleaved, the first one warms up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            start = time.thread_time()
            job()
            times[name].append(time.thread_time() - start)
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def measure_model(backbone: str, rounds: int) -> pd.Series:
    """Ratios to a plain fused forward by job."""
    torch.manual_seed(0)
    spec = ModelSpec(backbone)
    loaded = from_memory(spec.build(), spec, backbone)
    seconds = pd.Series(median_seconds(jobs_of(loaded, torch.randn(BATCH, 3, *loaded.img_size)), rounds))
    return seconds / seconds["plain fused forward"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    table = pd.DataFrame({backbone: measure_model(backbone, options.rounds) for backbone in options.models})
    sys.stdout.write(f"batch {BATCH}, one thread, torch {torch.__version__}, {options.rounds} rounds\n")
    sys.stdout.write(table.to_string(float_format="%.3f") + "\n")


if __name__ == "__main__":
    main()
