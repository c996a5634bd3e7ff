"""Real files, each with something in it replaced, and the process in which such a file is opened and used."""

import json
import os
import random
import resource
import shutil
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from interpret.foundation.errors import InterpretError
from interpret.models import history
from interpret.models.checkpoint import save
from interpret.models.description import describe
from interpret.models.inspection import inspect
from interpret.models.loaded_model import LoadedModel
from interpret.models.loading import load
from tests.models import tiny

SECONDS, MEGABYTES = 10, 2000
"""Of a processor, and above what the process takes before it opens anything."""
CHECKOUT = Path(__file__).parents[1]
CANARY = "was-here"
GIVEN = {"heads": 3, "img_size": (32, 48)}


class Malicious:
    """Unpickling it makes a file."""

    def __reduce__(self) -> Any:
        return os.mkdir, (CANARY,)


JUNK: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True, lambda: 0, lambda: -1, lambda: 10**9, lambda: 10**400, lambda: 2.5,
    lambda: float("nan"),
    lambda: float("inf"), lambda: "", lambda: "\x1b[2J", lambda: "\ud800", lambda: "$x_$" * 500, lambda: b"\xff",
    list, dict, tuple, lambda: [None], lambda: {"a": {"b": {}}}, lambda: {1: 2}, lambda: [[1], [2, 3]],
    lambda: set("ab"),
    lambda: torch.zeros(()), lambda: torch.zeros(3, 0), lambda: torch.zeros(1).expand(20000, 3, 4, 4),
    lambda: torch.zeros(1).expand(10**6), lambda: torch.ones(2, 3, dtype=torch.int8),
    lambda: torch.ones(24).to_sparse(),
    lambda: torch.empty(24, device="meta"), lambda: torch.ones(24, dtype=torch.complex64), lambda: nested(3000),
    lambda: np.float64(1.5), lambda: np.arange(3), lambda: Path("/dev/zero"), lambda: bytearray(8), Malicious,
]  # fmt: skip


