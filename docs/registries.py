"""Pages made from the package itself: its public names, its registries, the papers they implement."""

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import interpret
from interpret.foundation.registry import Registry

PUBLIC = {name: getattr(interpret, name) for name in interpret.__all__}
REGISTRIES = {name: value for name, value in PUBLIC.items() if isinstance(value, Registry)}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """MkDocs' hook: the pages of the registries follow that of the public names in the menu."""
    [reference] = [section["Reference"] for section in config.nav or [] if "Reference" in section]
    reference[1:1] = [f"registries/{name.lower()}.md" for name in REGISTRIES]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs' hook: add the pages that nobody wrote."""
    pages = {f"registries/{name.lower()}.md": registry_page(registry) for name, registry in REGISTRIES.items()}
    for path, lines in {"reference.md": public_page(), "papers.md": papers_page(), **pages}.items():
        files.append(File.generated(config, path, content="\n".join(lines) + "\n"))
    return files


def public_page() -> Iterator[str]:
    """Every public name, with its docstring."""
    yield "# Public names\n\nAll of `interpret`: what is not here may change without notice.\n"
    listed = ", ".join(f"[`{name}`](registries/{name.lower()}.md)" for name in REGISTRIES)
    yield f"Registries: {listed}; `list(interpret.ATTRIBUTIONS)` names the entries.\n"
    for name, value in PUBLIC.items():
        if name not in REGISTRIES:
            yield f"::: {value.__module__}.{value.__qualname__}\n"


def registry_page(registry: Registry) -> Iterator[str]:
    """The entries in a table of what they are registered with, then their docstrings."""
    entries = entries_of(registry)
    columns = [column for column in known(entries[0]) if column != "name"]
    yield f"# {registry.kind.capitalize()}s\n"
    rows = [[f"[`{entry.name}`](#{path(entry)})", *map(known(entry).get, columns)] for entry in entries]
    yield table(["name", *columns], rows)
    for entry in entries:
        options = f"heading: {entry.name}\n      toc_label: {entry.name}\n      members: false"
        yield f"::: {path(entry)}\n    options:\n      {options}\n"


def papers_page() -> Iterator[str]:
    """Every reference, with what implements it."""
    implemented: dict[str, list[str]] = {}
    for name, registry in REGISTRIES.items():
        for entry in entries_of(registry):
            link = f"[`{entry.name}`](registries/{name.lower()}.md#{path(entry)}) ({registry.kind})"
            implemented.setdefault(known(entry).get("reference", ""), []).append(link)
    implemented.pop("", None)
    yield "# Papers\n\nWhat is implemented from where, as the registries say it.\n"
    rows = [[reference, ", ".join(links)] for reference, links in sorted(implemented.items())]
    yield table(["reference", "implemented by"], rows)


def entries_of(registry: Registry) -> list[Any]:
    """The entries, in the order of their names; a file that registers nothing is none."""
    entries = []
    for name in registry:
        with suppress(KeyError):
            entries.append(registry[name])
    return entries


def known(entry: Any) -> dict[str, Any]:
    """What an entry is registered with, but for functions."""
    values = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    return {name: value for name, value in values.items() if not callable(value)}


def path(entry: Any) -> str:
    """The dotted path of what is registered, which is also where its docstring stands on the page."""
    return f"{entry.function.__module__}.{entry.function.__qualname__}"


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    words = {"True": "yes", "False": "no"}
    return words.get(text, text.replace("|", "\\|"))
