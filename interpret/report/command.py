"""The command line: checkpoints in, the path of a report out. What it needs to explain itself imports nothing heavy."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from interpret.foundation.command_line import OneLineParser, entries, positive, run, valued, whole
from interpret.foundation.files import place_name
from interpret.foundation.text import printable
from interpret.models.overrides import OVERRIDES, add_overrides
from interpret.report import early
from interpret.report.checkpoints import named, separate

PROGRAM = "python -m interpret.report"
SEVERAL = (
    "several processes share the survey and the sweeps: torchrun --standalone --nproc-per-node 2 -m interpret.report "
    "CKPT ... (on CPUs as on GPUs; one for each GPU: --nproc-per-node gpu)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Look at checkpoints and write a figure pack; the only line on stdout is the path of its `report.html`.

    Under `torchrun` the processes share the survey and the sweeps; the first one writes.
    With --compare nothing is looked at: what changed between two packs stands on stdout, as Markdown.

    Returns:
        0, 2 after one line on stderr that says what the user can mend, 130 where the user interrupts, or 143 where
        a scheduler ends it.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    arguments.command = recorded(argv, arguments)
    verbosity = arguments.verbose - arguments.quiet
    return run(PROGRAM, lambda: _answer(arguments), lambda: "nothing was written", verbosity)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; a usage error leaves with code 2."""
    known = parser()
    arguments = known.parse_args(argv)
    if not arguments.checkpoints and not arguments.compare:
        known.error("the following arguments are required: CKPT")
    if arguments.checkpoints and arguments.compare:
        known.error("argument --compare: not allowed with checkpoints")
    return arguments


def recorded(argv: Sequence[str], arguments: argparse.Namespace) -> str:
    """The command as packs hold it: with --keep-paths as typed, else by names and without --out."""
    known = argv if arguments.keep_paths else valued(argv, partial(_named, arguments=arguments), without="--out")
    return printable(shlex.join([*PROGRAM.split(), *known]))


def _named(value: str, arguments: argparse.Namespace) -> str:
    """An argument without where things lie: other machines have other places."""
    if value in arguments.checkpoints:
        return named(value)
    if value == arguments.data:
        name, colon, root = value.partition(":")
        return f"{name}{colon}{place_name(root) if root else root}"
    known = Path(value) in (*(arguments.images or ()), arguments.store) or os.path.isfile(value)
    return place_name(value) if known else value


def _answer(arguments: argparse.Namespace) -> str:
    separated = [separate(text) for text in arguments.checkpoints]
    arguments.checkpoints, arguments.overrides = [path for path, _ in separated], [own for _, own in separated]
    early.check(arguments)
    if arguments.compare:
        from interpret.report.comparison import compare

        return compare(*arguments.compare).rstrip()
    from interpret.report.job import report

    page = report(arguments)
    return printable(str(page)) if page else ""


def parser() -> argparse.ArgumentParser:
    """The arguments, under timm's names."""
    result = OneLineParser(
        prog=PROGRAM, description="Look at Vision Transformers and write a figure pack.", epilog=SEVERAL
    )
    own = f"FILE:KEY=VALUE,... says of that file alone its {', '.join(OVERRIDES).replace('_', '-')}"
    result.add_argument("checkpoints", nargs="*", metavar="CKPT", help=f"checkpoint files, one or several; {own}")
    _add_data(result.add_argument_group("what is looked at"))
    _add_study(result.add_argument_group("how"))
    _add_output(result.add_argument_group("output"))
    add_overrides(result.add_argument_group("models, where a file does not say it, or to override what it says"))
    return result


def _add_data(group: argparse._ArgumentGroup) -> None:
    source = group.add_mutually_exclusive_group()
    source.add_argument("--images", nargs="+", type=Path, metavar="PATH", help="image files, or a folder of them")
    source.add_argument(
        "--data",
        metavar="NAME[:ROOT]",
        help=f"a data set: {', '.join(entries('data'))}; without images or data: "
        "shapes for models that learned them, else bundled photographs",
    )
    group.add_argument(
        "--limit",
        type=positive,
        default=8,
        metavar="N",
        help="images shown (%(default)s)",
    )
    group.add_argument(
        "--sample",
        type=positive,
        default=128,
        metavar="N",
        help="images that the survey of the indicators and the sweeps see; a large number is all of them (%(default)s)",
    )


def _add_study(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sweep",
        type=strengths,
        nargs="+",
        metavar="NAME[=S,S...]",
        help=f"interventions that are swept, and their strengths: {', '.join(entries('interventions'))}; without it "
        "threshold and, for models with a sigma, sigma_retention",
    )
    maps, measures = (", ".join(entries(room)) for room in ("attributions", "indicators"))
    without = "without it all, but for those that need a target where no model predicts a class"
    group.add_argument("--attributions", nargs="+", metavar="NAME", help=f"{maps}; {without}")
    group.add_argument("--indicators", nargs="+", default=entries("indicators"), metavar="NAME", help=measures)
    group.add_argument("--by-layer", action="store_true", help="sweep each layer alone too")
    group.add_argument(
        "--store", type=Path, metavar="FILE", help="keep what the sweeps saw here, and go on after an interruption"
    )
    group.add_argument("--batch-size", type=positive, default=8, metavar="N", help="images a pass (%(default)s)")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ... (%(default)s)")
    group.add_argument("--seed", type=whole, default=0, help="(%(default)s)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the pack (figures/<names of the checkpoints>)"
    )
    group.add_argument("--overwrite", action="store_true", help="replace a pack that is already there")
    group.add_argument(
        "--keep-paths",
        action="store_true",
        help="record the command with all paths as typed; without it with the names of files alone, and without --out",
    )
    group.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("OLD", "NEW"),
        help="print what changed between two packs, given by their manifest.json, and do nothing else",
    )
    group.add_argument("-v", "--verbose", action="count", default=0, help="more on stderr")
    group.add_argument("-q", "--quiet", action="count", default=0, help="less on stderr")


def strengths(text: str) -> tuple[str, tuple[float, ...] | None]:
    """The name of an intervention and the strengths that follow it, None where there are none."""
    name, named, values = text.partition("=")
    try:
        return name, tuple(float(value) for value in values.split(",")) if named else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{values!r} is not a list of numbers; expected {name}=0,0.1,0.2") from error
