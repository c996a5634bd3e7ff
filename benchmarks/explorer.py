"""How fast the explorer follows a key press.

Run `python benchmarks/explorer.py`; what it prints is kept in benchmarks/README.md. The first table goes from the event
in the kernel to the bytes of picture, table and caption; its last column is the processor time of a new step in units
of one plain fused forward pass of one model, interleaved with the steps. Then, where Chromium and Playwright are found,
JupyterLab is opened and the arrow keys are pressed: from the key to the picture, decoded and about to be painted.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lab
import nbformat
import pandas as pd
import torch

import interpret
from interpret.explorer.screen import Levels, packed
from interpret.explorer.strengths import OWN
from interpret.explorer.widget import Explorer
from interpret.models.loaded_model import from_memory
from interpret.models.model_spec import ModelSpec

BACKBONE = "vit_tiny_patch16_224"
ATTRIBUTIONS = ("cls_attention", "rollout", "relevance")
PEAKED = 9.0
"""Factor on the weights of q and k: untrained attention is uniform, and every threshold would cut all or nothing."""
CELL = """import sys

import torch

sys.path.insert(0, {folder!r})
import explorer

torch.set_num_threads({threads})
ui, _ = explorer.explorer({models})
ui"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SETTLED = 1000
"""Milliseconds from key to key: a step is over by then, whatever it was."""
WATCH = """() => {
  window.steps = []
  document.addEventListener('keydown', () => { window.pressed = performance.now() }, true)
  const drawn = () => {
    const pressed = window.pressed
    requestAnimationFrame(() => window.steps.push(performance.now() - pressed))
  }
  new MutationObserver(drawn).observe(document.querySelector('.interpret-explorer .caption'), { childList: true })
}"""
"""The caption is written after the canvases."""


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


def offered(ui: Explorer) -> list[float]:
    """The taus of the slider."""
    (options,) = [each["options"] for each in ui.menu["controls"] if each["name"] == "tau"]
    return [tau for _, tau in options if tau != OWN]


def answered(ui: Explorer, tau: float) -> None:
    """What the kernel does for a key press."""
    ui.tau = tau
    packed(ui.screen, Levels())


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of one call: on the wall, and of the processor in all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    job()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)


def measure(models: int, attribution: str) -> dict[str, object]:
    """Medians over the taus of the slider: a new step, a step seen before, and a plain forward pass before each."""
    ui, forward = explorer(models)
    ui.attribution = attribution
    taus = offered(ui)
    steps: dict[str, list[tuple[float, float]]] = {"forward": [], "new": [], "cached": []}
    for kind, tau in itertools.product(("new", "cached"), taus):
        steps["forward"].append(timed(forward))
        steps[kind].append(timed(lambda tau=tau: answered(ui, tau)))
    row: dict[str, object] = {"models": models, "attribution": attribution}
    for kind, times in steps.items():
        wall, processor = zip(*times, strict=True)
        row |= {f"{kind} ms": statistics.median(wall), f"{kind} CPU ms": statistics.median(processor)}
    return row | {"new / forward": row["new CPU ms"] / row["forward CPU ms"]}


def browser(models: int, threads: int) -> dict[str, object]:
    """Medians in JupyterLab, from the key to the frame that paints the picture: new steps, and steps seen before."""
    presses = len(offered(explorer(models)[0]))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        root.mkdir()
        source = CELL.format(folder=str(lab.CHECKOUT / "benchmarks"), threads=threads, models=models)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata=KERNEL)
        nbformat.write(notebook, root / "explorer.ipynb")
        with lab.served(Path(folder), root, threads) as address, lab.opened(address.format("explorer.ipynb")) as page:
            page.locator(".interpret-explorer canvas").first.wait_for()
            page.evaluate(WATCH)
            found = {kind: walk(page, presses) for kind in ("new", "seen before")}
    quartiles = {kind: statistics.quantiles(steps, n=4) for kind, steps in found.items()}
    row: dict[str, object] = {"models": models}
    return row | {
        f"{kind} ms": f"{middle:.0f} [{low:.0f}, {high:.0f}]" for kind, (low, middle, high) in quartiles.items()
    }


def walk(page: Any, presses: int) -> list[float]:
    """Milliseconds of each press of the right arrow, from the first stop of the tau slider on."""
    handle = page.locator("[name=tau]")
    handle.press("Home")
    page.wait_for_timeout(SETTLED)
    begun = page.evaluate("steps.length")
    for _ in range(presses):
        handle.press("ArrowRight")
        page.wait_for_timeout(SETTLED)
    return page.evaluate(f"steps.slice({begun})")


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
    if lab.CHROMIUM and find_spec("playwright"):
        table = pd.DataFrame([browser(models, options.threads) for models in options.models])
        sys.stdout.write(f"In JupyterLab, from key to picture, median [quartiles]\n{table.to_string(index=False)}\n")


if __name__ == "__main__":
    main()
