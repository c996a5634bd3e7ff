"""One pass against many: what a trace and every attribution cost, in units of one plain fused forward pass.

Run `python benchmarks/one_pass.py`; the table it prints is kept in benchmarks/README.md. Each figure is the median
over interleaved rounds of one run, so a busy machine slows numerator and denominator alike. The peers' column runs
each attribution on the whole model through Captum or pytorch-grad-cam, one by one.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import timm
import torch
from captum.attr import LayerActivation, LayerGradCam, LayerGradientXActivation
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import interpret
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec

MODELS = ("vit_tiny_patch16_224", "vit_base_patch16_224")
BATCH = 8
KEEP = ("weights", "gradient")


class SeenAsMap(nn.Module):
    """The last `norm1` followed by a tap that sees (batch, channel, row, col), as a library for CNNs needs it."""

    def __init__(self, norm: nn.Module, loaded: LoadedModel) -> None:
        super().__init__()
        self.norm, self.tap, self.grid = norm, nn.Identity(), loaded.grid

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x)
        seen = self.tap(self.grid.fold(tokens.transpose(1, 2)))
        return torch.cat([tokens[:, : self.grid.prefix], seen.flatten(2).transpose(1, 2)], dim=1)


def peers(loaded: LoadedModel, images: Tensor, target: Tensor) -> dict[str, Callable[[], object]]:
    """The same six attributions' raw material, each by a library's own pass over the whole model, timm's own."""
    model = timm.create_model(loaded.spec.backbone).eval()
    model.load_state_dict(loaded.model.state_dict())
    norm = model.blocks[-1].norm1 = SeenAsMap(model.blocks[-1].norm1, loaded)
    for block in model.blocks:
        block.attn.fused_attn = False
    weights = [block.attn.attn_drop for block in model.blocks]
    targets = [ClassifierOutputTarget(index) for index in target.tolist()]
    gradients = LayerGradientXActivation(model, weights)

    def grad_cam() -> object:
        with GradCAM(model, [norm.tap]) as cam:
            return cam(images, targets)

    return {
        "cls_attention": lambda: LayerActivation(model, weights[-1]).attribute(images),
        "rollout": lambda: LayerActivation(model, weights).attribute(images),
        "gradient_rollout": lambda: gradients.attribute(images, target=target),
        "relevance": lambda: gradients.attribute(images, target=target),
        "layer_grad_cam": lambda: LayerGradCam(model, norm.tap).attribute(images.requires_grad_(), target=target),
        "grad_cam": grad_cam,
    }


def median_seconds(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median wall time of each job; rounds are interleaved, the first one warms up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def measure_model(backbone: str, rounds: int) -> pd.DataFrame:
    """Ratios to a plain fused forward, one row a job, ours and the peers'."""
    torch.manual_seed(0)
    spec = ModelSpec(backbone)
    loaded = from_memory(spec.build(), spec, backbone)
    images = torch.randn(BATCH, 3, *loaded.img_size)
    seen = interpret.trace(loaded, images, keep=KEEP)
    jobs: dict[str, Callable[[], object]] = {
        "plain fused forward": lambda: plain_forward(loaded, images),
        "trace, no gradient": lambda: interpret.trace(loaded, images, keep=("weights",)),
        "trace with gradients": lambda: interpret.trace(loaded, images, keep=KEEP),
        "all together": lambda: everything(loaded, images),
    }
    jobs |= {f"ours {name}": lambda name=name: interpret.attribute(seen, name) for name in interpret.ATTRIBUTIONS}
    jobs |= {f"peer {name}": job for name, job in peers(loaded, images.clone(), seen.target).items()}
    seconds = median_seconds(jobs, rounds)
    forward = seconds["plain fused forward"]
    return pd.DataFrame({"model": backbone, "job": list(seconds), "ratio": [s / forward for s in seconds.values()]})


def plain_forward(loaded: LoadedModel, images: Tensor) -> None:
    """The model as a user would run it."""
    with torch.inference_mode():
        loaded.model(images)


def everything(loaded: LoadedModel, images: Tensor) -> None:
    """One trace with gradients and every registered attribution of it."""
    seen = interpret.trace(loaded, images, keep=KEEP)
    for name in interpret.ATTRIBUTIONS:
        interpret.attribute(seen, name)


def megabytes_per_image(backbone: str) -> float:
    """Peak memory above the loaded model while everything runs, in a process of its own, MB an image."""
    command = [sys.executable, __file__, "--memory-of", backbone]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_in_this_process(backbone: str) -> float:
    """As `megabytes_per_image`, measured here: after one image has warmed the libraries up."""
    spec = ModelSpec(backbone)
    loaded = from_memory(spec.build(), spec, backbone)
    images = torch.randn(BATCH, 3, *loaded.img_size)
    everything(loaded, images[:1])
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    everything(loaded, images)
    return (status("VmHWM") - before) / BATCH


def status(field: str) -> float:
    """A field of this process's status, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field))) / 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(2)
    if options.memory_of:
        sys.stdout.write(str(peak_in_this_process(options.memory_of)))
        return
    for backbone in options.models:
        table = measure_model(backbone, options.rounds)
        once = table.loc[table["job"].str.startswith("peer"), "ratio"].sum()
        sys.stdout.write(f"\n{backbone}, batch {BATCH}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
        sys.stdout.write(table[["job", "ratio"]].to_string(index=False, float_format="%.2f"))
        sys.stdout.write(f"\npeers, one by one: {once:.2f}\n")
        sys.stdout.write(f"memory above the weights: {megabytes_per_image(backbone):.0f} MB an image\n")


if __name__ == "__main__":
    main()
