"""What the commands share: arguments that are refused in one line."""

import argparse
import pkgutil
from pathlib import Path
from typing import NoReturn

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def entries(room: str) -> list[str]:
    """Names registered in a folder, read from its files: importing the registry would import PyTorch."""
    folder = Path(__file__).parents[1] / room
    modules = pkgutil.iter_modules([str(folder)])
    return [module.name for module in modules if not (module.ispkg or module.name.startswith("_"))]