def nested(depth: int) -> list[Any]:
    """A list in a list in a list ..."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def write_originals(folder: Path) -> None:
    """Files of five kinds, all of which load."""
    import transformers  # the other process has no need of it

    folder.mkdir()
    for mechanism in ("softmax", "svda"):
        own = tiny(mechanism, dtype=torch.float32)
        save(folder / f"own-{mechanism}.pt", own)
    epoch = {"epoch": 1, "train_loss": 0.5, "seconds": 2.0, "indicators": {"sparsity:weights:": [[0.1] * 3] * 2}}
    record = {"recipe": {"data": "shapes"}, "images": {"test": 9}, "test_accuracy": 0.5, "trained": ("softmax", {})}
    spec, name = tiny().spec, "recorded"
    save(folder / "own-recorded.pt", LoadedModel(tiny(dtype=torch.float32).model, spec, name, [epoch], record))
    shutil.copy(CHECKOUT / "checkpoints" / "shapes-svda.pt", folder / "own-real.pt")
    raw = {key: tensor.clone() for key, tensor in tiny(dtype=torch.float32).model.state_dict().items()}
    torch.save(raw, folder / "timm.pth")
    torch.save({"state_dict": {f"model.{key}": raw[key] for key in raw}, "epoch": 3}, folder / "wrapped.ckpt")
    torch.save(raw, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(raw, folder / "timm.safetensors")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 48}
    config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, id2label={0: "a", 1: "b", 2: "c"})
    transformers.ViTForImageClassification(config).save_pretrained(folder / "transformers")
    (folder / "transformers" / "preprocessor_config.json").write_text('{"image_mean": [0.5], "image_std": [0.5]}')


def mutate(original: Path, folder: Path, chance: random.Random) -> Path:
    """A copy of a file or folder with one to three things in it replaced, at a path of its own."""
    copied = folder / original.name
    if original.is_dir():
        shutil.copytree(original, copied)
        chosen = chance.choice(sorted(copied.iterdir()))
    else:
        shutil.copy(original, copied)
        chosen = copied
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        if chosen.suffix == ".json" and chance.random() < 0.7:
            _mutate_json(chosen, chance)
        elif chance.random() < 0.4:
            _mutate_bytes(chosen, chance)
        else:
            _mutate_content(chosen, chance)
    return copied


def _mutate_bytes(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    place = chance.randrange(len(content)) if content else 0
    kind = chance.choice(["flip", "flip", "flip", "early", "cut", "zeros", "insert", "repeat"])
    if kind == "cut":
        del content[place:]
    elif kind == "zeros":
        content[place : place + 64] = bytes(64)
    elif kind == "insert":
        content[place:place] = chance.randbytes(9)
    elif kind == "repeat":
        content[place:place] = content[place : place + 200]
    elif content:
        content[place % 1500 if kind == "early" else place] ^= 1 << chance.randrange(8)
    file.write_bytes(bytes(content))


def _mutate_json(file: Path, chance: random.Random) -> None:
    try:
        content = json.loads(file.read_text())
        name = chance.choice(sorted(content))
        content[name] = chance.choice(
            [None, True, -1, 10**30, 0.0, "", "x" * 999, [], {}, [None], {"a": 1}, float("nan")]
        )
        file.write_text(json.dumps(content))
    except (ValueError, TypeError, LookupError):
        _mutate_bytes(file, chance)


def _mutate_content(file: Path, chance: random.Random) -> None:
    """Of the dictionaries in a file, a key or a value of one; where that is no longer a file, of its bytes."""
    try:
        tensors_alone = file.suffix == ".safetensors"
        content = safetensors.torch.load_file(file) if tensors_alone else torch.load(file, weights_only=True)
        _replace(_holder(content, chance), chance)
        legacy = {"_use_new_zipfile_serialization": False} if file.suffix == ".bin" else {}
        safetensors.torch.save_file(content, file) if tensors_alone else torch.save(content, file, **legacy)
    except Exception:  # it was damaged before, or cannot be written as this format
        _mutate_bytes(file, chance)


def _holder(content: Any, chance: random.Random) -> Any:
    """A container at any depth."""
    each = content.values() if isinstance(content, dict) else content
    inner = [one for one in each if isinstance(one, dict | list) and len(one)]
    return _holder(chance.choice(inner), chance) if inner and chance.random() < 0.7 else content


def _replace(holder: Any, chance: random.Random) -> None:
    name = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    value = holder[name]
    if isinstance(value, torch.Tensor) and chance.random() < 0.6:
        holder[name] = chance.choice(CHANGES)(value)
        return
    kind = chance.choice(["value", "value", "value", "gone", "rename", "more"])
    if kind == "value" or isinstance(holder, list):
        holder[name] = chance.choice(JUNK)()
    elif kind == "more":
        holder[chance.choice(NAMES)] = chance.choice(JUNK)()
    else:
        del holder[name]
        if kind == "rename":
            holder[chance.choice([f"{name}.0", str(name).upper(), chance.choice(NAMES), 5, ""])] = value


CHANGES: list[Callable[[torch.Tensor], torch.Tensor]] = [
    torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.double, lambda one: one.to(torch.int8),
    lambda one: one[None],
    lambda one: one.flatten(), lambda one: one[:0], lambda one: one.expand(5, *one.shape), lambda one: one * torch.nan,
    lambda one: torch.cat([one, one]) if one.ndim else one, lambda one: one.mT if one.ndim > 1 else one,
    torch._neg_view, lambda one: one[..., :1], lambda one: one.unsqueeze(-1), lambda one: one.to("meta"),
]  # fmt: skip
NAMES = [
    "blocks.0.attn.mechanism.sigma", "blocks.9.norm1.weight", "blocks.10000000.norm1.weight", "blocks.x.norm1.weight",
    "head.0.weight", "head.weight", "reg_token", "mask_token", "cls_token", "pos_embed", "norm_pre.weight", "fc.weight",
    "checkpoint_path", "img_size", "depth", "format", "state_dict", "record", "tau", "\x1b[2Ja.patch_embed.proj.weight",
    "blocks.0.0.mlp.w12.weight", "blocks.0.mlp.fc1.weight_mask", "blocks.0.attn.qkv.base_layer.weight", "classes",
]  # fmt: skip


def use(path: Path) -> str:
    """Inspect a file, open it, and go through what is read of it, as a report does; one line says how that ended."""
    overrides = GIVEN if path.suffix in (".pth", ".ckpt", ".bin", ".safetensors") else {}
    try:
        with suppress(InterpretError):
            list(inspect(path, overrides))
        loaded = load(path, **overrides)
        json.dumps(describe(loaded)).encode()
        history.tidy(loaded.history), history.curves(loaded.history)
        if loaded.channels == 3:
            loaded(loaded.pixels(Image.new("RGB", (40, 30), (9, 99, 199))))
    except InterpretError as error:
        return "refused" if str(error).isprintable() else f"exception: unprintable {error!r}"
    except Exception as error:
        return f"exception: {type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}"
    return "loaded"


def serve(pipe: Connection, folder: str) -> None:
    """The other process: it is killed where a file takes too long, and says what it took."""
    os.chdir(folder)
    torch.set_num_threads(1)
    before = _taken()
    limit = (int(before) + 2 * MEGABYTES) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    while path := pipe.recv():
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome = use(Path(path))
        signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.send((outcome, _taken() - before))


def _taken() -> float:
    """The most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Server:
    """A process that opens files, and another one where that is dead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=serve, args=(theirs, str(self.folder)), daemon=True)
        self.process.start()
        theirs.close()

    def outcome(self, path: Path) -> str:
        """How opening and using it ended."""
        self.pipe.send(str(path))
        try:
            if not self.pipe.poll(12 * SECONDS):
                raise EOFError
            outcome, megabytes = self.pipe.recv()
        except (EOFError, OSError):
            self.stop()
            self._start()
            return "hang or crash"
        if megabytes > MEGABYTES:
            self.stop()
            self._start()
            return f"memory: {megabytes:.0f} MB"
        return outcome

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run(folder: Path, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Open so many mutants; how many ended how, and what is wrong with those that ended as none may."""
    write_originals(folder / "originals")
    originals = sorted((folder / "originals").iterdir())
    counts: Counter[str] = Counter()
    wrong = []
    server = Server(folder)
    for number in range(count):
        place = folder / str(number)
        place.mkdir()
        path = mutate(originals[number % len(originals)], place, random.Random(seed * 10**6 + number))
        outcome = server.outcome(path)
        kind = "code" if (folder / CANARY).exists() else outcome.partition(":")[0]
        counts[kind] += 1
        if kind not in ("loaded", "refused"):
            wrong.append(f"{number} {path.name}: {outcome}")
        else:
            shutil.rmtree(place)
    server.stop()
    return counts, wrong
