"""Files of strangers that want something: refused in one line, at once, and none of their code is run."""

import json
import os
import pickle
import resource
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from interpret.foundation.errors import CheckpointError, InterpretError
from interpret.foundation.text import printable
from interpret.models import container
from interpret.models.architecture import ALLOWED
from interpret.models.checkpoint import read, save
from interpret.models.description import describe
from interpret.models.loading import load
from interpret.models.recorded import recorded
from tests.models import tiny


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "model.pt"


def own(**changes: Any) -> dict[str, Any]:
    """What a file of this project holds, with some of it replaced."""
    loaded = tiny(dtype=torch.float32)
    spec = {"backbone": loaded.spec.backbone, "architecture": loaded.spec.architecture}
    content = {"format": "interpret-vit/1", "name": "own", "spec": spec, "history": [], "record": {}}
    return content | {"state_dict": loaded.model.state_dict()} | changes


def with_spec(**changes: Any) -> dict[str, Any]:
    """Likewise, of the specification."""
    content = own()
    return content | {"spec": content["spec"] | changes}


def with_architecture(**changes: Any) -> dict[str, Any]:
    """Likewise, of the arguments of the architecture."""
    return with_spec(architecture=own()["spec"]["architecture"] | changes)


def refused(content: Any, file: Path, message: str) -> None:
    torch.save(content, file)
    with pytest.raises(InterpretError) as caught:
        load(file)
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["checkpoint_path", "pretrained", "pretrained_cfg", "cache_dir", "pretrained_cfg_overlay", "scriptable"]
)
def test_a_file_cannot_have_another_one_opened(name, file):
    other = file.with_name("other.pth")
    torch.save(dict(tiny().model.state_dict()), other)
    refused(with_architecture(**{name: str(other)}), file, f"{name!r} is no argument of a plain ViT; leave it out")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 10**9), ("depth", 2.0), ("embed_dim", 10**9), ("num_heads", -2), ("num_heads", True),
        ("img_size", "32"), ("img_size", (32, 48, 3)), ("norm_eps", float("nan")), ("norm_eps", 0), ("mlp_ratio", [4]),
        ("act_layer", "os.system"), ("mlp_layer", "torch.nn.Linear"), ("norm_layer", "batchnorm"), ("block_fn", None),
        ("head", [["linear", 24]]), ("head", [["exec", 24]]), ("head", [[]]), ("head", 5), ("head_dim", 0),
        ("class_token", 0), ("drop_rate", 2), ("init_values", float("inf")), ("init_values", 10**400),
        ("global_pool", "prr"),
    ],
)  # fmt: skip
def test_an_architecture_is_made_of_plain_arguments(name, value, file):
    refused(with_architecture(**{name: value}), file, f"{name}")


def test_all_arguments_that_are_allowed_are_timm_s_or_stand_for_one():
    known = VisionTransformer.__init__.__annotations__
    assert set(ALLOWED) - set(known) == {"norm_eps", "head", "head_dim"}


def test_a_file_of_this_project_is_as_these_tests_write_it(file):
    torch.save(own(), file)
    found = load(file)
    save(file, found)
    assert load(file).spec == found.spec


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "checkpoints").glob("*.pt")), ids=lambda at: at.stem
)
def test_nothing_is_left_out_of_a_file_that_is_as_it_was_written(path):
    assert recorded(read(path), path, path.stat().st_size).notes == ()


def test_a_long_history_of_a_large_model_is_kept(file):
    of_heads = [[1 / 3] * 12] * 12
    history = [
        {"epoch": epoch, "indicators": {f"i{number}": of_heads for number in range(12)}} for epoch in range(1, 71)
    ]
    torch.save(own(history=history), file)
    found = load(file)
    assert (len(found.history), found.assumed) == (70, ())


def test_what_is_given_takes_the_place_of_what_cannot_be(file):
    torch.save(with_spec(std=(0, 0, 0)), file)
    assert load(file, std=(0.5, 0.5, 0.5)).spec.std == (0.5, 0.5, 0.5)


LEFT_OUT = {
    "name": [5, ["a"], "", " ", "x" * 999, None],
    "history": [None, 5, [None], [{"epoch": 0}], [{"train_loss": 1.0}], [{"epoch": 1, "train_loss": "low"}],
                [{"epoch": 1, "indicators": [0.5]}], [{"epoch": 1, "indicators": {"sparsity": [[1.0], [1.0, 2.0]]}}]],
    "record": [None, [], {"test_accuracy": 0.5}, {"recipe": None}, {"recipe": {"data": 5}}, {1: 2}, {"a": b"1"},
               {"test_accuracy": float("nan"), "images": {"test": 9}, "recipe": {"data": "shapes"}},
               {"trained": "softmax"}, {"trained": ("nothing", {})}, {"a": 10**400}, {"a": float("inf")}],
}  # fmt: skip


