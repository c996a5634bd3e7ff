"""The command line: arguments in, the path of what was written out."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from interpret.foundation.command_line import OneLineParser, amount, positive, run, threshold, valued, whole
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import place_name
from interpret.foundation.text import printable
from interpret.train import early
from interpret.train.presets import PRESETS, Preset, find_preset
from interpret.train.recipe import Recipe

PROGRAM = "python -m interpret.train"
ARCHITECTURE = ("img_size", "patch_size", "embed_dim", "depth", "num_heads")
ELSEWHERE = ("preset", "out", "seeds", "resume", "mechanism", *ARCHITECTURE, *early.OPTIONS)


def main(argv: Sequence[str] | None = None) -> int:
    """Train and write; the only line on stdout is the path of the checkpoint, or of the comparison of several.

    Returns:
        0, 2 after one line on stderr that says what the user can mend, 130 where the user interrupts, or 143 where
        a scheduler ends it.
    """
    argv = sys.argv[1:] if argv is None else argv
    given = vars(parser().parse_args(argv))
    places = [Path(given[option]) for option in ("out", "init") if option in given]
    known = valued(argv, lambda value: place_name(value) if Path(value) in places else value)
    command = printable(shlex.join([*PROGRAM.split(), *known]))
    return run(PROGRAM, lambda: printable(str(_train(given, command))), lambda: _kept(given))


def parser() -> argparse.ArgumentParser:
    """The arguments, under timm's names; what is not given comes from the preset, else from `Recipe`."""
    result = OneLineParser(
        prog=PROGRAM,
        description="Train a Vision Transformer and write a checkpoint, or all arms of a preset and their comparison.",
        epilog="presets and their arms (* is trained where --mechanism names none):\n" + _presets(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    result.add_argument("--out", required=True, type=Path, metavar="PATH", help="FILE.pt; with --seeds a folder")
    result.add_argument("--preset", metavar="NAME", help="a published or small set-up, see below")
    result.add_argument("--data", metavar="NAME[:ROOT]", help="a registered data set, e.g. shapes; the preset's own")
    result.add_argument("--seeds", type=_numbers, metavar="N,N", help="all arms of the preset, each with these seeds")
    resume = "go on after the last epoch of an interrupted run; give the same options again"
    result.add_argument("--resume", action="store_true", help=resume)
    default = "what is not given is the preset's; without a preset it is what stands in brackets"
    _add_model(result.add_argument_group("model", default))
    _add_recipe(result.add_argument_group("recipe", default))
    return result


def _presets() -> str:
    width = max(map(len, PRESETS))
    return "\n".join(f"  {name:{width}}  {_arms(preset)}" for name, preset in PRESETS.items())


def _arms(preset: Preset) -> str:
    return " ".join(arm + "*" * (arm == preset.recipe.mechanism) for arm in preset.arms)


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--mechanism", metavar="NAME", help="how attention is formed (softmax)")
    group.add_argument("--tau", type=threshold, help="threshold on attention probabilities, in [0, 1)")
    group.add_argument("--tau-init", type=threshold, help="learned_threshold: every head's tau before training")
    group.add_argument("--sigma-init", type=_name_or_number, help="svda: one, sqrt_d, parity (= d), or a number")
    group.add_argument("--backbone", metavar="NAME", help="timm's name (vit_tiny_patch16_224)")
    for name in ARCHITECTURE:
        group.add_argument(f"--{name.replace('_', '-')}", type=positive, metavar="N", help="(the backbone's own)")
    group.add_argument("--init", metavar="FILE", help="weights to start from: a checkpoint, or 'pretrained' (timm's)")
    group.add_argument("--weight-init", choices=("jax", "moco"), help="how weights are drawn (the backbone's own)")


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    share = partial(amount, most=1.0)
    group.add_argument("--epochs", type=positive, metavar="N", help="at most (10)")
    group.add_argument("--batch-size", type=positive, metavar="N", help="images a step, all processes together (128)")
    group.add_argument("--accumulate", type=positive, metavar="N", help="batches an update (1)")
    group.add_argument("--lr", type=amount, help="highest learning rate (0.001)")
    group.add_argument("--eta-min", type=amount, metavar="LR", help="where the cosine ends (0)")
    group.add_argument("--weight-decay", type=amount, help="of matrices (0.05)")
    group.add_argument("--warmup-epochs", type=amount, metavar="N", help="(1, at most half of --epochs)")
    group.add_argument("--patience", type=positive, metavar="N", help="epochs without gain (5)")
    group.add_argument("--ema", type=share, metavar="DECAY", help="keep a moving average of the weights")
    group.add_argument("--seed", type=whole, help="of weights, order and augmentation (0)")
    group.add_argument("--shift", type=whole, metavar="N", help="random shift, pixels (0)")
    group.add_argument("--hflip", type=share, metavar="P", help="left-right flip probability (0.5)")
    group.add_argument("--vflip", type=share, metavar="P", help="upside-down probability (0)")
    group.add_argument("--aa", metavar="NAME", help="timm's RandAugment or AutoAugment, e.g. rand-m9-mstd0.5 (none)")
    group.add_argument("--limit", type=positive, metavar="N", help="use at most N images of each split")
    group.add_argument("--track", type=_names, metavar="NAME,NAME", help="indicators after every epoch; '' for none")
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), help="(auto)")
    group.add_argument("--amp", action=argparse.BooleanOptionalAction, help="mixed precision, bfloat16")
    group.add_argument("--save-dtype", choices=("float32", "float16"), help="(float32)")


