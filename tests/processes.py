"""Two processes that find each other as those of a launcher do."""

import os
import socket
import subprocess
import sys


def run_two(*arguments: object, cwd: object = None) -> None:
    """Run `python arguments` as rank 0 and rank 1 of one job on this machine's CPU; both must succeed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=os.environ | shared | {"OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)
