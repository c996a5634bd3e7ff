"""Data sets that lie in folders and archives."""

import hashlib
import os
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from torchvision.datasets import CIFAR10

from interpret.data import load_data, open_images
from interpret.foundation.errors import ImageError
from tests.files import write_fashionmnist, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar10"
    write_tree(folder, {"train/cat": 20, "train/dog": 10, "test/cat": 2, "test/dog": 3})
    return folder


def test_class_folders_are_the_test_split(tmp_path: Path) -> None:
    write_tree(tmp_path, {"dog": 1, "cat": 2})
    (tmp_path / "cat" / "notes.txt").touch()
    data = load_data(f"imagefolder:{tmp_path}")
    assert data.classes == ("cat", "dog")
    assert [(example.label, example.id) for example in data] == [
        (0, f"{tmp_path.name}/cat/00.png"),
        (0, f"{tmp_path.name}/cat/01.png"),
        (1, f"{tmp_path.name}/dog/00.png"),
    ]
    assert data[1].image.getpixel((0, 0)) == (40, 1, 0)
    with pytest.raises(ImageError, match=r"has no train images; expected .* or in train/CLASS folders"):
        load_data(f"imagefolder:{tmp_path}", "train")


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    write_tree(tmp_path, {"flat": 3})
    data = load_data(f"imagefolder:{tmp_path / 'flat'}")
    assert data.classes == ()
    assert [example.label for example in data] == [None, None, None]


def test_a_train_folder_without_labels_is_split_too(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train": 10})
    train, validation = (load_data(f"imagefolder:{tmp_path}", split) for split in ("train", "validation"))
    assert (len(train), len(validation), train.classes) == (9, 1, ())
    assert {example.id for example in train}.isdisjoint({example.id for example in validation})


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"{tmp_path.name}' has no test images"):
        load_data(f"imagefolder:{tmp_path}")
    with pytest.raises(ImageError, match="needs an existing folder, found"):
        load_data(f"imagefolder:{tmp_path / 'none'}")
    with pytest.raises(ImageError, match="needs an existing folder, found none; write"):
        load_data("imagefolder")


def test_validation_is_held_out_of_train_never_of_test(tree: Path) -> None:
    ids = {split: {e.id for e in load_data(f"imagefolder:{tree}", split)} for split in ("train", "validation", "test")}
    assert {split: len(names) for split, names in ids.items()} == {"train": 27, "validation": 3, "test": 5}
    assert not ids["train"] & ids["validation"]
    assert all("/test/" in name for name in ids["test"])
    assert sum("/cat/" in name for name in ids["validation"]) == 2


def test_a_validation_folder_is_used_as_it_is(tree: Path) -> None:
    write_tree(tree, {"validation/cat": 1, "validation/dog": 1})
    sizes = [len(load_data(f"imagefolder:{tree}", split)) for split in ("train", "validation", "test")]
    assert sizes == [30, 2, 5]


@pytest.mark.parametrize("prefix", ["cifar10", "./cifar10", "."])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_archive_reads_like_its_folder(tree: Path, tmp_path: Path, prefix: str, split: str) -> None:
    archive = tmp_path / f"{len(prefix)}.tar.xz"
    with tarfile.open(archive, "w:xz") as file:
        file.add(tree, prefix)
    unpacked = load_data(f"cifar10:{tree}", split)
    packed = load_data(f"cifar10:{archive}", split)
    assert packed.classes == unpacked.classes == ("cat", "dog")
    for ours, theirs in zip(packed, unpacked, strict=True):
        assert (ours.id, ours.label) == (theirs.id, theirs.label)
        assert_array_equal(np.asarray(ours.image), np.asarray(theirs.image))


def test_a_folder_that_holds_the_archive_or_the_folder_will_do(tree: Path, tmp_path: Path) -> None:
    assert len(load_data(f"cifar10:{tmp_path}")) == 5
    with tarfile.open(tmp_path / "cifar10.tar.xz", "w:xz") as file:
        file.add(tree / "test" / "cat", "cifar10/test/cat")
    assert len(load_data(f"cifar10:{tmp_path}")) == 2


def test_an_archive_of_one_split_keeps_its_name(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "part.tar.xz", "w:xz") as file:
        file.add(tree / "train", "train")
    assert len(load_data(f"cifar10:{tmp_path / 'part.tar.xz'}", "train")) == 27
    with pytest.raises(ImageError, match="has no test images"):
        load_data(f"cifar10:{tmp_path / 'part.tar.xz'}")


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_a_broken_archive_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cifar10.tar.xz").write_bytes(content)
    with pytest.raises(ImageError, match=r"cifar10\.tar\.xz cannot be read") as caught:
        load_data(f"cifar10:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_cut_archive_is_refused(tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "cut.tar.xz"
    with tarfile.open(archive, "w:xz") as file:
        file.add(tree, "cifar10")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ImageError, match=r"cut\.tar\.xz cannot be read"):
        load_data(f"cifar10:{archive}")


