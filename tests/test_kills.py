"""Whatever ends a run, at whatever moment: the old pack or the new one is there, and the next run leaves only that."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from interpret.foundation import command_line
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import write_atomically
from interpret.foundation.folders import OLD, clear_left, written_whole
from interpret.models import checkpoint
from interpret.report.early import check_free
from tests.models import tiny

FILES = 40
WRITER = f"""
import sys, time
from pathlib import Path
from interpret.foundation import command_line
from interpret.foundation.folders import clear_left, written_whole
def work():
    out = Path(sys.argv[1])
    clear_left(out)
    with written_whole(out) as folder:
        for number in range({FILES}):
            (folder / str(number)).write_text("whole")
            time.sleep(0.005)
sys.exit(command_line.run("writer", work, lambda: "nothing was written"))
"""
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def killed(command: list[str], after: float, how: signal.Signals) -> tuple[int, str]:
    """Exit code and words of a command that is killed, unless it ends before."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(after)
    started.send_signal(how)
    told = started.communicate(timeout=300)[1]
    return started.returncode, told


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_whole_or_not_there_after_kills_at_any_moment(tmp_path):
    command, generator = [sys.executable, "-c", WRITER, str(tmp_path / "out")], random.Random(0)
    for how in (*SIGNALS, signal.SIGTERM):
        killed(command, generator.uniform(0.1, 0.6), how)
        assert not (tmp_path / "out").exists() or len(contents(tmp_path / "out")) == FILES
    subprocess.run(command, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(contents(tmp_path / "out")) == FILES


@pytest.mark.long
def test_fifty_kills_of_a_report_leave_no_partial_pack_and_every_rerun_is_equal(tmp_path, capsys):
    checkpoint.save(tmp_path / "vit.pt", tiny(dtype=torch.float32))
    place = tmp_path / "packs"
    place.mkdir()
    command = [sys.executable, "-m", "interpret.report", str(tmp_path / "vit.pt"), "--data", "photos", "--limit", "1"]
    command += ["--sample", "2", "--attributions", "rollout", "--indicators", "sparsity", "--overwrite"]
    command += ["--sweep", "threshold=0.02", "--out", str(place / "pack")]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds, whole, generator = time.perf_counter() - begun, contents(place / "pack"), random.Random(0)
    partial = reruns = unequal = left = raw = 0
    for kill in range(50):
        code, told = killed(command, generator.uniform(0, seconds), SIGNALS[kill % 2])
        partial += (place / "pack").exists() and contents(place / "pack") != whole
        raw += "Traceback" in told or (code == 143 and "terminated; nothing was written" not in told)
        if kill % 5 == 4:
            subprocess.run(command, check=True, capture_output=True)
            reruns += 1
            unequal += contents(place / "pack") != whole
            left += len(list(place.iterdir())) - 1
    with capsys.disabled():
        sys.stdout.write(f"\n50 kills: {partial} partial packs, {raw} tracebacks; ")
        sys.stdout.write(f"{reruns} runs after them: {unequal} unequal, {left} leftovers\n")
    assert (partial, raw, unequal, left) == (0, 0, 0, 0)


def test_a_pack_that_a_killed_run_had_moved_aside_comes_back(tmp_path):
    out, holder = tmp_path / "out", tmp_path / ".out.unfinished-x"
    (holder / OLD).mkdir(parents=True)
    (holder / OLD / "manifest.json").write_text("old")
    clear_left(out)
    assert contents(tmp_path) == {"out/manifest.json": b"old"}


def test_several_processes_may_clear_at_once(tmp_path):
    for number in range(20):
        (tmp_path / f".out.unfinished-{number}" / "new").mkdir(parents=True)
    with ThreadPoolExecutor(4) as several:
        list(several.map(clear_left, [tmp_path / "out"] * 4))
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_run_writes_is_left_alone(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        while not list(tmp_path.glob(".out.*/new/*")):
            time.sleep(0.01)
        clear_left(tmp_path / "out")
    assert running.returncode == 0
    assert len(contents(tmp_path / "out")) == FILES


def write_late(out):
    """Write a folder while another does."""
    with written_whole(out) as late:
        (late / "file").write_text("late")
        with written_whole(out) as early:
            (early / "file").write_text("early")


def test_the_later_of_two_writers_is_told_and_replaces_nothing(tmp_path):
    with pytest.raises(InterpretError, match=r"out was written by another run meanwhile and is kept; choose another"):
        write_late(tmp_path / "out")
    assert contents(tmp_path) == {"out/file": b"early"}


def test_of_two_writers_that_replace_a_folder_the_later_is_told_too(tmp_path):
    with written_whole(tmp_path / "out") as folder:
        (folder / "file").write_text("old")
    with pytest.raises(InterpretError, match=r"out was written by another run meanwhile and is kept; choose another"):
        write_late(tmp_path / "out")
    assert contents(tmp_path) == {"out/file": b"early"}


def test_an_error_that_says_nothing_is_told_by_its_kind(tmp_path):
    def fail(_):
        raise RuntimeError

    with pytest.raises(InterpretError, match=r"out cannot be written \(RuntimeError\); free some"):
        write_atomically(tmp_path / "out", fail)


def fill_the_disk(out):
    with written_whole(out) as folder:
        (folder / "full").symlink_to("/dev/full")
        (folder / "full").write_text("x")


def test_a_full_disk_names_the_place(tmp_path):
    with pytest.raises(InterpretError, match=r"out cannot be written \(No space left on device\); free some"):
        fill_the_disk(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InterpretError, match=r"file/x/out cannot be written \(Not a directory\); free some"):
        fill_the_disk(tmp_path / "file" / "x" / "out")


def clear_and_fail(out):
    with written_whole(out) as folder:
        shutil.rmtree(folder.parent)
        raise ZeroDivisionError


def test_what_ended_a_writer_is_told_also_where_another_run_has_cleared_its_folder(tmp_path):
    with pytest.raises(ZeroDivisionError):
        clear_and_fail(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def closed():
    """A folder in which this process may make nothing; who may do everything becomes nobody for a while."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        superuser = os.getuid() == 0
        if superuser:
            os.setresuid(65534, 65534, 0)
        yield Path(folder)
        if superuser:
            os.setresuid(0, 0, 0)
        Path(folder).chmod(0o755)


def test_a_closed_place_is_told_before_any_work(closed):
    with pytest.raises(InterpretError, match=f"b: nothing may be written in {closed}; choose another place"):
        check_free(closed / "a" / "b", overwrite=False, advice="")


def test_a_command_told_to_end_cleans_up_and_says_so(capsys):
    before = signal.getsignal(signal.SIGTERM)

    def work():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    assert command_line.run("program", work, lambda: "nothing was written") == 143
    assert capsys.readouterr().err == "\nprogram: terminated; nothing was written\n"
    assert signal.getsignal(signal.SIGTERM) is before
