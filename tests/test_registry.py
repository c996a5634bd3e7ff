import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from interpret.attributions import ATTRIBUTIONS
from interpret.data import DATASETS
from interpret.figures import FIGURES
from interpret.foundation.errors import InterpretError, UnknownNameError
from interpret.foundation.registry import Registry
from interpret.indicators import INDICATORS
from interpret.mechanisms import MECHANISMS

REGISTRIES = {
    "attributions": ATTRIBUTIONS,
    "data": DATASETS,
    "figures": FIGURES,
    "indicators": INDICATORS,
    "mechanisms": MECHANISMS,
}
PACKAGE = Path(__file__).parents[1] / "interpret"


@dataclass(frozen=True)
class Entry:
    name: str
    function: object
    label: str


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The folder `zoo` with the entries `lion` and `tiger`, and a helper that is no entry."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from tests.test_registry import Entry\nfrom interpret.foundation.registry import Registry\n"
        "ZOO = Registry('animal', __name__, Entry)\n"
    )
    for name in ("lion", "tiger"):
        (folder / f"{name}.py").write_text(
            f"from zoo import ZOO\n@ZOO.register(label='the {name}')\ndef roar():\n    return {name!r}\n"
        )
    (folder / "_cage.py").write_text("raise AssertionError('a helper is no entry')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("zoo").ZOO
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[name]


@pytest.mark.parametrize("folder", REGISTRIES)
def test_every_file_of_a_folder_is_an_entry_of_its_name(folder):
    files = {path.stem for path in (PACKAGE / folder).glob("[!_]*.py")}
    assert set(REGISTRIES[folder]) == files
    assert {name: REGISTRIES[folder][name].name for name in files} == {name: name for name in files}
    assert len(REGISTRIES[folder]) == len(files)


@pytest.mark.parametrize("folder", REGISTRIES)
def test_every_entry_says_what_it_is(folder):
    entries = REGISTRIES[folder].values()
    undescribed = [entry.name for entry in entries if not entry.function.__doc__ or "" in vars(entry).values()]
    assert undescribed == []


def test_listing_and_membership_import_no_entry(registry):
    assert list(registry) == ["lion", "tiger"]
    assert "lion" in registry
    assert "dodo" not in registry
    assert [name for name in sys.modules if name.startswith("zoo.")] == []
    assert registry["lion"].function() == "lion"
    assert [name for name in sys.modules if name.startswith("zoo.")] == ["zoo.lion"]


def test_an_unknown_name_lists_the_known_with_the_nearest_first():
    with pytest.raises(UnknownNameError) as caught:
        ATTRIBUTIONS["rolout"]
    assert str(caught.value).startswith("unknown attribution 'rolout'; did you mean 'rollout'? available: ")
    assert str(caught.value).endswith(", ".join(sorted(ATTRIBUTIONS)))


def test_an_unknown_name_that_is_near_to_none_gets_no_suggestion(registry):
    with pytest.raises(UnknownNameError) as caught:
        registry["xyzzy"]
    assert str(caught.value) == "unknown animal 'xyzzy'; available: lion, tiger"


def test_a_name_is_given_once(registry):
    registry["lion"]

    def lion():
        """Outside the folder a function goes by its own name."""

    with pytest.raises(InterpretError, match=r"^animal 'lion' of \S+ is already registered; rename one of them$"):
        registry.register(label="another lion")(lion)


def test_an_entry_of_the_user_is_listed_among_the_others(registry):
    def puma():
        """Not in the folder."""

    assert registry.register(label="puma")(puma) is puma
    assert list(registry) == ["lion", "puma", "tiger"]
    assert registry["puma"] == Entry("puma", puma, "puma")


def test_the_entries_are_of_the_type_of_their_folder():
    assert isinstance(MECHANISMS, Registry)
    assert {type(entry).__name__ for entry in MECHANISMS.values()} == {"MechanismEntry"}
