"""Where the weights of a checkpoint lie: told without reading them, so without PyTorch."""

import json
import re
from pathlib import Path

from interpret.foundation.errors import CheckpointError
from interpret.foundation.files import check_exists
from interpret.models.settings import LARGEST

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
"""What the names of weight files mostly end in."""
INDEX = ".index.json"
"""What the name of a file ends in that says which tensor lies in which shard."""
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin", f"model.safetensors{INDEX}", f"pytorch_model.bin{INDEX}")
ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
MERGE_FIRST = "merge it first: merged = model.merge_and_unload(), then torch.save(merged.state_dict(), 'merged.pt')"
SHARD = re.compile(r"(.+)-\d{5}-of-(\d{5})(\.\w+)")


def weight_file(path: Path) -> Path:
    """The file itself, or the one that a folder as timm and Hugging Face write it holds.

    Raises:
        CheckpointError: nothing is there, a folder of something else, or one shard of several.
    """
    check_exists(path, CheckpointError, f"a checkpoint ({', '.join(SUFFIXES)})")
    if not path.is_dir():
        _check_whole(path)
        return path
    for name in FOLDER_FILES:
        if (path / name).is_file():
            return path / name
    if any((path / name).is_file() for name in ADAPTERS):
        raise CheckpointError(f"{path}: a LoRA or other adapter without the model it adapts; {MERGE_FIRST}")
    there = ", ".join(str(file) for file in sorted(path.iterdir()) if file.suffix in SUFFIXES)
    raise CheckpointError(
        f"{path}: a folder without {' or '.join(FOLDER_FILES[:2])}; name the weight file itself{there and f': {there}'}"
    )


def shards(file: Path) -> list[Path]:
    """The files that hold the weights: those that an index names, in its order, or the file itself.

    Raises:
        CheckpointError: an index that is damaged, or a shard that is not there.
    """
    if not file.name.endswith(INDEX):
        return [file]
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError
        names = list(dict.fromkeys(json.loads(file.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        raise CheckpointError(f"{file}: no index of shards; expected a weight_map from tensors to files") from None
    if not all(isinstance(name, str) and Path(name).name == name and not name.endswith(INDEX) for name in names):
        raise CheckpointError(f"{file}: names shards outside its own folder, or an index; they lie beside it")
    for name in names:
        check_exists(file.parent / name, CheckpointError, f"a shard that {file.name} names")
    return [file.parent / name for name in names]


def _check_whole(path: Path) -> None:
    part = SHARD.fullmatch(path.name)
    if part and int(part[2]) > 1:
        raise CheckpointError(f"{path}: one of {int(part[2])} shards; name its folder, or {part[1]}{part[3]}{INDEX}")
