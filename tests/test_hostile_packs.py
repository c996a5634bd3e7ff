"""Folders of strangers, damaged or made to lead elsewhere, are refused in one line; nothing outside them is read."""

import hashlib
import io
import json
import shutil

import numpy as np
import pytest

import interpret
from interpret.foundation.errors import InterpretError
from interpret.report.comparison import compare
from tests.synthetic import synthetic_study

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "study"
    synthetic_study().save(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "study")


def changed(key, value):
    def change(folder):
        text = json.loads((folder / "study.json").read_text())
        (folder / "study.json").write_text(json.dumps(text | {key: value(text[key])}))

    return change


def arrays(**changes):
    def change(folder):
        with np.load(folder / "arrays.npz") as file:
            np.savez(folder / "arrays.npz", **(dict(file) | changes))

    return change


def without(name):
    def change(folder):
        with np.load(folder / "arrays.npz") as file:
            np.savez(folder / "arrays.npz", **{key: array for key, array in file.items() if key != name})

    return change


def unknown_packing(folder):
    """Compression method 97 of each entry of the archive."""
    content = (folder / "arrays.npz").read_bytes()
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        head, *entries = content.split(mark)
        entries = [entry[: place - 4] + b"\x61\0" + entry[place - 2 :] for entry in entries]
        content = mark.join([head, *entries])
    (folder / "arrays.npz").write_bytes(content)


def huge_array(folder):
    """A header that declares 800 GB."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
    (folder / "arrays.npz").unlink()
    shutil.make_archive(str(folder / "arrays"), "zip", _filled(folder.parent / "inside", "images.npy", head.getvalue()))
    (folder / "arrays.zip").rename(folder / "arrays.npz")


def _filled(folder, name, content):
    folder.mkdir()
    (folder / name).write_bytes(content)
    return folder


HOSTILE = {
    "a table above the folder": changed("dtypes", lambda types: types | {"../../secret": types["maps"]}),
    "a table at an absolute path": changed("dtypes", lambda types: types | {"/tmp/secret": types["maps"]}),
    "types that are none": changed("dtypes", lambda types: types | {"maps": {"model": "none"}}),
    "types of other columns": changed("dtypes", lambda types: types | {"maps": {"other": "float64"}}),
    "tables in a list": changed("dtypes", list),
    "no tables": changed("dtypes", lambda types: {}),
    "models that are numbers": changed("models", lambda models: [1]),
    "models of which nothing is known": changed("models", lambda models: [{}]),
    "a model whose name is a list": changed("models", lambda models: [models[0] | {"name": ["a"]}, *models[1:]]),
    "a task that is none": changed("models", lambda models: [model | {"task": "stealing"} for model in models]),
    "a task in a list": changed("models", lambda models: [model | {"task": ["regression"]} for model in models]),
    "images without names": changed("image_ids", lambda names: [None, {}, 1, 2]),
    "too few names": changed("image_ids", lambda names: names[:2]),
    "settings in a list": changed("settings", lambda settings: [1]),
    "no settings": changed("settings", lambda settings: {}),
    "deep JSON": lambda folder: (folder / "study.json").write_text(DEEP),
    "no JSON": lambda folder: (folder / "study.json").write_text("{"),
    "no text": lambda folder: (folder / "study.json").write_bytes(b"\xff\xfe"),
    "JSON of something else": lambda folder: (folder / "study.json").write_text("3"),
    "no archive": lambda folder: (folder / "arrays.npz").write_bytes(b"PK no zip"),
    "an empty archive": lambda folder: (folder / "arrays.npz").write_bytes(b""),
    "pickled objects": arrays(images=np.array([{}], dtype=object)),
    "pictures of another shape": arrays(images=np.zeros((4, 2), dtype=np.uint8)),
    "an array of 800 GB": huge_array,
    "no map": without("map/0/rollout"),
    "no heatmap": without("heatmap/0"),
    "no tau map": without("tau_map/2"),
    "an archive packed in an unknown way": unknown_packing,
    "an empty table": lambda folder: (folder / "maps.csv").write_text(""),
    "a table that is none": lambda folder: (folder / "maps.csv").write_bytes(b'a,b\n"1,2\n3'),
}


@pytest.mark.parametrize("damage", HOSTILE.values(), ids=HOSTILE)
def test_a_study_that_is_none_is_refused_in_one_line(damage, folder):
    (folder.parents[1] / "secret.csv").write_text("model\nsecret\n")
    damage(folder)
    with pytest.raises(InterpretError) as caught:
        interpret.Study.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("name", ["arrays.npz", "maps.csv"])
def test_a_study_without_a_file_says_which_is_missing(name, folder):
    (folder / name).unlink()
    with pytest.raises(InterpretError, match=f"{name}: no such file"):
        interpret.Study.load(folder)


@pytest.fixture
def pack(folder):
    """As much of a pack as a comparison reads."""
    (folder / "tables").mkdir()
    shutil.move(folder / "maps.csv", folder / "tables")
    _write(folder)
    return folder


def _write(folder, **changes):
    tables = {f"tables/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("tables/*")}
    text = {"format": "interpret-pack/1", "settings": {}, "models": [], "images": [], "files": tables} | changes
    (folder / "manifest.json").write_text(json.dumps(text))


MANIFESTS = {
    "models that are numbers": {"models": [1]},
    "models without names": {"models": [{}]},
    "a model whose name is a list": {"models": [{"name": ["a"]}]},
    "images without names": {"images": [None, {}]},
    "a table outside the pack": {"files": {"tables/../../secret.csv": hashlib.sha256(b"a\n1\n").hexdigest()}},
    "hashes that are none": {"files": {"tables/maps.csv": 3}},
}


@pytest.mark.parametrize("changes", MANIFESTS.values(), ids=MANIFESTS)
def test_a_comparison_with_a_hostile_manifest_is_refused_in_one_line(changes, pack, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    other = shutil.copytree(pack, tmp_path / "other")
    _write(other, **changes)
    for pair in ((pack, other), (other, pack)):
        with pytest.raises(InterpretError) as caught:
            compare(*(each / "manifest.json" for each in pair))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("manifest.json", DEEP), ("tables/maps.csv", "")])
def test_a_comparison_with_a_damaged_file_is_refused_in_one_line(name, content, pack, tmp_path):
    other = shutil.copytree(pack, tmp_path / "other")
    (other / name).write_text(content)
    if name != "manifest.json":
        _write(other)
    with pytest.raises(InterpretError) as caught:
        compare(pack / "manifest.json", other / "manifest.json")
    assert "\n" not in str(caught.value)
