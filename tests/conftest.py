"""What every test starts from: a seed, two threads, no window, no figure left open.

`interpret` is imported inside the fixtures that need it: the import hook that checks shapes must come first.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

os.environ["MPLBACKEND"] = "Agg"
torch.set_num_threads(2)

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_figure_left_open() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the local data sets, for tests marked `data`: INTERPRET_DATA, else `../shared/data`."""
    root = Path(os.environ.get("INTERPRET_DATA", CHECKOUT.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no local data sets at {root}; set INTERPRET_DATA to their folder")
    return root
