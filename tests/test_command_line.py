"""What can be known without PyTorch is told without it, in one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
HEAVY = {"torch", "timm", "pandas", "matplotlib", "numpy", "captum"}
GOOD = "checkpoints/shapes-softmax.pt"
PACK = "tests/references/pack-0.1.0"
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
    "images nowhere": ([GOOD, "--data", "imagefolder"], "'imagefolder' needs an existing folder, found none; write"),
    "a folder of no weights": (["checkpoints"], "checkpoints: a folder without model.safetensors or pytorch_model.bin"),
    "a pack that is there": ([GOOD, "--out", PACK], r"pack-0.1.0 already exists; .* \(--overwrite\)"),
    "a folder that is no pack": ([GOOD, "--out", "tests"], "tests is not a figure pack and is never replaced"),
    "no pack, to be replaced": ([GOOD, "--out", "tests", "--overwrite"], "tests is not a figure pack and is never re"),
    "a file as the folder": ([GOOD, "--out", "README.md"], "README.md is a file, so there is no folder to write to"),
    "a folder in a file": ([GOOD, "--out", "README.md/x"], "README.md/x: .*README.md is a file, so there is no folder"),
    "a file that is no store": ([GOOD, "--store", "README.md"], "README.md: cannot be used as a store of results"),
    "a store nowhere": ([GOOD, "--store", "/nowhere/s.db"], "/nowhere/s.db: /nowhere is no folder; name a store"),
    "a misspelt attribution": (
        [GOOD, "--attributions", "rolout"],
        "error: unknown attribution 'rolout'; did you mean 'rollout'",
    ),
    "a misspelt indicator": (
        [GOOD, "--indicators", "sparsity", "sparsty"],
        "error: unknown indicator 'sparsty'; did you mean 'sparsity'",
    ),
    "a misspelt mechanism": ([GOOD, "--mechanism", "svd"], "error: unknown mechanism 'svd'; did you mean 'svda'"),
    "a misspelt override": ([f"{GOOD}:mechansim=svda"], "unknown override 'mechansim'; did you mean 'mechanism'"),
    "an override that is none": ([f"{GOOD}:device=cpu"], "unknown override 'device'; available: mechanism, tau, back"),
    "a misspelt mechanism of one file": ([f"{GOOD}:mechanism=svd"], "mechanism=svd: unknown mechanism 'svd'; did you"),
    "a threshold of two of one file": ([f"{GOOD}:heads=3,tau=2"], r"tau=2: tau 2.0 is outside \[0, 1\)"),
    "no number of one file": ([f"{GOOD}:mean=a"], "mean=a: 'a' is not a list of numbers such as 0.5,0.5,0.5"),
    "a misspelt file with overrides": (["README.m:tau=0.1"], r"README.m: no such file; did you mean README.md\?"),
    "a size of three": ([GOOD, "--img-size", "1", "2", "3"], "an input size is height and width, .* got 3 numbers"),
    "a manifest that is not there": (["--compare", "a.json", "b.json"], "a.json: no such file; expected the manifest"),
    "a folder instead of its manifest": (
        ["--compare", PACK, PACK],
        r"pack-0.1.0 is a folder; expected the manifest.json of a pack: give tests.*manifest.json",
    ),
    "a folder of no pack": (
        ["--compare", f"{PACK}/manifest.json", "docs"],
        "docs is a folder; expected the manifest.json of a pack: it has no manifest.json",
    ),
    "no manifest": (["--compare", "README.md", PACK], "README.md is not JSON; expected the manifest.json of a pack"),
    "a threshold of two": ([GOOD, "--tau", "2"], r"tau 2.0 is outside \[0, 1\)"),
    "no threshold": ([GOOD, "--tau", "0,a"], "'a' is not a number such as 0.01"),
}


@pytest.mark.parametrize(("arguments", "message"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_early_and_in_one_line(arguments, message):
    command = [sys.executable, "-X", "importtime", "-m", "interpret.report", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, done.stdout, len(told)) == (2, "", 1)
    assert re.search(message, told[0])
    assert set(re.findall(r"\| +(\w+)$", done.stderr, flags=re.MULTILINE)).isdisjoint(HEAVY)
