"""`python -m interpret inspect FILE`: what a file is, how it would be understood, and the command that loads it."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interpret.foundation.command_line import OneLineParser, run
from interpret.foundation.errors import InterpretError
from interpret.foundation.text import printable
from interpret.models.container import kind_of
from interpret.models.overrides import OVERRIDES, add_overrides, overrides
from interpret.models.weights import INDEX, shards, weight_file

if TYPE_CHECKING:
    from interpret.models.foreign import Foreign
    from interpret.models.settings import Settings

PROGRAM = "python -m interpret inspect"

Line = tuple[str, str]
"""What is said of, and what is said."""


def main(argv: Sequence[str] | None = None) -> int:
    """Say on stdout what a file is.

    Returns:
        0, also where it would be refused, with the reason; 2 after one line on stderr where it cannot be read.
    """
    parser = OneLineParser(prog=PROGRAM, description="Say what a checkpoint is and how it would be loaded.")
    parser.add_argument("file", type=Path, metavar="FILE", help="a checkpoint, or a folder that holds one")
    add_overrides(parser.add_argument_group("what the file does not say, as for the report"))
    arguments = parser.parse_args(sys.argv[1:] if argv is None else argv)

    def work() -> str:
        lines = list(inspect(arguments.file, overrides(arguments)))
        return "\n".join(f"{label:<12}{printable(text)}" for label, text in lines)

    return run(PROGRAM, work)


def inspect(path: Path, given: Mapping[str, Any]) -> Iterator[Line]:
    """All that is known of a file, its model not built.

    Args:
        given: what `load` would be told.

    Raises:
        InterpretError: it is missing or cannot be read.
    """
    file = weight_file(path)
    from interpret.models.checkpoint import FORMAT, read

    payload = read(file)
    yield "file", f"{file}, {_kind(file)}, {_size(file) / 1e6:.1f} MB"
    try:
        own = payload.get("format") == FORMAT
        yield from _of_own(payload, path, file, given) if own else _of_foreign(payload, path, file, given)
    except InterpretError as error:
        yield "refused", str(error).removeprefix(f"{file}: ")


def _kind(file: Path) -> str:
    return f"{len(shards(file))} shards" if file.name.endswith(INDEX) else kind_of(file)


def _size(file: Path) -> int:
    return sum(part.stat().st_size for part in shards(file))


def _of_own(payload: Mapping[str, Any], path: Path, file: Path, given: Mapping[str, Any]) -> Iterator[Line]:
    from interpret.models.recorded import recorded

    found = recorded(payload, file, _size(file))
    spec = found.spec
    yield "format", f"{payload['format']}: the file says how it is built and fed"
    yield "model", f"{found.name}: {spec.mechanism} {spec.options or ''}".rstrip()
    yield "backbone", f"{spec.backbone} {spec.architecture}"
    yield (
        "classes",
        _classes(spec.classes, spec.architecture.get("num_classes", len(found.tensors.get("head.weight", ())))),
    )
    yield "input", f"mean {spec.mean}, std {spec.std}"
    yield from ((name, f"{value}") for name in ("range", "bands", "task") if (value := getattr(spec, name)))
    yield from (("note", note) for note in found.notes)
    yield "load", _command(path, given, len(spec.mean))


def _of_foreign(payload: Mapping[str, Any], path: Path, file: Path, given: Mapping[str, Any]) -> Iterator[Line]:
    from interpret.models.arguments import checked, of_file
    from interpret.models.candidates import candidates
    from interpret.models.foreign import foreign
    from interpret.models.settings import Settings, beside

    for each in candidates(payload):
        yield "holds", f"{each.name or 'a ViT at its top'}: {each.family.label}, {len(each.tensors)} tensors"
    config = beside(path) if path.is_dir() else Settings()
    asked = of_file(checked(given, str(file), live=False))
    content = foreign(payload, file, _size(file), asked, config)
    yield from _of_model(content, asked, config, given)
    yield "load", _command(path, given, len(content.spec.mean))


def _of_model(content: "Foreign", asked: "Settings", config: "Settings", given: Mapping[str, Any]) -> Iterator[Line]:
    from interpret.models.filling import shown
    from interpret.models.foreign import assumed

    spec, built = content.spec, content.spec.architecture
    yield "family", content.family.label
    if {"img_size", "patch_size"} <= built.keys():
        (height, width), (tall, broad) = built["img_size"], built["patch_size"]
        yield "grid", f"{height // tall} x {width // broad} patches of {tall} x {broad}, input {height} x {width}"
        yield "layers", f"{built['depth']} of width {built['embed_dim']}"
        yield "heads", f"{built['num_heads']} ({_whence('heads', asked, config, 'timm has as many at this width')})"
    else:
        yield "backbone", f"{spec.backbone} {built}"
    yield "classes", _classes(spec.classes, built.get("num_classes"))
    of_family = (spec.mean, spec.std) == content.family.statistics
    whence = _whence("mean", asked, config, "of its family" if of_family else "assumed")
    mean, std = (shown(given.get(name) or getattr(spec, name)) for name in ("mean", "std"))
    yield "input", f"mean {mean}, std {std} ({whence})"
    yield from (("note", note) for note in content.notes)
    yield from (("note", line) for line in (*content.assumed, *assumed(content, given.get("mechanism"), config, given)))


def _whence(name: str, asked: "Settings", config: "Settings", otherwise: str) -> str:
    return "as asked" if getattr(asked, name) else "its folder says so" if getattr(config, name) else otherwise


def _classes(names: Sequence[str], count: int | None) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    number = len(names) if count is None else count
    if number == 1 and not names:
        return "none: one value, a regression"
    return f"{number}: {shown}" if names else f"{number}, not named" if number else "none: features alone"


def _command(path: Path, given: Mapping[str, Any], channels: int) -> str:
    """The report with the options that were given; in Python what takes other than pictures."""
    from interpret.models.pixels import OF_PICTURES

    if channels not in OF_PICTURES:
        named = "".join(f", {name}={value!r}" for name, value in given.items())
        return f"interpret.load({str(path)!r}{named}): a report looks at pictures, and it takes {channels} channels"
    words = ["python", "-m", "interpret.report", str(path)]
    for name in OVERRIDES:
        value = given.get(name)
        if value is not None:
            many = isinstance(value, list | tuple)
            parts = [",".join(value)] if name == "classes" else list(map(str, value)) if many else [str(value)]
            words += [f"--{name.replace('_', '-')}", *parts]
    return shlex.join(words)