def _pickled(path: Path, content: dict[str, object]) -> str:
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision's own layout, with checksums of these few images instead of the published ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for part, count, listed in (("data_batch_1", 20, "train_list"), ("test_batch", 4, "test_list")):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 3072), dtype=np.uint8)
        checksum = _pickled(folder / part, {"data": pixels, "labels": [i % 2 for i in range(count)]})
        monkeypatch.setattr(CIFAR10, listed, [[part, checksum]])
    checksum = _pickled(folder / "batches.meta", {"label_names": ["cat", "dog"]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": checksum})
    return tmp_path


def test_torchvisions_files_are_read(batches: Path) -> None:
    sizes = [len(load_data(f"cifar10:{batches}", split)) for split in ("train", "validation", "test")]
    assert sizes == [18, 2, 4]
    example = load_data(f"cifar10:{batches}")[3]
    assert (example.id, example.label) == ("cifar10/test/00003", 1)
    planes = np.random.default_rng(4).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    assert_array_equal(np.asarray(example.image), planes[3].transpose(1, 2, 0))


def test_torchvisions_damaged_files_are_refused(batches: Path) -> None:
    (batches / "cifar-10-batches-py" / "test_batch").write_bytes(b"x")
    with pytest.raises(ImageError, match=r"is damaged .*; remove it and fetch it again"):
        load_data(f"cifar10:{batches}")


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    return write_fashionmnist(tmp_path, {"train": 40, "t10k": 6})


def test_fashionmnist_is_read_from_its_published_files(fashion: Path) -> None:
    sizes = [len(load_data(f"fashionmnist:{fashion}", split)) for split in ("train", "validation", "test")]
    assert sizes == [36, 4, 6]
    example = load_data(f"fashionmnist:{fashion / 'FashionMNIST' / 'raw'}")[5]
    assert (example.label, example.id) == (1, "fashionmnist/t10k/00005")
    pixels = np.random.default_rng(6).integers(0, 256, (6, 28, 28), dtype=np.uint8)[5]
    assert_array_equal(np.asarray(example.image), np.repeat(pixels[..., None], 3, axis=2))


def test_reading_fashionmnist_writes_nothing(fashion: Path) -> None:
    before = sorted(fashion.rglob("*"))
    load_data(f"fashionmnist:{fashion}", "train")
    assert sorted(fashion.rglob("*")) == before


def test_a_damaged_fashionmnist_file_is_named(fashion: Path) -> None:
    path = fashion / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError, match=r"t10k-images-idx3-ubyte\.gz cannot be read"):
        load_data(f"fashionmnist:{fashion}")


@pytest.mark.data
@pytest.mark.parametrize("name", ["cifar10", "fashionmnist"])
def test_published_sizes(data_root: Path, name: str) -> None:
    data = load_data(f"{name}:{data_root}")
    assert len(data) == 10_000
    assert len(data.classes) == 10
    assert data[0].image.size == {"cifar10": (32, 32), "fashionmnist": (28, 28)}[name]


def test_an_image_given_twice_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"cat": 1})
    file = tmp_path / "cat" / "00.png"
    with pytest.raises(ImageError, match=r"00.png is given twice"):
        open_images([file, tmp_path])


def test_linked_class_folders_are_entered(tmp_path: Path) -> None:
    write_tree(tmp_path, {"store/a": 2, "store/b": 1, "own/birds": 1})
    for name, target in (("cats", "a"), ("dogs", "b")):
        (tmp_path / "own" / name).symlink_to(tmp_path / "store" / target)
    data = load_data(f"imagefolder:{tmp_path / 'own'}")
    assert data.classes == ("birds", "cats", "dogs")
    assert [example.label for example in data] == [0, 1, 1, 2]


def test_a_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"cats": 1})
    (tmp_path / "cats" / "all").symlink_to(tmp_path)
    with pytest.raises(ImageError, match=rf"cats/all is {tmp_path} again, by a link; remove the link"):
        load_data(f"imagefolder:{tmp_path}")


def test_a_link_to_a_folder_above_is_refused_before_it_is_entered(tmp_path: Path) -> None:
    write_tree(tmp_path / "own", {"cats": 1})
    (tmp_path / "own" / "up").symlink_to(tmp_path)
    with pytest.raises(ImageError, match=rf"own/up is {tmp_path} again, by a link; remove the link"):
        load_data(f"imagefolder:{tmp_path / 'own'}")
    (tmp_path / "own" / "up").unlink()
    (tmp_path / "own" / "root").symlink_to("/")
    with pytest.raises(ImageError, match=r"own/root is / again, by a link"):
        load_data(f"imagefolder:{tmp_path / 'own'}")


def test_what_lies_beside_the_images_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_tree(tmp_path, {"cats": 2, "dogs": 1})
    for name in ("IMG_1.HEIC", "IMG_2.HEIC", ".DS_Store"):
        (tmp_path / "cats" / name).touch()
    os.mkfifo(tmp_path / "dogs" / "pipe.png")
    (tmp_path / "fish").symlink_to(tmp_path / "gone")
    data = load_data(f"imagefolder:{tmp_path}")
    assert len(data) == 3
    assert data.passed_over == "4 files passed over, no image that can be opened: cats/IMG_1.HEIC, ..."
    assert caplog.messages == [f"{tmp_path.name}: {data.passed_over}"]
    assert open_images([tmp_path / "cats"]).passed_over.startswith("2 files passed over")
    assert load_data(f"imagefolder:{write_tree(tmp_path / 'clean', {'cats': 1})}").passed_over == ""


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Nobody can list a folder whose path is longer than the system's longest, not even the superuser."""
    write_tree(tmp_path, {"cats": 1})
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=place)
        deeper = os.open("d" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)
    data = load_data(f"imagefolder:{tmp_path}")
    assert len(data) == 1
    assert re.fullmatch(r"1 folder that cannot be read \(File name too long\): d+/.*d", data.passed_over)
