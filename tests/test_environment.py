"""pyproject.toml, environment.yml, requirements.lock and the imports say the same thing."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).parents[1]
PYPI_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch", "seaborn-base": "seaborn"}
CONDA_ONLY = {"python", "pip"}

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
CONDA = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
RUN_TIME = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
EXTRAS = [Requirement(line) for extra in PYPROJECT["project"]["optional-dependencies"].values() for line in extra]
TESTS, DOCS = ([Requirement(line) for line in PYPROJECT["dependency-groups"][group]] for group in ("test", "docs"))
EVERYTHING = RUN_TIME + EXTRAS + TESTS + DOCS
DECLARED = {canonicalize_name(requirement.name): requirement.specifier for requirement in EVERYTHING}
*CONDA_LINES, FROM_PIP = CONDA["dependencies"]
CONDA_SPECS = [Requirement(line) for line in [*CONDA_LINES, *FROM_PIP["pip"]]]
LOCKED = [
    Requirement(line)
    for line in (CHECKOUT / "requirements.lock").read_text().splitlines()
    if not line.startswith((" ", "#", "-"))
]


def test_conda_and_pyproject_declare_the_same_floors():
    conda = {
        PYPI_NAMES.get(spec.name, spec.name): spec.specifier for spec in CONDA_SPECS if spec.name not in CONDA_ONLY
    }
    assert conda == DECLARED


def test_conda_lists_each_package_once_from_conda_forge_alone():
    names = [spec.name for spec in CONDA_SPECS]
    assert sorted(names) == sorted(set(names))
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]


def test_conda_takes_a_python_that_pyproject_allows():
    [conda_python] = [spec.specifier for spec in CONDA_SPECS if spec.name == "python"]
    [floor] = SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert str(floor) in str(conda_python).split(",")


def test_every_floor_is_a_floor():
    assert {
        name: str(floor) for name, floor in DECLARED.items() if not str(floor).startswith(">=") or "," in str(floor)
    } == {}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_locked_and_installed_versions_are_above_the_floor(name):
    locked = [requirement for requirement in LOCKED if canonicalize_name(requirement.name) == name]
    assert locked, f"{name} is not in requirements.lock; run `make lock`"
    pins = [pin for requirement in locked for pin in requirement.specifier]
    assert {pin.operator for pin in pins} == {"=="}
    for found in [pin.version for pin in pins] + [Version(version(name)).base_version]:
        assert DECLARED[name].contains(found, prereleases=True), f"{name} {found} is below {DECLARED[name]}"


def test_each_package_is_declared_once():
    assert len(DECLARED) == len(EVERYTHING)


@pytest.mark.parametrize(
    ("folder", "allowed"), [("interpret", RUN_TIME + EXTRAS), ("tests", RUN_TIME + EXTRAS + TESTS), ("docs", DOCS)]
)
def test_every_import_is_declared(folder, allowed):
    providers = packages_distributions()
    names = {canonicalize_name(requirement.name) for requirement in allowed}
    undeclared = {
        f"{path.relative_to(CHECKOUT)}: {module}"
        for path in (CHECKOUT / folder).rglob("*.py")
        for module in _third_party(path)
        if names.isdisjoint(map(canonicalize_name, providers.get(module, [])))
    }
    assert undeclared == set()


def _third_party(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules = [node.module]
        for module in modules:
            root = module.partition(".")[0]
            if root not in sys.stdlib_module_names and root not in ("benchmarks", "interpret", "notebooks", "tests"):
                yield root
