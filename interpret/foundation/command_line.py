"""What the commands share: how they are run, and arguments that are refused in one line."""

import argparse
import io
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from interpret.foundation.errors import InterpretError
from interpret.foundation.options import as_numbers, check_tau
from interpret.foundation.registry import check_name, entry_files
from interpret.foundation.text import printable, printable_lines

INTERRUPTED, TERMINATED = 130, 143
"""What a shell expects of a command that Ctrl-C ended, and of one that was told to end (SIGTERM)."""


class Terminated(KeyboardInterrupt):
    """The command was told to end, by a scheduler or a launcher: it cleans up as after Ctrl-C."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: error: {printable(message)} (see --help)\n")


def run(
    program: str, work: Callable[[], object], interrupted: Callable[[], str] = lambda: "", verbosity: int = 0
) -> int:
    """Do the work of a command; what it answers is all that stdout gets, progress and what went wrong go to stderr.

    Args:
        interrupted: what Ctrl-C leaves behind.
        verbosity: of the log, 0 for what everybody wants to know.

    Returns:
        0, 2 after one line on stderr that says what the user can mend, 130 where the user interrupts, or 143 where a
        scheduler ends it.
    """
    _log(verbosity)
    try:
        with _terminable():
            answer = work()
    except InterpretError as error:
        return refuse(program, str(error))
    except OSError as error:
        return refuse(program, f"{error.filename or 'file'}: {error.strerror or error}")
    except Terminated:
        sys.stderr.write(f"\n{program}: terminated; {interrupted()}\n")
        return TERMINATED
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{program}: interrupted; {interrupted()}\n")
        return INTERRUPTED
    if answer:
        sys.stdout.write(f"{printable_lines(str(answer))}\n")
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """Scope that SIGTERM leaves by `Terminated`; a second one changes nothing. Only a main thread gets signals."""

    def end(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Printable(logging.Formatter):
    """The message alone, with nothing in it that moves a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def _log(verbosity: int) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal of another encoding still shows every name
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(Printable())
    logging.basicConfig(handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("interpret").setLevel(logging.INFO - 10 * verbosity)


def refuse(program: str, reason: str) -> int:
    """Say in one line on stderr why nothing is done; the exit code of a command that refuses."""
    sys.stderr.write(f"{program}: error: {printable(' '.join(reason.split()))}\n")
    return 2


def valued(argv: Iterable[str], value: Callable[[str], str], without: str = "") -> list[str]:
    """Arguments with `value` of each that is no option, and without the option `without`, which takes one."""
    kept: list[str] = []
    left_out = False
    for argument in argv:
        option, given, text = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        is_without = len(option) > len("--o") and without.startswith(option)
        if not (left_out or is_without):
            kept.append(f"{option}{given}{value(text)}" if given or not option else argument)
        left_out = is_without and not given
    return kept


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def whole(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number, 0 or more")
    return int(text)


def amount(text: str, most: float = sys.float_info.max) -> float:
    """A number from 0 to `most`."""
    try:
        if 0 <= float(text) <= most:
            return float(text)
    except ValueError:
        pass
    upto = f"from 0 to {most:g}" if most < sys.float_info.max else "0 or more"
    raise argparse.ArgumentTypeError(f"{text} is not a number, {upto}")


def number(text: str) -> float:
    """A finite number."""
    try:
        return as_numbers("", float(text))[0]
    except (ValueError, InterpretError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 0.5") from error


def above_zero(text: str) -> float:
    """A finite number above zero."""
    if number(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number(text)


def threshold(text: str) -> float:
    """A threshold on attention probabilities."""
    try:
        return check_tau(float(text))
    except InterpretError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 0.01") from error


def entries(room: str) -> list[str]:
    """Names registered in a room, read from its files: importing the registry would import PyTorch."""
    return entry_files(f"interpret.{room}")


def check_entries(kind: str, room: str, names: Iterable[str]) -> None:
    """Refuse names that the registry of a room does not carry.

    Raises:
        UnknownNameError: the first of them, with the nearest that is there.
    """
    known = entries(room)
    for name in names:
        check_name(kind, name, known)
