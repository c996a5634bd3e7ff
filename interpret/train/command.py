"""The command line: arguments in, the path of what was written out."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from interpret.foundation.command_line import INTERRUPTED, OneLineParser, positive
from interpret.foundation.errors import InterpretError
from interpret.train.presets import PRESETS, Preset, find_preset
from interpret.train.recipe import Recipe

PROGRAM = "python -m interpret.train"
ARCHITECTURE = ("img_size", "patch_size", "embed_dim", "depth", "num_heads")
OPTIONS = ("tau", "tau_init", "sigma_init")
ELSEWHERE = ("preset", "out", "seeds", "resume", "mechanism", *ARCHITECTURE, *OPTIONS)


def main(argv: Sequence[str] | None = None) -> int:
    """Train and write; the only line on stdout is the path of the checkpoint, or of the comparison of several.

    Returns:
        0, 2 after one line on stderr that says what the user can mend, or 130 where the user interrupts.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(argv)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("interpret").setLevel(logging.INFO)
    try:
        written = _train(arguments, shlex.join([*PROGRAM.split(), *argv]))
    except InterpretError as error:
        sys.stderr.write(f"{PROGRAM}: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\n{PROGRAM}: interrupted; the epochs done are kept, the same command with --resume goes on\n"
        )
        return INTERRUPTED
    sys.stdout.write(f"{written}\n")
    return 0


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
    group.add_argument("--tau", type=float, help="threshold on attention probabilities, in [0, 1)")
    group.add_argument("--tau-init", type=float, help="learned_threshold: every head's tau before training")
    group.add_argument("--sigma-init", type=_name_or_number, help="svda: one, sqrt_d, parity (= d), or a number")
    group.add_argument("--backbone", metavar="NAME", help="timm's name (vit_tiny_patch16_224)")
    for name in ARCHITECTURE:
        group.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help="(the backbone's own)")
    group.add_argument("--init", metavar="FILE", help="weights to start from: a checkpoint, or 'pretrained' (timm's)")
    group.add_argument("--weight-init", choices=("jax", "moco"), help="how weights are drawn (the backbone's own)")


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--epochs", type=positive, metavar="N", help="at most (10)")
    group.add_argument("--batch-size", type=positive, metavar="N", help="images a step, all processes together (128)")
    group.add_argument("--accumulate", type=positive, metavar="N", help="batches an update (1)")
    group.add_argument("--lr", type=float, help="highest learning rate (0.001)")
    group.add_argument("--eta-min", type=float, metavar="LR", help="where the cosine ends (0)")
    group.add_argument("--weight-decay", type=float, help="of matrices (0.05)")
    group.add_argument("--warmup-epochs", type=float, metavar="N", help="(1, at most half of --epochs)")
    group.add_argument("--patience", type=positive, metavar="N", help="epochs without gain (5)")
    group.add_argument("--ema", type=float, metavar="DECAY", help="keep a moving average of the weights")
    group.add_argument("--seed", type=int, help="of weights, order and augmentation (0)")
    group.add_argument("--shift", type=int, metavar="N", help="random shift, pixels (0)")
    group.add_argument("--hflip", type=float, metavar="P", help="left-right flip probability (0.5)")
    group.add_argument("--vflip", type=float, metavar="P", help="upside-down probability (0)")
    group.add_argument("--aa", metavar="NAME", help="timm's RandAugment or AutoAugment, e.g. rand-m9-mstd0.5 (none)")
    group.add_argument("--limit", type=positive, metavar="N", help="use at most N images of each split")
    group.add_argument("--track", type=_names, metavar="NAME,NAME", help="indicators after every epoch; '' for none")
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), help="(auto)")
    group.add_argument("--amp", action=argparse.BooleanOptionalAction, help="mixed precision, bfloat16")
    group.add_argument("--save-dtype", choices=("float32", "float16"), help="(float32)")


def _train(arguments: argparse.Namespace, command: str) -> Path:
    given = vars(arguments)
    _check(given)
    chosen = find_preset(given["preset"]) if "preset" in given else None
    try:
        from interpret.train import job
    except ModuleNotFoundError as error:
        raise InterpretError(f"training needs {error.name}: pip install 'interpret-vit[train]'") from error
    resume = "resume" in given
    if chosen and "seeds" in given:
        recipes = [_override(chosen.arm(mechanism), given) for mechanism in chosen.arms]
        return job.train_arms(recipes, given["seeds"], given["out"], command, chosen.source, resume=resume)
    base = chosen.arm(given.get("mechanism")) if chosen else Recipe(given["data"], given.get("mechanism", "softmax"))
    job.train_one(_override(base, given), given["out"], command, chosen.source if chosen else "", resume=resume)
    return given["out"]


def _override(recipe: Recipe, given: dict[str, Any]) -> Recipe:
    from interpret.indicators import INDICATORS

    for name in given.get("track", ()):
        INDICATORS[name]
    fields = {name: value for name, value in given.items() if name not in ELSEWHERE}
    if "epochs" in given and "warmup_epochs" not in given:  # a short trial of a long set-up
        fields["warmup_epochs"] = min(recipe.warmup_epochs, given["epochs"] / 2)
    architecture = {name: given[name] for name in ARCHITECTURE if name in given}
    options = {name: given[name] for name in OPTIONS if name in given}
    return replace(
        recipe,
        architecture={**recipe.architecture, **architecture},
        options={**recipe.options, **options},
        **fields,
    )


def _check(given: dict[str, Any]) -> None:
    """Refuse what can be refused before anything is imported, and hours before it would fail.

    Raises:
        InterpretError: neither data nor preset, seeds without a preset or with one arm's options, a place that cannot
            be written.
    """
    if "data" not in given and "preset" not in given:
        raise InterpretError("neither --data nor --preset is given; name what to train on, e.g. --data shapes")
    if "seeds" in given and "preset" not in given:
        raise InterpretError("--seeds trains the arms of a preset; name it with --preset, or give one --seed")
    alone = [name for name in ("mechanism", "seed", *OPTIONS) if name in given]
    if len(set(given.get("seeds", ()))) < len(given.get("seeds", ())):
        raise InterpretError("--seeds names a seed twice: it would count one model as two; name each once")
    if "seeds" in given and alone:
        raise InterpretError(f"--seeds trains all arms of the preset; leave out --{alone[0].replace('_', '-')}")
    check_writable(given["out"], folder="seeds" in given)


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Make the folder to write into, before hours of training and not after.

    Raises:
        InterpretError: it cannot be made, or `path` is a folder where a file is wanted.
    """
    try:
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterpretError(f"--out {path}: its folder cannot be made ({error.strerror}); choose another") from error
    if path.is_dir() and not folder:
        raise InterpretError(f"--out {path} is a folder; name a file in it, such as {path / 'model.pt'}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 0,1,2") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _name_or_number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
