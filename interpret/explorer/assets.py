"""The script and the style of the explorer, as one text each: neither page nor notebook loads anything."""

from importlib.resources import files

SCRIPTS = ("pixels.js", "sources.js", "saving.js", "explorer.js")
"""One module in four files; the last one exports."""


def script() -> str:
    """The module."""
    return "\n".join(map(_read, SCRIPTS))


def style() -> str:
    """The style sheet."""
    return _read("explorer.css")


def page_script() -> str:
    """The module, shown what the page embeds."""
    return (
        f"{script()}\nconst payload = JSON.parse(document.getElementById('explorer-data').textContent);\n"
        "mount(document.getElementById('explorer-panels'), await embedded(payload));\n"
    )


def _read(name: str) -> str:
    return files("interpret.explorer").joinpath(name).read_text(encoding="utf-8")
