"""Run notebooks and keep what a reader needs: outputs and still pictures, without widget state and times.

`python notebooks/build.py` writes every notebook of this folder anew, `python notebooks/build.py NAME.ipynb ...` some.
A live widget needs a kernel; in a notebook that is only read its picture stands in for it, and a widget view without
its state would be shown as an error.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = 300
"""A cell that takes longer stops the build."""


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


def main(paths: Sequence[str]) -> None:
    """Write the notebooks anew, each only when all its cells have run."""
    for path in [Path(name) for name in paths] or sorted(HERE.glob("*.ipynb")):
        nbformat.write(clean(execute(nbformat.read(path, as_version=4))), path)


if __name__ == "__main__":
    main(sys.argv[1:])
