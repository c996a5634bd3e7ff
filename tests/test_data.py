"""Splits, sources, and the one crop that models and overlays share."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from torch.testing import assert_close

from interpret.data import (
    DATASETS,
    Dataset,
    Example,
    as_tensors,
    fit,
    fit_mask,
    load_data,
    normalise,
    objects,
    preprocess,
)
from interpret.data._sources import locate
from interpret.data._splits import members
from interpret.foundation.errors import ImageError, InterpretError, UnknownNameError

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def _numbered(height: int, width: int) -> Image.Image:
    """Red counts rows, green counts columns, blue is 7."""
    row, col = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([row, col, np.full_like(row, 7)], axis=-1).astype(np.uint8))


def _tiny(classes: tuple[str, ...] = ("even", "odd")) -> Dataset:
    return Dataset("tiny", classes, 5, lambda i: Example(_numbered(4 + i, 6), i % 2, None, str(i)))


def test_registry_lists_the_files_of_the_folder() -> None:
    assert list(DATASETS) == ["cifar10", "cifar100", "fashionmnist", "imagefolder", "objects", "photos", "shapes"]
    assert all(entry.name == name and entry.terms and entry.reference for name, entry in DATASETS.items())


def test_load_data_refuses_unknown_names_and_splits() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'shape'; did you mean 'shapes'"):
        load_data("shape")
    with pytest.raises(InterpretError, match="unknown split 'val'; available: train, validation, test"):
        load_data("shapes", "val")


@pytest.mark.parametrize("spec", ["shapes:/tmp", "photos:/tmp", "objects:/tmp"])
def test_what_needs_no_folder_refuses_one(spec: str) -> None:
    with pytest.raises(ImageError, match="/tmp"):
        load_data(spec)


def test_a_data_set_is_a_sequence_whose_slices_are_data_sets() -> None:
    data = _tiny()
    assert [example.id for example in data] == ["0", "1", "2", "3", "4"]
    assert data[-1].id == "4"
    assert [example.id for example in data[3:0:-2]] == ["3", "1"]
    assert [example.id for example in data.subset([4, 0])[:1]] == ["4"]
    with pytest.raises(IndexError):
        data[5]


def test_fit_leaves_an_image_of_that_size_untouched() -> None:
    image = _numbered(5, 8)
    assert_array_equal(np.asarray(fit(image, (5, 8))), np.asarray(image))


def test_fit_crops_the_centre_without_resizing_where_one_side_agrees() -> None:
    wide = np.asarray(fit(_numbered(4, 10), (4, 6)))
    assert_array_equal(wide, np.asarray(_numbered(4, 10))[:, 2:8])
    tall = np.asarray(fit(_numbered(11, 6), (5, 6)))
    assert_array_equal(tall, np.asarray(_numbered(11, 6))[3:8])


def test_fit_keeps_the_aspect_ratio() -> None:
    centre = np.zeros((60, 120, 3), dtype=np.uint8)
    centre[20:40, 50:70] = 255
    small = np.asarray(fit(Image.fromarray(centre), (15, 15)))[..., 0] > 127
    assert_array_equal(np.flatnonzero(small.any(axis=1)), range(5, 10))
    assert_array_equal(np.flatnonzero(small.any(axis=0)), range(5, 10))


@pytest.mark.parametrize("size", [(12, 20), (48, 80), (30, 24)])
def test_a_mask_is_cut_like_its_image(size: tuple[int, int]) -> None:
    mask = np.zeros((36, 50), dtype=bool)
    mask[8:27, 10:31] = True
    image = Image.fromarray(mask * np.uint8(255)).convert("RGB")
    seen = np.asarray(fit(image, size))[..., 0]
    cut = fit_mask(mask, size)
    assert cut.shape == size
    assert (cut == (seen >= 128)).mean() > 0.97
    assert cut[seen == 255].all()
    assert not cut[seen == 0].any()


def test_preprocess_by_hand() -> None:
    expected = torch.tensor([(3 / 255 - 0.5) / 0.2, (2 / 255 - 0.4) / 0.25, (7 / 255 - 0.3) / 0.5])
    tensor = preprocess(_numbered(4, 6), (4, 6), MEAN, STD)
    assert tensor.shape == (3, 4, 6)
    assert_close(tensor[:, 3, 2], expected)


def test_as_tensors_and_normalise_agree_with_preprocess() -> None:
    images, labels = as_tensors(_tiny(), (4, 6))
    assert images.dtype == torch.uint8
    assert_close(labels, torch.tensor([0, 1, 0, 1, 0]))
    one_by_one = torch.stack([preprocess(example.image, (4, 6), MEAN, STD) for example in _tiny()])
    assert_close(normalise(images, MEAN, STD), one_by_one)


def test_as_tensors_refuses_what_has_no_labels() -> None:
    with pytest.raises(ImageError, match="'tiny' carries no labels"):
        as_tensors(_tiny(classes=()), (4, 6))


def test_validation_is_a_tenth_of_every_class_of_the_training_part() -> None:
    labels = [0] * 40 + [1] * 20 + [2] * 10
    train, validation = members(labels, "train"), members(labels, "validation")
    assert sorted(train + validation) == list(range(70))
    assert np.bincount(np.asarray(labels)[validation]).tolist() == [4, 2, 1]
    assert validation == sorted(validation) == members(labels, "validation")
    assert members(labels, "test") == list(range(70))


def _never(folder: str) -> None:
    raise AssertionError(f"nothing was to be downloaded to {folder}")


def test_a_root_is_searched_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "set").touch()
    monkeypatch.setenv("INTERPRET_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(ImageError, match=r"nothing found in .*; expected one of set"):
        locate("name", tmp_path, ["set"], _never, here="test")
    assert locate("name", None, ["set"], _never, here="test") == tmp_path / "elsewhere" / "set"
    (tmp_path / "test").touch()
    assert locate("name", tmp_path, ["set"], _never, here="test") == tmp_path / "test"


def test_what_is_nowhere_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERPRET_DATA", raising=False)
    monkeypatch.setattr("interpret.data._sources.CACHE", tmp_path / "cache")
    expected = tmp_path / "cache" / "set"
    assert locate("name", None, ["set"], lambda folder: (Path(folder) / "set").touch(), here="test") == expected
    assert locate("name", None, ["set"], _never, here="test") == expected


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERPRET_DATA", raising=False)
    monkeypatch.setattr("interpret.data._sources.CACHE", tmp_path)

    def fail(folder: str) -> None:
        raise OSError("no\nroute")

    with pytest.raises(ImageError) as caught:
        locate("name", None, ["set"], fail, here="test")
    assert (
        str(caught.value) == "data set 'name' could not be downloaded (no route); pass name:ROOT or set INTERPRET_DATA"
    )


def test_photos_are_distinct_rgb_and_unlabelled() -> None:
    data = load_data("photos")
    examples = list(data)
    assert len({example.id for example in examples}) == len(examples) >= 6
    assert all(example.image.mode == "RGB" and example.label is None for example in examples)
    with pytest.raises(ImageError, match="'photos' has no train images"):
        load_data("photos", "train")


def test_objects_are_photographs_with_a_mask_of_their_size_and_a_credit() -> None:
    data = load_data("objects")
    assert len(data) == len(data.classes) == len(set(data.classes)) == 12
    with (objects.FOLDER / "credits.csv").open(newline="") as file:
        credits = {row["class"]: row for row in csv.DictReader(file)}
    for example in data:
        assert example.label is not None
        assert example.mask is not None
        assert example.mask.dtype == bool
        assert example.mask.shape == (example.image.height, example.image.width)
        assert max(example.image.size) <= 320
        credit = credits[data.classes[example.label]]
        assert credit["licence"] in ("CC BY 2.0", "CC BY-SA 2.0")
        assert credit["photograph"].startswith("https://www.flickr.com/photo.gne?id=")
    assert {path.stem for path in objects.FOLDER.glob("*.jpg")} == {row["file"] for row in credits.values()}
    with pytest.raises(ImageError, match="'objects' has no train images"):
        load_data("objects", "train")


def test_the_mask_of_an_object_is_what_was_annotated_as_far_as_smaller_pixels_tell() -> None:
    """Shares of the area at full size, from the annotations."""
    annotated = {
        "giraffe": 0.4455,
        "motorcycle": 0.6173,
        "bear": 0.7355,
        "pizza": 0.6514,
        "bus": 0.2678,
        "train": 0.0712,
    }
    masks = {example.id.split("/")[1]: example.mask for example in load_data("objects")}
    for name, share in annotated.items():
        assert masks[name] is not None
        assert masks[name].mean() == pytest.approx(share, rel=0.03)