@pytest.mark.parametrize(("part", "value"), [(part, value) for part, listed in LEFT_OUT.items() for value in listed])
def test_what_only_describes_a_model_is_left_out_where_it_cannot_be(part, value, file):
    torch.save(own(**{part: value}), file)
    found = load(file)
    assert found.assumed == (f"its {part} left out: not as this project writes it",)
    assert (found.name, found.history, found.provenance) == ("model" if part == "name" else "own", [], {})
    json.dumps(describe(found), allow_nan=False)


def test_names_of_classes_that_are_none_are_left_out(file):
    torch.save(with_spec(classes=list(range(5))), file)
    found = load(file)
    assert (found.class_name(4), found.assumed) == (
        "class 4", ("its names of classes left out: not as this project writes it",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": 5}, "the backbone of its spec is a int"),
        ({"backbone": "vit_tny"}, "timm has no backbone 'vit_tny'"),
        ({"architecture": [1]}, "the architecture of its spec is a tuple"),
        ({"mechanism": None}, "the mechanism of its spec is a NoneType"),
        ({"mechanism": "softmx"}, "unknown mechanism 'softmx'; did you mean 'softmax'?"),
        ({"options": {"tau": 0.1}}, "'softmax' with the options of its spec"),
        ({"mechanism": "hard_threshold", "options": {"tau": 2.0}}, "tau 2.0 is outside [0, 1)"),
        ({"mechanism": "svda", "options": {"sigma_init": [1]}}, "'svda' with the options of its spec"),
        ({"mean": torch.zeros(3)}, "the mean of its spec is not a number for each channel of the input; pass mean="),
        ({"mean": None}, "the mean of its spec is not a number for each channel of the input; pass mean="),
        ({"bands": None}, "the bands of its spec is not one channel or three, counted from 0; pass bands="),
        ({"range": (4095, 0)}, "the range of its spec is not two numbers, the lower before the higher; pass range="),
        ({"bands": ["red"]}, "the bands of its spec is not one channel or three, counted from 0; pass bands="),
        ({"task": "guessing"}, "the task of its spec: unknown task 'guessing'"),
        (
            {"std": (0, 0, 0)},
            "the std of its spec is not a number for each channel of the input, each above 0; pass std=",
        ),
        ({"std": (0.5, 0.5)}, "std has 2 numbers and the input 3 channels"),
        (
            {"mean": (0.5, float("nan"), 0.5)},
            "the mean of its spec is not a number for each channel of the input; pass mean=",
        ),
        ({"wings": 2}, "its spec is of another version of this format"),
    ],
)
def test_a_specification_that_cannot_be_is_refused(changes, message, file):
    refused(with_spec(**changes), file, message)


@pytest.mark.parametrize("spec", [None, 5, [], {}, {"backbone": "vit_tiny_patch16_224", 5: 5}])
def test_a_file_without_a_specification_is_refused(spec, file):
    refused(own(spec=spec), file, "its spec is of another version of this format, or of none")


@pytest.mark.parametrize("tensors", [None, [], {"a": 5}, {5: torch.ones(1)}])
def test_a_file_without_tensors_is_refused(tensors, file):
    refused(own(state_dict=tensors), file, "its state_dict is no dictionary of tensors")


def test_layers_of_a_head_must_fit_each_other(file):
    layers = [["linear", 24, 7, True], ["relu"], ["linear", 6, 5, True]]
    refused(with_architecture(head=layers), file, "the linear of its head takes 6 numbers and is given 7")
    refused(with_architecture(head=[["linear", 24, 7, True]]), file, "its head gives 7 numbers and it has 5 classes")


def test_weights_that_are_not_those_that_were_saved_are_refused(file):
    loaded = tiny("svda", dtype=torch.float32)
    save(file, loaded)
    content = torch.load(file, weights_only=True)
    content["state_dict"]["norm.bias"][3] += 1e-3
    refused(content, file, "its weights are not those that were saved, a checksum says; copy the file again")
    del content["checksum"]
    torch.save(content, file)
    assert load(file).name == "tiny"


@pytest.mark.parametrize("position", [0.3, 0.5, 0.8])
def test_one_bit_of_a_weight_in_an_archive_is_found(position, file):
    torch.save(dict(tiny(dtype=torch.float32).model.state_dict()), file)
    content = bytearray(file.read_bytes())
    content[int(position * len(content))] ^= 4
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"the checksum of .* in it does not fit; copy or download it again\Z"):
        load(file, heads=3, img_size=(32, 48))


def test_an_archive_without_checksums_loads(file):
    raw = dict(tiny(dtype=torch.float32).model.state_dict())
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(raw, file)
    finally:
        torch.serialization.set_crc32_options(True)
    assert load(file, heads=3, img_size=(32, 48)).heads == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_view_of_the_opposite_sign_keeps_it(dtype, file):
    raw = {key: value.to(dtype) for key, value in tiny(dtype=torch.float32).model.state_dict().items()}
    weight = raw["head.weight"].clone()
    torch.save(raw | {"head.weight": torch._neg_view(weight)}, file)
    found = load(file, heads=3, img_size=(32, 48)).model.state_dict()["head.weight"]
    assert torch.equal(found, -weight.float())


