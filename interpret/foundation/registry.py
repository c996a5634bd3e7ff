"""Name -> entry. A folder is a registry, a file in it is an entry, the file's name is the entry's name."""

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from html import escape
from typing import Any, Generic, TypeVar

from interpret.foundation.errors import InterpretError, UnknownNameError

Entry = TypeVar("Entry")


def as_names(names: Any) -> list[str]:
    """One name or several, as a list.

    Raises:
        InterpretError: something that is no name.
    """
    listed = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    for name in listed:
        if not isinstance(name, str):
            raise InterpretError(f"expected a name or a list of names, found a {type(name).__name__}")
    return listed


def entry_files(package: str) -> list[str]:
    """Names of the entries that the files of a folder are; neither they nor the folder itself are imported."""
    spec = importlib.util.find_spec(package)
    modules = pkgutil.iter_modules(spec and spec.submodule_search_locations)
    return [module.name for module in modules if not (module.ispkg or module.name.startswith("_"))]


def check_name(kind: str, name: Any, known: Collection[str]) -> str:
    """Return `name`, one of `known`.

    Args:
        kind: what such a name is called in messages.

    Raises:
        UnknownNameError: it is none of them; says the nearest.
    """
    if not isinstance(name, str):
        raise UnknownNameError(f"a {type(name).__name__} names no {kind}; expected one of {', '.join(known)}")
    if name in known:
        return name
    contained = sorted((other for other in known if other in name), key=len, reverse=True)
    nearest = contained or difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise UnknownNameError(f"unknown {kind} {name!r}; {hint}available: {', '.join(known)}")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """The entries of one folder, imported one by one when they are first asked for.

    Listing the names imports nothing, so a command's `--help` stays fast. Files whose name starts with an underscore
    are shared helpers, not entries.

    Args:
        kind: what an entry is called in messages, for example "attribution".
        package: the dotted name of the folder.
        entry_type: called as `entry_type(name=..., function=..., **fields)` for each registration.
    """

    def __init__(self, kind: str, package: str, entry_type: Callable[..., Entry]) -> None:
        self.kind = kind
        self._package = package
        self._entry_type = entry_type
        self._entries: dict[str, Entry] = {}

    def register(self, **fields: Any) -> Callable[[Any], Any]:
        """Decorator: file the decorated function or class under its file's name (outside the folder, its own name).

        Raises:
            InterpretError: the name is taken.
        """

        def add(function: Any) -> Any:
            folder, _, file = function.__module__.rpartition(".")
            name = file if folder == self._package else function.__name__
            if name in self._entries:
                raise InterpretError(
                    f"{self.kind} {name!r} of {function.__module__} is already registered; rename one of them"
                )
            self._entries[name] = self._entry_type(name=name, function=function, **fields)
            return function

        return add

    def __getitem__(self, name: Any) -> Entry:
        check_name(self.kind, name, self)
        if name not in self._entries:
            importlib.import_module(f"{self._package}.{name}")
        return self._entries[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of that name, `default` where there is none."""
        try:
            return self[name]
        except UnknownNameError:
            return default

    def __repr__(self) -> str:
        return f"{len(self)} {self.kind}s: {', '.join(self)}"

    def _repr_html_(self) -> str:
        """Name, label and source of every entry."""
        columns = ("label", "title", "reference", "caption")
        fields = [column for column in columns if any(hasattr(entry, column) for entry in self.values())]
        heads = "".join(f"<th>{escape(head)}</th>" for head in (self.kind, *fields))
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code></td>"
            + "".join(f"<td>{escape(getattr(entry, field))}</td>" for field in fields)
            + "</tr>"
            for name, entry in self.items()
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._entries or name in self._files())

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._files(), *self._entries}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _files(self) -> list[str]:
        return entry_files(self._package)
