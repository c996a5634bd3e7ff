"""The manifest of a figure pack, read back: what made the pack, and the SHA-256 of every file in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpret.foundation.errors import InterpretError
from interpret.foundation.files import check_exists, sha256

MANIFEST = "manifest.json"
FORMAT = "interpret-pack/1"
PARTS = {"settings": (dict, str), "models": (list, dict), "images": (list, str), "files": (dict, str)}
"""What each part is, and what is in it: of a dictionary, the keys."""


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says of the pack in `folder`.

    Attributes:
        settings: what was asked for, and the versions it was done with.
        models: what is known of each model.
        images: their ids, in order.
        files: path within the pack -> SHA-256.
    """

    folder: Path
    settings: dict[str, Any]
    models: list[dict[str, Any]]
    images: list[str]
    files: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a `manifest.json`.

        Raises:
            InterpretError: the file is missing or is no manifest of a pack.
        """
        check_exists(path, InterpretError, f"the {MANIFEST} of a pack")
        if path.is_dir():
            inside = (path / MANIFEST).is_file()
            advice = f"give {path / MANIFEST}" if inside else f"it has no {MANIFEST}, so is no pack"
            raise InterpretError(f"{path} is a folder; expected the {MANIFEST} of a pack: {advice}")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (RecursionError, ValueError) as error:
            raise InterpretError(f"{path} is not JSON; expected the {MANIFEST} of a pack") from error
        known = isinstance(content, dict) and content.get("format") == FORMAT
        whole = known and all(_is_part(content.get(part), *kinds) for part, kinds in PARTS.items())
        if not whole or not _is_part(list(content["files"].values()), list, str):
            raise InterpretError(f"{path} is no manifest of the format {FORMAT}; give one, or write the pack again")
        return cls(path.parent, **{part: content[part] for part in PARTS})

    def under(self, folder: str) -> dict[str, str]:
        """Name -> SHA-256 of the files in one folder of the pack."""
        return {name: digest for name, digest in self.files.items() if name.startswith(f"{folder}/")}

    def file(self, name: str) -> Path:
        """A file of the pack.

        Raises:
            InterpretError: it lies elsewhere, is missing, or was changed after the pack was written.
        """
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise InterpretError(f"{path} lies outside the pack that lists it, and is not read")
        if not path.is_file() or sha256(path) != self.files[name]:
            raise InterpretError(f"{path} is not the file that its manifest lists; write the pack again")
        return path


def _is_part(value: Any, kind: type, inner: type) -> bool:
    return isinstance(value, kind) and all(isinstance(each, inner) for each in value)
