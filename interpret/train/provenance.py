"""How a model was made, in plain words and numbers."""

import dataclasses
import os
import resource
import sys
from typing import Any

import torch

from interpret.foundation.files import place_name
from interpret.foundation.text import printable
from interpret.foundation.versions import versions
from interpret.models.vit import VisionTransformer, patch_grid
from interpret.train.recipe import Recipe


def describe(
    recipe: Recipe, command: str, vit: VisionTransformer, images: dict[str, int], device: torch.device
) -> dict[str, Any]:
    """What is known of a run beside its result. Where the data lie on this machine is written as ROOT, files by name.

    Args:
        images: number of images in each split.
        device: it ran on.
    """
    name, colon, _ = recipe.data.partition(":")
    data = f"{name}:ROOT" if colon else name
    return {
        "command": command.replace(printable(recipe.data), data),
        "recipe": dataclasses.asdict(recipe) | {"data": data, "init": recipe.init and place_name(recipe.init)},
        "images": images,
        "parameters": sum(parameter.numel() for parameter in vit.parameters()),
        "tokens": patch_grid(vit).tokens,
        "machine": machine(device),
        "versions": versions(),
    }


def machine(device: torch.device) -> str:
    """The kind of machine, without its name: what bounds the time of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores"


def duration(seconds: float) -> str:
    """Seconds or minutes, whichever says it shortly."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def forget_peak(device: torch.device) -> None:
    """Let `peak_memory` of a GPU start anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> float:
    """Highest memory, MB: of a GPU since `forget_peak`; on a CPU what this process had resident since it started."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
