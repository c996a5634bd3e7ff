"""What can be known without PyTorch is told without it, in one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
HEAVY = {"torch", "timm", "pandas", "matplotlib", "numpy", "captum"}
GOOD = "checkpoints/shapes-softmax.pt"
SLIPS = {
    "a misspelt checkpoint": (
        ["checkpoints/shapes-softmx.pt"],
        r"shapes-softmx.pt: no such file; did you mean .*shapes-softmax.pt\?",
    ),
    "no such folder": (["nowhere/a.pt"], r"nowhere/a.pt: no such file; expected a checkpoint"),
    "a checkpoint given twice": ([GOOD, GOOD], "is given twice; name every checkpoint once"),
    "a misspelt image": ([GOOD, "--images", "READM.md"], r"READM.md: no such file; did you mean README.md\?"),
    "a misspelt data set": ([GOOD, "--data", "shape"], "unknown data set 'shape'; did you mean 'shapes'"),
    "a root that is not there": ([GOOD, "--data", "cifar10:nowhere"], "data set 'cifar10': nowhere does not exist"),
    "a folder that is there": ([GOOD, "--out", "checkpoints"], r"checkpoints already exists; .* \(--overwrite\)"),
    "a folder that is no pack": ([GOOD, "--out", "checkpoints", "--overwrite"], "checkpoints is not a figure pack"),
    "a file that is no store": ([GOOD, "--store", "README.md"], "README.md: cannot be used as a store of results"),
    "a misspelt attribution": ([GOOD, "--attributions", "rolout"], "invalid choice: 'rolout'"),
    "a manifest that is not there": (["--compare", "a.json", "b.json"], "a.json: no such file; expected the manifest"),
    "a threshold of two": ([GOOD, "--tau", "2"], r"2 is not within \[0, 1\)"),
}


@pytest.mark.parametrize(("arguments", "message"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_early_and_in_one_line(arguments, message):
    command = [sys.executable, "-X", "importtime", "-m", "interpret.report", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, done.stdout, len(told)) == (2, "", 1)
    assert re.search(message, told[0])
    assert set(re.findall(r"\| +(\w+)$", done.stderr, flags=re.MULTILINE)).isdisjoint(HEAVY)
