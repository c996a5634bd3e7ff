"""Several processes through the launcher that the README names; where one is gone the other ends, in one line."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from interpret.report.command import parser
from tests.processes import torchrun

CHECKOUT = Path(__file__).parents[1]
ASKED = ["checkpoints/shapes-softmax.pt", "--data", "shapes", "--limit", "2", "--sample", "5"]
ASKED += ["--sweep", "threshold=0.02", "--attributions", "rollout", "--indicators", "sparsity"]
QUIET = {"OMP_NUM_THREADS": "1"}
WAITING = """
import os, sys, time
from torch import distributed as dist
from interpret.foundation import command_line
from interpret.study import processes
dist.init_process_group("gloo")
processes.PULSE, processes.SILENCE = 0.2, 3.0
def work():
    with processes.alive_together("program"):
        open(f"{sys.argv[1]}/{dist.get_rank()}", "w").write(str(os.getpid()))
        if sys.argv[2] == "ends":
            time.sleep(4 * dist.get_rank())
        elif sys.argv[2] == "together":
            [processes.put_together([1]) for _ in range(10 ** 7)]
        else:
            time.sleep(60)
code = command_line.run("program", work)
dist.destroy_process_group()
sys.exit(code)
"""


def launched(folder: Path, how: str) -> list[subprocess.Popen]:
    """Two processes of one job without a launcher, which would end one for the other."""
    folder.mkdir()
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20_000 + os.getpid() % 20_000)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WAITING, str(folder), how],
            env=os.environ | QUIET | shared | {"RANK": rank}, stderr=subprocess.PIPE, text=True,
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    while len(list(folder.iterdir())) < (0 if how == "ends" else 2):
        time.sleep(0.05)
    return started


@pytest.mark.long
@pytest.mark.parametrize("how", ["hanging", "together"])
@pytest.mark.parametrize("signal_sent", [signal.SIGKILL, signal.SIGSTOP])
def test_where_one_process_is_gone_the_other_ends_in_one_line(how, signal_sent, tmp_path):
    first, second = launched(tmp_path / "pids", how)
    time.sleep(1)
    second.send_signal(signal_sent)
    begun = time.perf_counter()
    told = first.communicate(timeout=60)[1]
    second.kill()
    second.communicate()
    assert first.returncode == 2
    lines = [line for line in told.splitlines() if not line.startswith("[")]
    assert [line for line in lines if line] == [lines[-1]]
    assert re.fullmatch("program: error: another process of this job has ended or stands still.*", lines[-1])
    assert time.perf_counter() - begun < 20


def test_a_process_that_is_slow_is_waited_for(tmp_path):
    started = launched(tmp_path / "pids", "ends")
    told = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(told)


def test_help_and_readme_name_the_launcher():
    for text in (parser().format_help(), (CHECKOUT / "README.md").read_text()):
        assert "torchrun --standalone --nproc-per-node 2 -m interpret.report" in " ".join(text.split())


@pytest.mark.long
def test_a_report_through_the_launcher_is_that_of_one_process(tmp_path):
    """Each of the two processes has looked at its share, or there would be one pack too many, or none."""
    alone = [sys.executable, "-m", "interpret.report", *ASKED, "--out", str(tmp_path / "one")]
    subprocess.run(alone, cwd=CHECKOUT, check=True, capture_output=True)
    launcher = torchrun("-m", "interpret.report", *ASKED, "--out", tmp_path / "two")
    done = subprocess.run(
        launcher, cwd=CHECKOUT, env=os.environ | QUIET, check=True, capture_output=True, text=True, timeout=600
    )
    assert done.stdout.strip() == str(tmp_path / "two" / "report.html")
    assert done.stderr.count("matched all") == 2
    for path in sorted((tmp_path / "one" / "tables").glob("*.csv")):
        one, two = (pd.read_csv(tmp_path / name / "tables" / path.name) for name in ("one", "two"))
        pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6, obj=path.name)
