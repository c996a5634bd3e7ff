"""A figure pack on disk: written whole or not at all, with a manifest that lets someone else check every file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from interpret.figures import FIGURES
from interpret.figures.drawing import fonts, plots
from interpret.foundation import tables
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import sha256
from interpret.foundation.folders import written_whole
from interpret.report import page, summary
from interpret.report.early import check_free
from interpret.report.manifest import FORMAT, MANIFEST
from interpret.study.study import Study


def write_pack(
    study: Any,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Figures, tables, the study itself, `report.html` and last `manifest.json`, in the folder `out`.

    Everything is written beside `out` first and renamed when it is complete: after a failure nothing is left, and a
    pack that was there before is still there.

    Args:
        study: as `run_study` gives it, or `Study.load` of an earlier pack.
        out: the folder, which is made.
        overwrite: replace a pack that is there.
        names: what figures, page and summaries call a model; the study, its tables and the manifest keep its own name.

    Returns:
        The path of `report.html`.

    Raises:
        InterpretError: `out` exists and `overwrite` is not set, `out` holds something other than a pack, or `names`
            holds a model that is none.

    Example:
        >>> import interpret
        >>> vit, data = interpret.load("checkpoints/shapes-softmax.pt"), interpret.load_data("shapes")
        >>> study = interpret.run_study(vit, data[:2], attributions="rollout", indicators="sparsity", sweeps=[])
        >>> interpret.write_pack(study, "demo").as_posix()
        'demo/report.html'
    """
    if not isinstance(study, Study):
        raise InterpretError(f"write_pack takes a study, got a {type(study).__name__}; make one by run_study")
    out, called = Path(out), study.renamed(names)
    check_free(out, overwrite, "replace it with overwrite=True")
    with written_whole(out) as folder:
        study.save(folder / "study")
        _write_tables(study, folder / "tables")
        _write_summaries(called, folder / "tables" / "summary")
        shown = _draw(called, folder / "figures")
        _write(folder / "report.html", page.render(called, shown))
        _write(folder / MANIFEST, _json(manifest(study, folder)))
    return out / "report.html"


def manifest(study: Study, folder: Path) -> dict[str, Any]:
    """What made the pack, and the SHA-256 of every file under `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "format": FORMAT,
        "settings": study.settings,
        "models": list(study.models),
        "images": list(study.image_ids),
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }


def _write_tables(study: Study, folder: Path) -> None:
    folder.mkdir()
    for name, table in study.tables.items():
        if table.empty:
            continue
        tables.write_csv(table, folder / f"{name}.csv")


def _write_summaries(study: Study, folder: Path) -> None:
    for short in summary.tables(study):
        stem = folder / short.title.lower().replace(",", "").replace(" ", "_")
        stem.parent.mkdir(exist_ok=True)
        stem.with_suffix(".md").write_text(tables.to_markdown(short.columns, short.rows), encoding="utf-8")
        stem.with_suffix(".tex").write_text(tables.to_latex(short.columns, short.rows, short.title), encoding="utf-8")


def _draw(study: Study, folder: Path) -> list[page.Shown]:
    folder.mkdir()
    shown = []
    with fonts.lettering(study):
        for entry in tqdm(FIGURES.values(), desc="drawing", unit="figure", disable=None):
            for name, figure in entry.draw(study).items():
                png = plots.save(figure, folder / name)[0]
                shown.append(page.Shown(name, entry.name, entry.title, entry.told(study), png))
    return shown


def _write(path: Path, text: str) -> None:
    """What no UTF-8 can hold, a file name in the provenance of a checkpoint, is escaped as JSON does it."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
