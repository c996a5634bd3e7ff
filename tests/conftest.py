"""What every test starts from: a seed, as many threads as there are cores for it, no window, no figure left open.

`interpret` is imported inside the fixtures that need it: the import hook that checks shapes must come first.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

os.environ["MPLBACKEND"] = "Agg"
SHARED = "PYTEST_XDIST_WORKER" in os.environ
"""Whether another process of the same run has the other core."""
torch.set_num_threads(1 if SHARED else 2)

CHECKOUT = Path(__file__).parents[1]
DATA = Path(os.environ.get("INTERPRET_DATA", CHECKOUT.parent / "shared" / "data"))
"""Local data sets: the folder named by INTERPRET_DATA, else the one beside the checkout."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_figure_left_open() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `data` are not part of the run where there are no local data sets."""
    if not DATA.is_dir():
        without = [item for item in items if item.get_closest_marker("data")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the local data sets, for tests marked `data`."""
    return DATA
