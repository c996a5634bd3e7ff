"""How fast the explorer follows a key press: from the event to the bytes of picture, table and caption.

Run `python benchmarks/explorer.py`; the table it prints is kept in benchmarks/README.md. The front end adds two
hops over a websocket and the decoding of the picture, which are not measured here. The last column
is the processor time of a new step in units of one plain fused forward pass of one model, interleaved with the steps.
"""

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import pandas as pd
import torch

import interpret
from interpret.loaded_model import ModelSpec, from_memory
from interpret.widgets import OWN, Explorer

BACKBONE = "vit_tiny_patch16_224"
ATTRIBUTIONS = ("cls_attention", "rollout", "relevance")
PEAKED = 9.0
"""Factor on the weights of q and k: untrained attention is uniform, and every threshold would cut all or nothing."""


def explorer(models: int) -> tuple[Explorer, Callable[[], None]]:
    """An explorer over untrained models, and the plain forward pass of one of them."""
    torch.manual_seed(0)
    spec = ModelSpec(BACKBONE, architecture={"num_classes": 10})
    loaded = [from_memory(spec.build(), spec, f"model {index}") for index in range(models)]
    for block in (block for each in loaded for block in each.model.blocks):
        block.attn.qkv.weight.data[: 2 * block.attn.num_heads * block.attn.head_dim] *= PEAKED
    images = torch.rand(1, 3, *loaded[0].img_size)

    def forward() -> None:
        with torch.inference_mode():
            loaded[0].model(images)

    return interpret.explore(loaded, images), forward


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of one call: on the wall, and of the processor in all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    job()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)


def measure(models: int, attribution: str) -> dict[str, object]:
    """Medians over the taus of the slider: a new step, a step seen before, and a plain forward pass before each."""
    ui, forward = explorer(models)
    ui.attribution.value = attribution
    taus = [tau for _, tau in ui.tau.options if tau != OWN]
    steps: dict[str, list[tuple[float, float]]] = {"forward": [], "new": [], "cached": []}
    for kind, tau in itertools.product(("new", "cached"), taus):
        steps["forward"].append(timed(forward))
        steps[kind].append(timed(lambda tau=tau: setattr(ui.tau, "value", tau)))
    row: dict[str, object] = {"models": models, "attribution": attribution}
    for kind, times in steps.items():
        wall, processor = zip(*times, strict=True)
        row |= {f"{kind} ms": statistics.median(wall), f"{kind} CPU ms": statistics.median(processor)}
    return row | {"new / forward": row["new CPU ms"] / row["forward CPU ms"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", type=int, default=(1, 3))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    table = pd.DataFrame([measure(models, name) for models in options.models for name in ATTRIBUTIONS])
    sys.stdout.write(f"{BACKBONE}, one image, {options.threads} threads, torch {torch.__version__}\n")
    sys.stdout.write(table.to_string(index=False, float_format="%.2f") + "\n")


if __name__ == "__main__":
    main()
