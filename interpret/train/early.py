"""What is wrong with a command that can be told before PyTorch is imported, and hours before it would fail."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from interpret.foundation.command_line import check_entries
from interpret.foundation.data_spec import check_data
from interpret.foundation.errors import InterpretError
from interpret.foundation.options import initial_sigma
from interpret.models.sizes import check_sizes
from interpret.models.weights import weight_file
from interpret.train.recipe import Recipe

OPTIONS = ("tau", "tau_init", "sigma_init")
"""Of a mechanism."""
ALONE = ("mechanism", "seed", *OPTIONS)
"""Options of one arm, or of one seed."""


def check_together(given: Mapping[str, Any]) -> None:
    """Refuse options that say too little together, or too much.

    Raises:
        InterpretError: neither data nor preset, seeds without a preset, twice or with one arm's options.
    """
    if "data" not in given and "preset" not in given:
        raise InterpretError("neither --data nor --preset is given; name what to train on, e.g. --data shapes")
    if "seeds" not in given:
        return
    if "preset" not in given:
        raise InterpretError("--seeds trains the arms of a preset; name it with --preset, or give one --seed")
    if len(set(given["seeds"])) < len(given["seeds"]):
        raise InterpretError("--seeds names a seed twice: it would count one model as two; name each once")
    alone = [name for name in ALONE if name in given]
    if alone:
        raise InterpretError(f"--seeds trains all arms of the preset; leave out --{alone[0].replace('_', '-')}")


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe that names what is not there, or numbers that cannot be.

    Raises:
        InterpretError: an unknown data set, mechanism or indicator, weights that are not there, sizes that do not fit.
    """
    check_data(recipe.data)
    check_entries("mechanism", "mechanisms", [recipe.mechanism])
    check_entries("indicator", "indicators", recipe.track)
    initial_sigma(recipe.options.get("sigma_init", "parity"), head_dim=1)
    check_sizes(recipe.backbone, recipe.architecture)
    if recipe.init not in (None, "pretrained"):
        weight_file(Path(recipe.init))
    if recipe.warmup_epochs >= recipe.epochs:
        raise InterpretError(f"--warmup-epochs {recipe.warmup_epochs} leaves none of {recipe.epochs} epochs; lower it")


def outputs(recipes: Sequence[Recipe], given: Mapping[str, Any]) -> dict[Path, Recipe]:
    """The checkpoints to be written: the file named, or one of each arm and seed in the folder named."""
    if "seeds" not in given:
        return {given["out"]: recipes[0]}
    runs = [replace(recipe, seed=seed) for recipe in recipes for seed in given["seeds"]]
    return {given["out"] / f"{run.mechanism}-seed{run.seed}.pt": run for run in runs}


def state_file(out: Path) -> Path:
    """What an interrupted run goes on from."""
    return out.with_suffix(".resume")


def check_free(out: Path, *, resume: bool) -> None:
    """Nothing that is there is ever replaced.

    Raises:
        InterpretError: `out` or its .resume is there already, and `resume` is not set; or it is a folder.
    """
    if out.is_dir():
        raise InterpretError(f"--out {out} is a folder; name a file in it, such as {out / 'model.pt'}")
    for there in (out, state_file(out)):
        if there.exists() and not resume:
            raise InterpretError(f"{there} exists; go on with that run (--resume), choose another --out, or remove it")


def check_begun(out: Path) -> None:
    """Refuse to go on with a run that never was, instead of training for hours from the start.

    Raises:
        InterpretError: neither `out` nor its .resume is there.
    """
    if not out.exists() and not state_file(out).exists():
        raise InterpretError(
            f"--resume: neither {out} nor {state_file(out).name} is there, so there is nothing to go on with; "
            "check --out, or leave out --resume to begin"
        )


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Make the folder to write into, before hours of training and not after.

    Raises:
        InterpretError: it cannot be made, or `path` is called like what lies beside a checkpoint.
    """
    try:
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterpretError(f"--out {path}: its folder cannot be made ({error.strerror}); choose another") from error
    if not folder and path.suffix in (".md", ".resume"):
        raise InterpretError(f"--out {path}: what lies beside the checkpoint has that name; name a file model.pt, say")
