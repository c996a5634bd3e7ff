"""A checkpoint file: written whole, read without running what is in it. The door to `torch.load`."""

import dataclasses
import io
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.files import write_atomically
from interpret.models.container import ARCHIVE, DAMAGED, SAFETENSORS, Metered, check_whole
from interpret.models.loaded_model import LoadedModel
from interpret.models.preserving import untouched
from interpret.models.stand_ins import stand_ins
from interpret.models.stored import checksum
from interpret.models.weights import INDEX, shards

FORMAT = "interpret-vit/1"


def save(path: Any, loaded: Any, dtype: torch.dtype | None = None) -> None:
    """Write weights and spec to one file, whole or not at all.

    The provenance keeps the mechanism of the training where the model has another now. A checksum of the weights lies
    beside them, which `load` checks.

    Args:
        dtype: of the weights in the file, for example `torch.float16`; what a mechanism learns stays as it is.

    Raises:
        CheckpointError: a model from memory that is not what its specification builds.
        InterpretError: something that is no loaded model.

    Example:
        >>> import interpret
        >>> interpret.save("mine.pt", interpret.load("checkpoints/shapes-softmax.pt"))
        >>> interpret.load("mine.pt")
        LoadedModel('shapes-softmax', softmax, 4 layers, 3 heads, N=65)
    """
    if not isinstance(loaded, LoadedModel):
        raise InterpretError(f"save takes a path and what interpret.load gives; got a {type(loaded).__name__} second")
    _prove(loaded)
    weights = {key: tensor.cpu().contiguous() for key, tensor in converted(loaded.model, dtype).items()}
    payload = {
        "format": FORMAT,
        "name": loaded.name,
        "spec": dataclasses.asdict(loaded.spec),
        "history": loaded.history,
        "record": loaded.provenance if loaded.as_trained else loaded.provenance | {"trained": loaded.trained},
        "state_dict": weights,
        "checksum": checksum(weights),
    }
    write(Path(path), payload)


def write(path: Path, payload: dict[str, Any]) -> None:
    """What `read` reads, whole or not at all; bytes that depend on what is written alone, not on the file's name."""

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            torch.save(payload, file)

    write_atomically(path, fill)


def _prove(loaded: LoadedModel) -> None:
    """A model from memory is what its specification builds, or the file would be another model.

    Raises:
        CheckpointError: it is not.
    """
    if loaded.sha256:
        return
    if loaded.measured:
        raise CheckpointError(
            f"{loaded.name} cannot be saved: it is a {type(loaded.model).__name__}, looked at as it is, and no "
            "specification builds it; keep your own code and its state_dict()"
        )
    with torch.random.fork_rng(), untouched(loaded.model), torch.no_grad():
        built = loaded.spec.build().to(loaded.device, next(loaded.model.parameters()).dtype).eval()
        images = torch.randn(1, loaded.channels, *loaded.img_size).to(next(loaded.model.parameters()))
        fits = not any(built.load_state_dict(loaded.model.state_dict(), strict=False))
        close = fits and torch.allclose(built(images), loaded.model(images), rtol=1e-3, atol=1e-4)
    if not close:
        raise CheckpointError(
            f"{loaded.name} cannot be saved: what its specification builds ({loaded.spec.backbone}, "
            f"{loaded.spec.rule}) gives other logits; keep your own code and its state_dict()"
        )


def converted(model: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """The state dict in `dtype`, but for what a mechanism learns: fp16 would round sigma by as much as it has moved."""
    tensors = model.state_dict()
    rounded = [key for key, tensor in tensors.items() if tensor.is_floating_point() and ".mechanism." not in key]
    return tensors | {key: tensors[key].to(dtype) for key in rounded if dtype}


def read(file: Path) -> dict[str, Any]:
    """The content of a weight file, or of all that an index names; code in it is never run.

    Arguments, paths, dates and the like beside the weights come as objects that do nothing.

    Raises:
        CheckpointError: damaged, another kind of file, larger than it can be, holding pickled code, or no dictionary.
    """
    if file.name.endswith(INDEX):
        return {key: value for shard in shards(file) for key, value in read(shard).items()}
    try:
        kind = check_whole(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror or error})") from None
    try:
        payload = safetensors.torch.load_file(file) if kind == SAFETENSORS else _unpickled(file, kind)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{file}: {_why_refused(str(error))}") from None
    except Exception:  # bytes that anybody wrote end in any error of PyTorch's, NumPy's and Python's readers
        raise CheckpointError(f"{file}: {DAMAGED}") from None
    if not isinstance(payload, Mapping):
        raise CheckpointError(f"{file}: expected a dictionary of tensors, found {type(payload).__name__}")
    return dict(payload)


def _unpickled(file: Path, kind: str) -> Any:
    """What torch reads; of a bare pickle it is fed step by step, so that one which only takes time is given up."""
    with (
        warnings.catch_warnings(action="ignore"),
        stand_ins(),
        file.open("rb") if kind == ARCHIVE else Metered(io.FileIO(file)) as opened,
    ):
        return torch.load(opened, map_location="cpu", weights_only=True)


def _why_refused(reason: str) -> str:
    code = re.search(r"GLOBAL ([\w.]+)", reason)
    if code is None:
        return DAMAGED
    return (
        f"holds pickled code ({code.group(1)}), which is never run; save its state_dict() with torch.save or as "
        "safetensors, and load that"
    )
