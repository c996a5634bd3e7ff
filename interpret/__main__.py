"""`python -m interpret COMMAND ...`, also installed as `interpret-vit`: hands what follows on to a command."""

import argparse
import importlib
import sys
from collections.abc import Sequence

import interpret
from interpret.foundation.command_line import OneLineParser

COMMANDS = ("report", "train")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command with the arguments after its name.

    Returns:
        What the command returns; where there is no such command, Python is left with code 2 after one line on stderr.
    """
    arguments = parser().parse_args(argv)
    return importlib.import_module(f"interpret.{arguments.command}.command").main(arguments.arguments)


def parser() -> argparse.ArgumentParser:
    """A command and its arguments, which are the command's own to understand."""
    result = OneLineParser(prog="python -m interpret", description=(interpret.__doc__ or "").partition("\n")[0])
    result.add_argument("--version", action="version", version=interpret.__version__)
    result.add_argument("command", choices=COMMANDS, help="`COMMAND --help` says more")
    result.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="those of the command")
    return result


if __name__ == "__main__":
    sys.exit(main())
