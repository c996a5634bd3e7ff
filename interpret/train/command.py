"""The command line: arguments in, the path of a checkpoint out."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interpret.errors import InterpretError

PROGRAM = "python -m interpret.train"
ARCHITECTURE = ("img_size", "patch_size", "embed_dim", "depth", "num_heads")
OPTIONS = ("tau", "tau_init", "sigma_init")
RECIPE = ("data", "weight_init", "epochs", "batch_size", "lr", "weight_decay", "warmup_epochs", "patience")
RECIPE += ("seed", "shift", "vflip", "limit", "device", "amp", "save_dtype")

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Train one model and write it; the only line on stdout is the path written.

    Returns:
        0, or 2 after one line on stderr that says what the user can mend.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(argv)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("interpret").setLevel(logging.INFO)
    try:
        _train(arguments, shlex.join([*PROGRAM.split(), *argv]))
    except InterpretError as error:
        sys.stderr.write(f"{PROGRAM}: error: {error}\n")
        return 2
    sys.stdout.write(f"{arguments.out}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments, under timm's names."""
    result = argparse.ArgumentParser(
        prog=PROGRAM, description="Train a Vision Transformer with one attention mechanism and write a checkpoint."
    )
    result.add_argument("--data", required=True, metavar="NAME[:ROOT]", help="a registered data set, e.g. shapes")
    result.add_argument("--out", required=True, type=Path, metavar="FILE.pt", help="the checkpoint to write")
    _add_model(result.add_argument_group("model"))
    _add_recipe(result.add_argument_group("recipe"))
    return result


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--mechanism", default="softmax", metavar="NAME", help="how attention is formed (%(default)s)")
    group.add_argument("--tau", type=float, help="threshold on attention probabilities, in [0, 1)")
    group.add_argument("--tau-init", type=float, help="learned_threshold: every head's tau before training")
    group.add_argument("--sigma-init", type=_name_or_number, help="svda: one, sqrt_d, parity (= d), or a number")
    group.add_argument("--backbone", default="vit_tiny_patch16_224", metavar="NAME", help="timm's name (%(default)s)")
    for name in ARCHITECTURE:
        group.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help="default: the backbone's own")
    group.add_argument("--weight-init", choices=("jax", "moco"), help="how weights are drawn; default: likewise")


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--epochs", type=_positive, default=10, metavar="N", help="at most (%(default)s)")
    group.add_argument("--batch-size", type=_positive, default=128, metavar="N", help="images a step (%(default)s)")
    group.add_argument("--lr", type=float, default=1e-3, help="highest learning rate (%(default)s)")
    group.add_argument("--weight-decay", type=float, default=0.05, help="of matrices (%(default)s)")
    group.add_argument("--warmup-epochs", type=float, default=1.0, metavar="N", help="may be a fraction (%(default)s)")
    group.add_argument("--patience", type=_positive, default=5, metavar="N", help="epochs without gain (%(default)s)")
    group.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (%(default)s)")
    group.add_argument("--shift", type=int, default=0, metavar="N", help="random shift, pixels (%(default)s)")
    group.add_argument("--vflip", type=float, default=0.0, metavar="P", help="upside-down probability (%(default)s)")
    group.add_argument("--limit", type=_positive, metavar="N", help="use at most N images of each split")
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(%(default)s)")
    group.add_argument("--amp", action="store_true", help="mixed precision, bfloat16")
    group.add_argument("--save-dtype", choices=("float32", "float16"), default="float32", help="(%(default)s)")


def _train(arguments: argparse.Namespace, command: str) -> None:
    check_writable(arguments.out)
    from interpret import checkpoint
    from interpret.train.loop import train
    from interpret.train.recipe import Recipe

    recipe = Recipe(
        backbone=arguments.backbone,
        architecture=_given(arguments, ARCHITECTURE),
        mechanism=arguments.mechanism,
        options=_given(arguments, OPTIONS),
        **{name: getattr(arguments, name) for name in RECIPE},
    )
    trained = train(recipe, name=arguments.out.stem, command=command)
    checkpoint.save(arguments.out, trained, recipe.dtype)


def check_writable(path: Path) -> None:
    """Make the folder of `path`, before hours of training and not after.

    Raises:
        InterpretError: the folder cannot be made, or `path` is itself a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterpretError(f"--out {path}: its folder cannot be made ({error.strerror}); choose another") from error
    if path.is_dir():
        raise InterpretError(f"--out {path} is a folder; name a file in it, such as {path / 'model.pt'}")


def _given(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _name_or_number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
