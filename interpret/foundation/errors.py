"""What the user can get wrong, said in one line: the object, what was expected, what was found, what to do."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile

from interpret.foundation.text import printable

BENT = (ArithmeticError, AttributeError, BadZipFile, EOFError, LookupError, MemoryError, RuntimeError)
BENT += (TypeError, ValueError, zlib.error)
"""What structure that is not as expected makes Python raise."""


class InterpretError(ValueError):
    """An error that the user can mend; the command line prints it as one line and exits with code 2.

    Names of somebody else in its message are printable.

    Example:
        >>> import interpret
        >>> try:
        ...     interpret.load("nothing.pt")
        ... except interpret.InterpretError as error:
        ...     str(error)
        'nothing.pt: no such file; expected a checkpoint (.pt, .pth, .ckpt, .bin, .safetensors)'
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(re.sub(r"\s*\n\s*", " ", message)))


class CheckpointError(InterpretError):
    """A checkpoint that is missing, damaged, unsafe, or does not fit the model it is loaded into."""


class ImageError(InterpretError):
    """An image or a data set that cannot be read."""


class UnreadableImageError(ImageError):
    """An image file that cannot be opened.

    Attributes:
        image: what the image is called.
        why: the rest of the sentence.
    """

    def __init__(self, image: str, why: str) -> None:
        super().__init__(f"image {image} {why}")
        self.image, self.why = image, why


class NoSuchImageError(ImageError, IndexError):
    """A position that a data set does not have."""


class UnknownNameError(InterpretError):
    """A name that no registry entry carries."""


class UnknownControlError(InterpretError, AttributeError):
    """A control that an explorer does not have."""


class UnsupportedModelError(InterpretError):
    """A model whose attention this toolkit cannot look at truthfully."""


class MissingTensorError(InterpretError):
    """A tensor that `trace(keep=...)` did not keep."""


class NoEvidenceError(InterpretError):
    """A map that shows nothing: its gradient is exactly zero, or it is constant over the patches."""


@contextmanager
def read_as(what: str, expected: str) -> Iterator[None]:
    """Scope in which the structure of a file of others is read.

    Raises:
        InterpretError: it is not as `expected`.
    """
    try:
        yield
    except InterpretError:
        raise
    except BENT as error:
        reason = " ".join(str(error).split())[:100] or "nothing more is known"
        raise InterpretError(f"{what}: not {expected} ({type(error).__name__}: {reason}); write it again") from error


def first_line(error: Exception) -> str:
    """What it says in its first line; its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
