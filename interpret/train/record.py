"""How a model was made, in plain words and numbers."""

import dataclasses
import os
import platform
import resource
import sys
from importlib.metadata import version
from typing import Any

import torch

from interpret.train.recipe import Recipe
from interpret.vit import VisionTransformer, patch_grid

PACKAGES = ("interpret-vit", "torch", "timm", "accelerate")


def describe(recipe: Recipe, command: str, vit: VisionTransformer, images: dict[str, int]) -> dict[str, Any]:
    """What is known of a run beside its result. Where the data lie on this machine is written as ROOT.

    Args:
        images: number of images in each split.
    """
    name, colon, _ = recipe.data.partition(":")
    data = f"{name}:ROOT" if colon else name
    return {
        "command": command.replace(recipe.data, data),
        "recipe": dataclasses.asdict(recipe) | {"data": data},
        "images": images,
        "parameters": sum(parameter.numel() for parameter in vit.parameters()),
        "tokens": patch_grid(vit).tokens,
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def machine() -> str:
    """The kind of machine, without its name: what bounds the time of a run."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"


def peak_memory() -> float:
    """Highest memory of this process so far, MB: the GPU's where there is one, else what was resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
