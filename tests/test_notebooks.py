"""The notebooks are thin, run as they are, and what is committed is what their code gave."""

import re
import resource
from pathlib import Path

import nbformat
import pytest
import torch
from PIL import Image
from skimage import data as photographs

import interpret
from notebooks import build

CHECKOUT = Path(__file__).parents[1]
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
SECONDS = 90

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(notebook):
    return [output for cell in build.code_cells(notebook) for output in cell.outputs]


def wording(notebook):
    """What the outputs say but for numbers, whose last digits are another machine's own."""
    told = [
        output.data.get("text/markdown", output.data.get("text/plain", ""))
        for output in outputs(notebook)
        if "data" in output
    ]
    return [re.sub(r"[-+]?\d[\d.,e+-]*|\s+|-{3,}", " ", text).split() for text in told]


@every_notebook
def test_a_notebook_defines_nothing(path):
    code = "\n".join(cell.source for cell in build.code_cells(read(path)))
    assert re.findall(r"^\s*(?:async def|def|class|lambda)\b|= *lambda\b", code, flags=re.MULTILINE) == []


@every_notebook
def test_a_notebook_uses_public_names_alone(path):
    code = "\n".join(cell.source for cell in build.code_cells(read(path)))
    assert re.findall(r"from interpret\b|import interpret\.", code) == []
    assert set(re.findall(r"\binterpret\.([A-Za-z_]+)", code)) - {"report"} <= set(interpret.__all__)


def test_the_readme_uses_public_names_alone():
    code = "\n".join(re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), flags=re.DOTALL))
    assert re.findall(r"from interpret\b|import interpret\.", code) == []
    assert set(re.findall(r"\binterpret\.([A-Za-z_]+)", code)) <= set(interpret.__all__)


def test_the_first_lines_of_the_readme_draw_two_maps_on_a_photograph(tmp_path, monkeypatch):
    """With weights drawn at random in place of the download, and a photograph that is there."""
    first = re.search(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), flags=re.DOTALL)
    assert first
    lines = [line for line in first.group(1).splitlines() if line]
    assert len(lines) <= 5
    Image.fromarray(photographs.chelsea()).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    *before, last = lines
    exec("\n".join(before).replace("pretrained=True", "pretrained=False"), scope)
    with torch.no_grad():
        scope["vit"].model.head.weight.normal_()  # a fresh head is zero, and explains nothing
    figure = eval(last, scope)
    assert [ax.get_title().partition("\n")[0] for ax in figure.axes[:3]] == ["", "rollout", "relevance"]


@every_notebook
def test_a_committed_notebook_is_clean_and_of_its_own_code(path):
    assert list(build.faults(path)) == []


def changed(path, folder, change):
    notebook = read(path)
    change(notebook)
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("is stale", lambda cell: cell.update(source="1 + 1")),
        ("was not run from first to last", lambda cell: cell.update(execution_count=99)),
        ("shows an error", lambda cell: cell.outputs.append(nbformat.v4.new_output("error", traceback=[]))),
        ("is not clean", lambda cell: cell.outputs.append(nbformat.v4.new_output("stream", name="stderr"))),
        ("names a folder of this machine", lambda cell: cell.outputs[0].update(metadata={"at": str(CHECKOUT)})),
        ("is larger than a megabyte", lambda cell: cell.outputs[0].update(metadata={"x": "x" * build.MEGABYTE})),
    ],
)
def test_a_fault_of_a_notebook_is_told(fault, change, tmp_path, capsys):
    broken = changed(NOTEBOOKS[0], tmp_path, lambda notebook: change(build.code_cells(notebook)[-1]))
    assert build.main(["--check", str(broken)]) == 1
    assert capsys.readouterr().err == f"{broken.name} {fault}: run `make notebooks`\n"
    assert build.main(["--check", str(NOTEBOOKS[0])]) == 0


@every_notebook
def test_a_notebook_ends_with_what_to_try_next(path):
    assert read(path).cells[-1].source.startswith("## What to try next")


def processor_time():
    """Seconds that finished kernels computed: unlike a clock, it does not count what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


QUICK = ("01_quickstart", "03_side_by_side")


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[] if path.stem in QUICK else pytest.mark.long, id=path.stem) for path in NOTEBOOKS],
)
def test_a_notebook_runs(path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # other tests have the other core
    begun = processor_time()
    ran = build.execute(read(path))
    assert processor_time() - begun < SECONDS
    assert not any(output.output_type == "error" for output in outputs(ran))
    assert wording(ran) == wording(read(path)), "stale: run `make notebooks`"


def test_cleaning_keeps_pictures_and_drops_what_changes_from_run_to_run():
    data = {"text/plain": "x", "image/png": "abc", build.WIDGET_VIEW: {"model_id": "1"}}
    shown = nbformat.v4.new_output("display_data", data)
    told = nbformat.v4.new_output("stream", name="stderr", text="a warning")
    cell = nbformat.v4.new_code_cell("ui", outputs=[shown, told], metadata={"execution": {"iopub.status.busy": "now"}})
    notebook = build.clean(nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}}))
    assert [dict(output.data) for output in notebook.cells[0].outputs] == [{"text/plain": "x", "image/png": "abc"}]
    assert (dict(notebook.cells[0].metadata), "widgets" in notebook.metadata) == ({}, False)
    assert notebook.metadata["sources"] == build.fingerprint(notebook)


def test_other_code_has_another_fingerprint():
    first, second = (
        build.fingerprint(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])) for code in ("a", "b")
    )
    assert first != second
