"""The picture in CONTRIBUTING.md is true: imports point down, a library has one door, files stay small and quiet."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import interpret

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "interpret"
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = [
    ["foundation"],
    ["mechanisms", "data"],
    ["models"],
    ["attributions", "indicators", "interventions"],
    ["study"],
    ["figures"],
    ["explorer"],
    ["report", "train"],
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {
    "captum": ("attributions/",),
    "anywidget": ("explorer/",),
    "ipywidgets": ("explorer/",),
    "matplotlib": ("figures/",),
    "pytorch_grad_cam": ("attributions/",),
    "seaborn": ("figures/",),
    "timm": ("models/", "train/"),
    "torch.load": ("models/checkpoint.py",),
    "torchvision": ("data/",),
}
HEAVY = {"captum", "matplotlib", "pytorch_grad_cam", "timm", "torch", "torchvision"}
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_BODY = 250, 34

every_file = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])


@every_file
def test_imports_point_down(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in FLOOR:
        upward = {
            other for other in _rooms_used(path) if other != room and FLOOR.get(other, len(FLOORS)) >= FLOOR[room]
        }
        assert upward == set(), f"{room} is on floor {FLOOR[room]}"


@every_file
def test_a_library_has_one_door(path):
    name = path.relative_to(PACKAGE).as_posix()
    strangers = {library for library in _libraries(path) if not name.startswith(DOORS.get(library, (name,)))}
    assert strangers == set()


@every_file
def test_files_and_functions_are_small_and_quiet(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES_OF_A_FILE
    assert re.findall(r"TODO|FIXME|type: ignore|\bprint\(|from __future__", text) == []
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if _body_lines(node) > MOST_LINES_OF_A_BODY] == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda folder: folder.name)
def test_no_public_function_shares_its_name_with_a_module(folder):
    modules = {path.name.removesuffix(".py") for path in folder.iterdir() if not path.name.startswith("_")}
    assert modules.isdisjoint(_names(folder / "__init__.py"))
    if folder == PACKAGE:
        assert modules.isdisjoint(interpret.__all__)


@pytest.mark.parametrize("name", interpret.__all__)
def test_every_public_name_is_there(name):
    assert getattr(interpret, name) is not None


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__main__.py")), ids=lambda path: path.parent.name)
def test_help_imports_nothing_heavy(path):
    command = ".".join(path.parent.relative_to(CHECKOUT).parts)
    assert _imported_by("-m", command, "--help").isdisjoint(HEAVY)


def test_the_package_imports_nothing_heavy():
    assert _imported_by("-c", "import interpret").isdisjoint(HEAVY)


def test_interpretml_in_the_same_environment_is_refused(tmp_path):
    metadata = tmp_path / "interpret_core-0.7.8.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: interpret-core\nVersion: 0.7.8\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import interpret"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert "ImportError: InterpretML (interpret-core) is installed in this environment" in done.stderr


def test_at_the_top_of_the_package_stand_the_rooms_and_nothing_else():
    there = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert there == {*FLOOR, "__init__.py", "__init__.pyi", "__main__.py", "py.typed"}


def test_contributing_shows_the_rooms_and_the_floors_there_are():
    _, picture, floors = re.split(r"\n```\n(?=interpret/\n|\d  )", (CHECKOUT / "CONTRIBUTING.md").read_text())
    assert set(re.findall(r"^  (\w+)/  ", picture.partition("\n```")[0], flags=re.MULTILINE)) == set(FLOOR)
    lines = floors.partition("\n```")[0].splitlines()
    expected = [f"{level}  {'   '.join(f'{room}/' for room in rooms)}" for level, rooms in enumerate(FLOORS)]
    assert lines == expected[::-1]


def _imports(path: Path) -> Iterator[str]:
    """Dotted names, for `from a.b import c` both a.b and a.b.c: c may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _rooms_used(path: Path) -> set[str]:
    return {
        name.split(".")[1] if "." in name else name for name in _imports(path) if name.partition(".")[0] == "interpret"
    }


def _libraries(path: Path) -> set[str]:
    attributes = {
        ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }
    imports = set(_imports(path))
    return {name.partition(".")[0] for name in imports} | (imports | attributes) & {"torch.load"}


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[ast.get_docstring(function) is not None and len(function.body) > 1]
    return (function.end_lineno or 0) - first.lineno + 1


def _names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()).body
    defined = {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return defined | {
        alias.asname or alias.name for node in tree if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def _imported_by(*arguments: str) -> set[str]:
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return set(re.findall(r"\| +(\w+)$", done.stderr, flags=re.MULTILINE))
