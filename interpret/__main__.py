"""`python -m interpret COMMAND ...`, also installed as `interpret-vit`: hands what follows on to a command."""

import argparse
import importlib
import sys
from collections.abc import Sequence

import interpret
from interpret.foundation.command_line import OneLineParser, refuse
from interpret.foundation.errors import UnknownNameError
from interpret.foundation.registry import check_name

PROGRAM = "python -m interpret"
COMMANDS = {
    "inspect": "interpret.models.inspection",
    "report": "interpret.report.command",
    "train": "interpret.train.command",
}
"""Name -> the module whose `main` does it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command with the arguments after its name.

    Returns:
        What the command returns; 2 after one line on stderr where there is no such command.
    """
    arguments = parser().parse_args(argv)
    try:
        check_name("command", arguments.command, COMMANDS)
    except UnknownNameError as error:
        return refuse(PROGRAM, str(error))
    return importlib.import_module(COMMANDS[arguments.command]).main(arguments.arguments)


def parser() -> argparse.ArgumentParser:
    """A command and its arguments, which are the command's own to understand."""
    result = OneLineParser(prog=PROGRAM, description=(interpret.__doc__ or "").partition("\n")[0])
    result.add_argument("--version", action="version", version=interpret.__version__)
    result.add_argument("command", metavar=f"{{{','.join(COMMANDS)}}}", help="`COMMAND --help` says more")
    result.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="those of the command")
    return result


if __name__ == "__main__":
    sys.exit(main())
