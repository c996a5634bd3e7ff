"""Files of every kind with bits, keys, types, shapes and records replaced: each loads or is refused in one line."""

import pytest

from tests.mutants import run


@pytest.mark.parametrize("count", [60, pytest.param(4000, marks=pytest.mark.long)])
def test_mutants_load_or_are_refused(count, tmp_path, capsys):
    counts, wrong = run(tmp_path, count, seed=0)
    with capsys.disabled():
        print(f"\n{count} mutants: {', '.join(f'{counts[kind]} {kind}' for kind in sorted(counts))}")  # noqa: T201
    assert wrong == []
    assert counts["loaded"] > 0 < counts["refused"]
