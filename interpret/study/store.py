"""Results on disk: what was computed once is not computed again, and an interrupted job goes on."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from interpret.foundation.errors import InterpretError

WAIT = 60.0
"""Seconds to wait for another process that writes."""


class Store:
    """Results in one SQLite file, each under everything that it depends on; a write is whole or not at all.

    Raises:
        InterpretError: the file cannot be opened, or is something else.

    Example:
        >>> import interpret
        >>> store = interpret.Store("results.sqlite")
        >>> store.remember({"image": 1}, lambda: 0.5), store.remember({"image": 1}, lambda: "not made again")
        (0.5, 0.5)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise InterpretError(f"{path}: {self.path.parent} is no folder; name a store of results in one that exists")
        try:
            self._execute("CREATE TABLE IF NOT EXISTS results (about TEXT PRIMARY KEY, result TEXT)")
        except sqlite3.Error as error:
            raise InterpretError(
                f"{path}: cannot be used as a store of results ({error}); name a new file, or one made as such"
            ) from error

    def remember(self, about: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """The result kept under `about`; made, and kept, where there is none. Both are what JSON can hold."""
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        rows = self._execute("SELECT result FROM results WHERE about = ?", key)
        if rows:
            return json.loads(rows[0][0])
        made = make()
        self._execute("INSERT OR REPLACE INTO results VALUES (?, ?)", key, json.dumps(made))
        return made

    def _execute(self, command: str, *values: str) -> list[tuple[str]]:
        connection = sqlite3.connect(self.path, timeout=WAIT)
        try:
            with connection:
                return connection.execute(command, values).fetchall()
        finally:
            connection.close()
