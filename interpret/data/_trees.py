"""Images in folders, on disk or in an archive, and images listed one by one."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from interpret.data._examples import Dataset, Example
from interpret.data._folders import SUFFIXES, images_below, is_image
from interpret.data._opening import called, open_image
from interpret.data._splits import SPLITS, members
from interpret.foundation.errors import ImageError
from interpret.foundation.text import printable


def read_tree(
    name: str, paths: Sequence[str], split: str, opener: Callable[[str], Image.Image], passed_over: str = ""
) -> Dataset:
    """The images of one split, in alphabetical order; a folder is a class, an image outside all folders makes none.

    Where folders named after the splits stand above the classes, each is its split, and without a validation folder
    `validation` is held out of `train`. Without such folders everything is `test`.

    Args:
        paths: of all files, relative, with forward slashes; what does not end like an image is passed over.
        opener: the image at one of these paths.
        passed_over: what `images_below` says of the folder.

    Raises:
        ImageError: there is no image, or none of that split.
    """
    part, images = _part(sorted(path for path in paths if is_image(path)), split)
    if not images:
        raise ImageError(
            f"data set {name!r} has no {split} images; expected images in a folder (for test), in CLASS folders, or in "
            f"{split}/CLASS folders"
        )
    classes, labels = _labels([path.removeprefix(part) for path in images])

    def read(position: int) -> Example:
        with called(printable(f"{name}/{images[position]}")) as known:
            return Example(opener(images[position]), labels[position], None, known)

    whole = Dataset(printable(name), tuple(map(printable, classes)), len(images), read, passed_over)
    shared = part == "train/" and not any(path.startswith("validation/") for path in paths)
    return whole.subset(members([label or 0 for label in labels], split)) if shared else whole


def open_images(paths: Sequence[str | Path]) -> Dataset:
    """Listed files, and all images in listed folders, without labels, in the order given.

    Raises:
        ImageError: a path that does not exist, or no image at all.
    """
    listed = [_expand(Path(path)) for path in paths]
    files = [file for images, _ in listed for file in images]
    twice = [str(file) for file, count in Counter(file.resolve() for file in files).items() if count > 1]
    if twice:
        raise ImageError(f"image {twice[0]} is given twice; name every image once")
    if not files:
        raise ImageError(
            f"no image in {', '.join(map(str, paths))}; expected files ending in {' '.join(sorted(SUFFIXES))}"
        )
    above = os.path.commonpath([file.absolute().parent for file in files])

    def read(position: int) -> Example:
        file = files[position]
        with called(printable(file.absolute().relative_to(above).as_posix())) as known:
            return Example(open_image(file), None, None, known)

    return Dataset("images", (), len(files), read, "; ".join(filter(None, (beside for _, beside in listed))))


def _expand(path: Path) -> tuple[list[Path], str]:
    if not path.exists():
        raise ImageError(f"image {path} does not exist; check the path")
    if not path.is_dir():
        return [path], ""
    images, passed_over = images_below(path)
    return [path / image for image in images], passed_over


def _part(images: list[str], split: str) -> tuple[str, list[str]]:
    """The folder of a split, and the images in it."""
    parts = {path.split("/")[0] for path in images} & set(SPLITS)
    if not parts:
        return "", images if split == "test" else []
    part = "train/" if split == "validation" and split not in parts else f"{split}/"
    return part, [path for path in images if path.startswith(part)]


def _labels(images: list[str]) -> tuple[tuple[str, ...], list[int | None]]:
    """Classes, and the label of each image; no classes where an image lies in no folder."""
    if not all("/" in path for path in images):
        return (), [None] * len(images)
    classes = sorted({path.split("/")[0] for path in images})
    return tuple(classes), [classes.index(path.split("/")[0]) for path in images]
