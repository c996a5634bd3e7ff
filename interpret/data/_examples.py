"""What a data set is made of."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from jaxtyping import Bool
from PIL import Image

from interpret.foundation.errors import NoSuchImageError


@dataclass(frozen=True, eq=False)
class Example:
    """One image with what is known about it.

    Attributes:
        image: as `open_image` gives it, at its own size.
        label: index into the data set's `classes`; None where there is none.
        mask: exactly the pixels that the labelled object covers; None where that is not known.
        id: names the image in tables and manifests, the same in every run.
    """

    image: Image.Image
    label: int | None
    mask: Bool[np.ndarray, "height width"] | None
    id: str


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Sequence):  # were it Sequence[Example], beartype would decode an image at every call that takes one
    """Examples that are decoded, or drawn, when they are asked for. A slice is again a data set.

    Attributes:
        name: as registered, or after what it was made of: a folder, a class of somebody else, "images".
        classes: class names in the order of the labels; empty where the images carry no labels.
        length: number of examples.
        read: the example at a position in [0, length).
        passed_over: a line on what lies beside the images and is none of them, "" where there is nothing.
    """

    name: str
    classes: tuple[str, ...]
    length: int
    read: Callable[[int], Example]
    passed_over: str = ""

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Example]:
        return map(self.read, range(self.length))

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> "Dataset": ...
    def __getitem__(self, index: Any) -> "Example | Dataset":
        try:
            positions = range(self.length)[index]
        except (IndexError, TypeError):
            raise NoSuchImageError(f"{self.name}[{index!r}]: its images are 0 to {self.length - 1}") from None
        return self.subset(positions) if isinstance(positions, range) else self.read(positions)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ", no labels"
        return f"Dataset({self.name!r}, {self.length} images{classes})"

    def subset(self, positions: Sequence[int]) -> "Dataset":
        """The examples at these positions, in this order."""
        return replace(self, length=len(positions), read=lambda index: self.read(positions[index]))