def _train(given: dict[str, Any], command: str) -> Path:
    recipes, source = _recipes(given)
    runs = _check(given, recipes)
    try:
        from interpret.train import job
    except ModuleNotFoundError as error:
        raise InterpretError(f"training needs {error.name}: pip install 'interpret-vit[train]'") from error
    resume = "resume" in given
    if "seeds" in given:
        return job.train_arms(runs, given["out"], command, source, resume=resume)
    job.train_one(recipes[0], given["out"], command, source, resume=resume)
    return given["out"]


def _recipes(given: dict[str, Any]) -> tuple[list[Recipe], str]:
    """What is to be trained, all arms of a preset for several seeds, and where the set-up is from."""
    early.check_together(given)
    if "preset" not in given:
        return [_override(Recipe(given["data"], given.get("mechanism", "softmax")), given)], ""
    preset = find_preset(given["preset"])
    arms = preset.arms if "seeds" in given else [given.get("mechanism")]
    return [_override(preset.arm(mechanism), given) for mechanism in arms], preset.source


def _check(given: Mapping[str, Any], recipes: Sequence[Recipe]) -> dict[Path, Recipe]:
    """The checkpoints to be written, once nothing is found that stands in the way."""
    for recipe in recipes:
        early.check_recipe(recipe)
    runs = early.outputs(recipes, given)
    for out in runs:
        early.check_free(out, resume="resume" in given)
    if "resume" in given and "seeds" not in given:
        early.check_begun(given["out"])
    early.check_writable(given["out"], folder="seeds" in given)
    return runs


def _kept(given: Mapping[str, Any]) -> str:
    if "seeds" in given or early.state_file(given["out"]).exists():
        return "the epochs done are kept, the same command with --resume goes on"
    return "no epoch was done, so nothing is kept"


def _override(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    fields = {name: value for name, value in given.items() if name not in ELSEWHERE}
    if "epochs" in given and "warmup_epochs" not in given:  # a short trial of a long set-up
        fields["warmup_epochs"] = min(recipe.warmup_epochs, given["epochs"] / 2)
    architecture = {name: given[name] for name in ARCHITECTURE if name in given}
    options = {name: given[name] for name in early.OPTIONS if name in given}
    return replace(
        recipe,
        architecture={**recipe.architecture, **architecture},
        options={**recipe.options, **options},
        **fields,
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(whole(part) for part in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 0,1,2") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _name_or_number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
