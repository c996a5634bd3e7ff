"""`python -m interpret`, the version, and what works without the extras."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import interpret
from interpret.__main__ import COMMANDS, main

CHECKOUT = Path(__file__).parents[1]
WITHOUT_EXTRAS = "import sys; sys.modules |= dict.fromkeys(['accelerate', 'anywidget', 'ipywidgets', 'jupyterlab']); "
"""An import of what `sys.modules` maps to None fails as if it were not installed."""


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_the_version_is_that_of_the_project(capsys):
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    assert interpret.__version__ == declared
    assert f"version: {declared}\n" in (CHECKOUT / "CITATION.cff").read_text()
    assert f"## [{declared}]" in (CHECKOUT / "CHANGELOG.md").read_text()
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{declared}\n"


def test_the_commands_are_the_rooms_that_run():
    rooms = {path.parent.name for path in Path(interpret.__file__).parent.glob("*/__main__.py")}
    assert set(COMMANDS) == {"inspect", *rooms}


def test_help_names_the_commands():
    done = run("-m", "interpret", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "{inspect,report,train}" in done.stdout


def test_a_command_that_is_not_named_is_one_line():
    done = run("-m", "interpret")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"python -m interpret: error: .*\(see --help\)\n", done.stderr)


@pytest.mark.parametrize(("command", "hint"), [("nope", ""), ("reprot", "did you mean 'report'? ")])
def test_an_unknown_command_is_one_plain_line(command, hint):
    done = run("-m", "interpret", command, "--help")
    told = f"python -m interpret: error: unknown command {command!r}; {hint}available: inspect, report, train\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_gets_what_follows_its_name(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([command, "--nope", "--version"])
    assert (
        capsys.readouterr().err.replace(" inspect:", ".inspect:").startswith(f"python -m interpret.{command}: error: ")
    )


@pytest.mark.long
def test_the_report_works_without_the_extras(tmp_path):
    out = tmp_path / "out"
    arguments = ["checkpoints/shapes-svda.pt", "--data", "shapes", "--limit", "2", "--sample", "3", "--out", str(out)]
    code = "from interpret.__main__ import main; sys.exit(main(['report', *sys.argv[1:]]))"
    done = run("-c", WITHOUT_EXTRAS + code, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out / 'report.html'}\n"


@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "line"),
    [
        (
            "import interpret; interpret.explore",
            "interpret.explore needs anywidget: pip install 'interpret-vit[notebook]'",
        ),
        (
            "from interpret.train.command import main; main(['--data', 'shapes', '--out', sys.argv[1]])",
            "python -m interpret.train: error: training needs accelerate: pip install 'interpret-vit[train]'",
        ),
        (
            "from interpret.report.job import processes; processes(cpu=True).__enter__()",
            "several processes need accelerate: pip install 'interpret-vit[train]'",
        ),
    ],
)
def test_a_missing_extra_is_one_line(code, line, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    last = run("-c", WITHOUT_EXTRAS + code, str(tmp_path / "model.pt")).stderr.splitlines()[-1]
    assert last.removeprefix("interpret.foundation.errors.InterpretError: ") == line