EXPANDED = {
    "width": {"patch_embed.proj.weight": torch.zeros(1).expand(20000, 3, 4, 4)},
    "channels": {"patch_embed.proj.weight": torch.zeros(1).expand(24, 10**6, 8, 8)},
    "patch": {"patch_embed.proj.weight": torch.zeros(1).expand(2400, 3, 1000, 1000)},
    "MLP": {"blocks.0.mlp.fc1.weight": torch.zeros(1).expand(10**6, 24)},
    "block far away": {"blocks.10000000.norm1.weight": torch.ones(24)},
    "many blocks": {f"blocks.{index}.norm1.weight": torch.ones(1) for index in range(20000)},
}


@pytest.mark.parametrize("name", EXPANDED)
def test_a_small_file_cannot_ask_for_a_large_model(name, file):
    raw = dict(tiny(dtype=torch.float32).model.state_dict())
    torch.save(raw | EXPANDED[name], file)
    before, begun = memory(), time.process_time()
    with pytest.raises(InterpretError):
        load(file, heads=3, img_size=(32, 48))
    assert memory() - before < 500
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("changes", [{"depth": 1000}, {"embed_dim": 21000}, {"mlp_ratio": 1e6}, {"img_size": 20000}])
def test_a_specification_cannot_ask_for_a_large_model(changes, file):
    before, begun = memory(), time.process_time()
    refused(with_architecture(**changes), file, "")
    assert memory() - before < 500
    assert time.process_time() - begun < 10


def memory() -> float:
    """The most that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_an_archive_that_unpacks_to_far_more_is_refused(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}, 2))
        archive.writestr("model/data/0", bytes(10**8))
    with pytest.raises(CheckpointError, match=r"0\.1 MB that unpack to 100 MB; save it with torch\.save\Z"):
        load(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_cannot_ask_for_memory(zipped, file):
    class Growing:
        def __reduce__(self) -> Any:
            return bytearray, (10**11,)

    torch.save({"a": Growing()}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="holds a bytearray, which may ask for any memory"):
        load(file)


def test_a_pickle_cannot_ask_for_time(file, monkeypatch):
    monkeypatch.setattr(container, "MOST_PICKLED", 5000)
    torch.save({"a": [None] * 9000}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load(file)
    torch.save({"a": [None] * 9000}, file)
    with pytest.raises(CheckpointError, match="0 MB of names and objects beside its tensors"):
        load(file)


def test_dictionaries_that_hold_each_other_are_looked_at_once(file):
    inner: dict[str, Any] = {"a": 1}
    for _ in range(9):
        inner = {str(index): inner for index in range(30)}
    inner["itself"] = inner
    refused(inner, file, "expected a ViT of a known family")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    for path in (tmp_path / "pipe.pt", Path("/dev/zero")):
        with pytest.raises(CheckpointError, match="a pipe, a device or the like; expected a file"):
            load(path)
    with pytest.raises(CheckpointError, match=r"a link that leads nowhere; it points to .*loop\.pt\Z"):
        load(tmp_path / "loop.pt")


def test_keys_reach_no_terminal_as_they_are(file, caplog):
    raw = dict(tiny(dtype=torch.float32).model.state_dict())
    hostile = "\x1b[2J\u202e\n"
    two = {f"{part}.{key}": raw[key] for part in (f"{hostile}a", "c") for key in raw}
    torch.save(two, file)
    with pytest.raises(InterpretError) as caught:
        load(file)
    assert str(caught.value).isprintable()
    assert r"\x1b[2J\u202e" in str(caught.value)
    torch.save({f"{hostile}.{key}": raw[key] for key in raw}, file)
    found = load(file, heads=3, img_size=(32, 48))
    assert all(map(str.isprintable, [*found.assumed, *(record.getMessage() for record in caplog.records)]))


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\u202e", "\u2066", "\u200f", "\u2028", "\udce9", "\x7f", "\t"])
def test_what_moves_a_line_is_escaped(char):
    assert printable(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"
    assert printable("né 猫 \N{GRINNING FACE}\u200d") == "né 猫 \N{GRINNING FACE}\u200d"


def test_tensors_that_lie_otherwise_in_memory_are_the_same_weights(file):
    save(file, tiny(dtype=torch.float32))
    content = torch.load(file, weights_only=True)
    tensors = content["state_dict"]
    tensors["head.weight"] = tensors["head.weight"].T.contiguous().T
    tensors["norm.bias"] = torch.stack([tensors["norm.bias"]] * 2, dim=1)[:, 0]
    torch.save(content, file)
    assert load(file).assumed == ()
