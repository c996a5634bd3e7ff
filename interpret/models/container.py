"""What a file is by its bytes, and whether it can be what it says, before anything in it is believed."""

import io
import mmap
import re
import zipfile
import zlib
from pathlib import Path

from interpret.foundation.errors import CheckpointError

SAFETENSORS, ARCHIVE, PICKLE = "safetensors", "PyTorch archive", "PyTorch pickle"
OTHERS = {
    rb"version https://git-lfs": "a pointer of git-lfs, the weights are elsewhere; run git lfs pull in its repository",
    rb"\s*<(?i:!doctype|html|\?xml)": "a web page, saved in the place of the file; download the file itself",
    rb"\x89HDF": "an HDF5 file, as Keras writes it; load the weights into a PyTorch module, and that",
    rb"\x93NUMPY": "a NumPy array; save a state_dict() with torch.save",
    rb"GGUF": "a GGUF file of rounded weights; load what it was made of",
    rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!|.{257}ustar": "a packed file; unpack it first",
    rb"\x89PNG|\xff\xd8\xff|GIF8|%PDF|RIFF": "a picture or a document, no weights",
    rb"[\s!-~]{16,}\Z": "text, no weights",
}
"""Beginnings of files -> what they are, and what to do."""
MOST_PICKLED = 16 * 2**20
"""Bytes of what lies beside the tensors."""
LOOSE = 2**20
"""Bytes by which the parts of an archive may exceed it."""
UNREADABLE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    LookupError,
    zlib.error,
)
DAMAGED = "not a readable checkpoint; it is damaged, cut short, or no weight file"


def kind_of(file: Path) -> str:
    """SAFETENSORS, ARCHIVE or PICKLE, whatever it is called.

    Raises:
        CheckpointError: it is no regular file, empty, or something else that is known by its beginning.
    """
    if not file.is_file():
        raise CheckpointError(f"{file}: a pipe, a device or the like; expected a file that can be read twice")
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(512)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return SAFETENSORS
    if head.startswith(b"PK"):
        return ARCHIVE
    known = (what for sign, what in OTHERS.items() if re.match(sign, head, re.DOTALL))
    what = next(known, None) if head else "an empty file; write or download it again"
    if what:
        raise CheckpointError(f"{file}: {what}")
    return PICKLE


def check_whole(file: Path) -> str:
    """The kind of a file whose parts are there, undamaged as far as it carries checksums, and no larger than it.

    Raises:
        CheckpointError: they are not.
    """
    kind, pickled = kind_of(file), 0
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if kind == SAFETENSORS:
            pickled = int.from_bytes(content[:8], "little")
        elif content.find(b"\nbytearray\n") >= 0:
            raise CheckpointError(f"{file}: holds a bytearray, which may ask for any memory; save tensors alone")
    if kind == ARCHIVE:
        pickled = _check_archive(file)
    if pickled > MOST_PICKLED:
        raise CheckpointError(
            f"{file}: {pickled / 1e6:.0f} MB of names and objects beside its tensors; save the state_dict() alone"
        )
    return kind


class Metered(io.BufferedReader):
    """A file that is read in a limited number of steps: tensors take few, what is pickled takes one for each word."""

    steps = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Likewise.

        Raises:
            EOFError: too many steps.
        """
        self.steps += 1
        if self.steps > MOST_PICKLED:
            raise EOFError
        return super().read(size)


def _check_archive(file: Path) -> int:
    """The bytes that are pickled in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except UNREADABLE:
        raise CheckpointError(f"{file}: {DAMAGED}") from None
    pickled = _check_parts(parts, file)
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip() if any(part.CRC for part in parts) else None
    except UNREADABLE:
        raise CheckpointError(f"{file}: {DAMAGED}") from None
    if damaged:
        raise CheckpointError(f"{file}: the checksum of {damaged} in it does not fit; copy or download it again")
    return pickled


def _check_parts(parts: list[zipfile.ZipInfo], file: Path) -> int:
    names, size = [part.filename for part in parts], file.stat().st_size
    unpacked = sum(part.file_size for part in parts)
    pickles = [part for part in parts if part.filename.endswith("data.pkl")]
    if unpacked > 2 * size + LOOSE:
        what = f"{size / 1e6:.1f} MB that unpack to {unpacked / 1e6:,.0f} MB; save it with torch.save"
    elif any(re.search(r"/code/|/constants\.pkl$", name) for name in names):
        what = (
            "a TorchScript archive, which holds code; where you trust it, save the state_dict() of what torch.jit.load "
            "gives, with torch.save"
        )
    elif not pickles or any(part.compress_type != zipfile.ZIP_STORED for part in pickles):
        what = f"an archive that torch.save did not write (it holds {', '.join(names[:3])})"
    else:
        return sum(part.file_size for part in pickles)
    raise CheckpointError(f"{file}: {what}")
