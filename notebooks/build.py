"""Run notebooks and keep what a reader needs: outputs and still pictures, without widget state and times.

`python notebooks/build.py` writes every notebook of this folder anew, `python notebooks/build.py NAME.ipynb ...` some;
with `--check` nothing is written: what is committed must be clean and of its own code.
A live widget needs a kernel; in a notebook that is only read its picture stands in for it, and a widget view without
its state would be shown as an error.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = 300
"""A cell that takes longer stops the build."""
MEGABYTE = 1_000_000


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run the cells in order in a fresh kernel, in this folder, on the package beside it; a cell's error is raised."""
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(HERE)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(HERE.parent)})
    return notebook


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop widget state, widget views, times and what the kernel said on stderr; note what the code was that ran."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["sources"] = fingerprint(notebook)
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            data = output.get("data", {})
            data.pop(WIDGET_VIEW, None)
            if "image/png" in data:
                data.pop("image/jpeg", None)  # of PIL images a kernel sends both
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def fingerprint(notebook: NotebookNode) -> str:
    """SHA-256 of the code: another one than the notebook carries means that its outputs are of other code."""
    return hashlib.sha256("\n\n".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()


def faults(path: Path) -> Iterator[str]:
    """What a committed notebook must not be: stale, run out of order, with an error, this machine's traces, large."""
    notebook, text = nbformat.read(path, as_version=4), path.read_text()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    counts = [cell.execution_count for cell in code_cells(notebook)]
    left = "widgets" in notebook.metadata or any("execution" in cell.metadata for cell in notebook.cells)
    checks = {
        "is stale": notebook.metadata.get("sources") != fingerprint(notebook),
        "was not run from first to last": counts != list(range(1, len(counts) + 1)),
        "has no output": not outputs,
        "shows an error": any(output.output_type == "error" for output in outputs),
        "is not clean": left or WIDGET_VIEW in text or any(output.get("name") == "stderr" for output in outputs),
        "names a folder of this machine": str(HERE.parent) in text,
        "is larger than a megabyte": len(text) >= MEGABYTE,
    }
    yield from (fault for fault, present in checks.items() if present)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the notebooks anew, each only when all its cells have run; with --check, 1 if one is at fault."""
    parser = argparse.ArgumentParser(description="Run notebooks and keep what a reader needs.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="NAME.ipynb", help="some notebooks instead of all")
    parser.add_argument("--check", action="store_true", help="write nothing, say which need `make notebooks`")
    arguments = parser.parse_args(argv)
    paths = arguments.paths or sorted(HERE.glob("*.ipynb"))
    if arguments.check:
        found = [f"{path.name} {fault}: run `make notebooks`\n" for path in paths for fault in faults(path)]
        sys.stderr.writelines(found)
        return int(bool(found))
    for path in paths:
        nbformat.write(clean(execute(nbformat.read(path, as_version=4))), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
