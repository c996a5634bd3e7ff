"""CIFAR-10 and CIFAR-100: torchvision's files, or JPEG images in class folders."""

import functools
import lzma
import posixpath
import tarfile
import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image
from torchvision import datasets
from torchvision.datasets import CIFAR10

from interpret.data._examples import Dataset, Example
from interpret.data._folders import images_below
from interpret.data._opening import decode, open_image, reason
from interpret.data._sources import locate
from interpret.data._splits import SPLITS, members
from interpret.data._trees import read_tree
from interpret.foundation.errors import ImageError


def open_cifar(name: str, batches: str, root: Path | None, split: str) -> Dataset:
    """One split, from the first of these: an archive of class folders, class folders, torchvision's files.

    Args:
        batches: the folder that torchvision makes.
        root: one of the three, or a folder that holds one.
    """
    if root is not None and root.is_file():
        return _from_archive(name, root, split)
    source = locate(name, root, [f"{name}.tar.xz", name, batches], functools.partial(_torchvision, name), here="test")
    if source.is_file():
        return _from_archive(name, source, split)
    if source.name == batches:
        return _from_batches(name, source.parent, split)
    folder = source.parent if source.name == "test" else source
    images, passed_over = images_below(folder)
    return read_tree(name, images, split, lambda path: open_image(folder / path), passed_over)


def _from_archive(name: str, archive: Path, split: str) -> Dataset:
    images = _archive(archive)
    return read_tree(name, list(images), split, lambda path: decode(BytesIO(images[path]), f"{archive}:{path}"))


@functools.lru_cache(maxsize=1)
def _archive(path: Path) -> dict[str, bytes]:
    """Path, without the one folder that all files may lie in -> the file's bytes, still compressed as an image."""
    try:
        with tarfile.open(path) as archive:
            files = {
                posixpath.normpath(member.name): file.read()
                for member in archive
                if (file := archive.extractfile(member))
            }
    except (OSError, EOFError, lzma.LZMAError, zlib.error, tarfile.TarError) as error:
        raise ImageError(
            f"archive {path} cannot be read ({reason(error)}); expected a tar of CLASS/IMAGE folders"
        ) from error
    tops = {name.split("/")[0] for name in files} - set(SPLITS)
    top = f"{tops.pop()}/" if len(tops) == 1 else ""
    return {name.removeprefix(top): data for name, data in files.items()}


def _from_batches(name: str, folder: Path, split: str) -> Dataset:
    try:
        source = _torchvision(name, str(folder), train=split != "test", download=False)
    except RuntimeError as error:
        raise ImageError(
            f"data set {name!r} in {folder} is damaged ({reason(error)}); remove it and fetch it again"
        ) from error
    part = "test" if split == "test" else "train"

    def read(position: int) -> Example:
        image = Image.fromarray(source.data[position])
        return Example(image, source.targets[position], None, f"{name}/{part}/{position:05d}")

    return Dataset(name, tuple(source.classes), len(source.targets), read).subset(members(source.targets, split))


def _torchvision(name: str, folder: str, *, train: bool = True, download: bool = True) -> CIFAR10:
    return getattr(datasets, name.upper())(folder, train=train, download=download)
