"""Where the weights of a checkpoint lie: told without reading them, so without PyTorch."""

from pathlib import Path

from interpret.foundation.errors import CheckpointError
from interpret.foundation.files import check_exists

FOLDER_FILES = ("model.safetensors", "pytorch_model.bin")


def weight_file(path: Path) -> Path:
    """The file itself, or the one that a folder as timm and Hugging Face write it holds.

    Raises:
        CheckpointError: nothing is there, or a folder of something else.
    """
    check_exists(path, CheckpointError, "a checkpoint (.pt, .pth, .ckpt, .bin, .safetensors)")
    if not path.is_dir():
        return path
    for name in FOLDER_FILES:
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"{path}: a folder without {' or '.join(FOLDER_FILES)}; name the weight file itself")
