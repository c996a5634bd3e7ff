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
    "a checkpoint given twice": ([GOOD, GOOD], "is given twice; name it once, and copy it for another override"),
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
    "no such file of class names": ([GOOD, "--classes", "READM.txt"], r"READM.txt: no such file; did you mean README"),
    "class names of one file alone": ([f"{GOOD}:classes=nowhere/names.txt"], r"nowhere/names.txt: no such file"),
    "a misspelt attribution": (
        [GOOD, "--attributions", "rolout"],
        "error: unknown attribution 'rolout'; did you mean 'rollout'",
    ),
    "a misspelt indicator": (
        [GOOD, "--indicators", "sparsity", "sparsty"],
        "error: unknown indicator 'sparsty'; did you mean 'sparsity'",
    ),
    "a misspelt mechanism": (
        [GOOD, "--mechanism", "svd"],
        "argument --mechanism: unknown mechanism 'svd'; did you mean 'svda'",
    ),
    "a misspelt override": ([f"{GOOD}:mechansim=svda"], "unknown override 'mechansim'; did you mean 'mechanism'"),
    "an override that is none": ([f"{GOOD}:device=cpu"], "unknown override 'device'; available: mechanism, tau, back"),
    "a misspelt mechanism of one file": ([f"{GOOD}:mechanism=svd"], "mechanism=svd: unknown mechanism 'svd'; did you"),
    "a threshold of two of one file": ([f"{GOOD}:heads=3,tau=2"], r"tau=2: tau 2.0 is outside \[0, 1\)"),
    "no number of one file": ([f"{GOOD}:mean=a"], "mean=a: 'a' is not a number such as 0.5"),
    "a std of zero": ([GOOD, "--std", "0.5", "0"], "argument --std: 0 is not a number above 0"),
    "a std of zero of one file": ([f"{GOOD}:std=0.5,0"], "std=0.5,0: 0 is not a number above 0"),
    "a tau below zero": ([GOOD, "--sweep", "threshold=0.1,-1"], r"tau -1.0 is outside \[0, 1\)"),
    "a rho of zero": ([GOOD, "--sweep", "sigma_retention=0"], r"rho 0.0 is outside \(0, 1\]"),
    "more heads than all": ([GOOD, "--sweep", "head_pruning=2"], r"share 2.0 is outside \[0, 1\]"),
    "noise that is no number": ([GOOD, "--sweep", "sigma_perturbation=nan"], "eta nan is not a finite number >= 0"),
    "a mean without end": ([GOOD, "--mean", "inf"], "argument --mean: 'inf' is not a number such as 0.5"),
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
    "no threshold": ([GOOD, "--tau", "0,a"], "'0,a' is not a number such as 0.01"),
    "a negative seed": ([GOOD, "--seed", "-1"], "--seed: -1 is not a whole number, 0 or more"),
}


NEW = ["--out", "nowhere/new.pt"]
SHAPES = ["--data", "shapes", *NEW]
TRAINING_SLIPS = {
    "nothing to learn from": (NEW, "neither --data nor --preset is given; name what to train on"),
    "a model that is there": (["--data", "shapes", "--out", GOOD], r"shapes-softmax.pt exists; go on .* \(--resume\)"),
    "a folder as the file": (["--data", "shapes", "--out", "docs"], "--out docs is a folder; name a file in it, such"),
    "no folder at all": (["--data", "shapes", "--out", "."], r"--out \. is a folder; name a file in it"),
    "a folder in a file": (
        ["--data", "shapes", "--out", "README.md/a.pt"],
        "README.md/a.pt: its folder cannot be made",
    ),
    "a name that the card has": (["--data", "shapes", "--out", "x/a.md"], "--out x/a.md: what lies beside the check"),
    "nothing to go on with": ([*SHAPES, "--resume"], "--resume: neither nowhere/new.pt nor new.resume is there"),
    "a misspelt data set": (["--data", "shape", *NEW], "unknown data set 'shape'; did you mean 'shapes'"),
    "a root that is not there": (["--data", "cifar10:no", *NEW], "data set 'cifar10': no does not exist; give the"),
    "images nowhere": (["--data", "imagefolder", *NEW], "'imagefolder' needs an existing folder, found none; write"),
    "images of a preset nowhere": (["--preset", "svda-imagenet100", *NEW], "'imagefolder' needs an existing folder"),
    "a misspelt preset": (["--preset", "shapes-tin", *NEW], "unknown preset 'shapes-tin'; did you mean 'shapes-tiny'"),
    "a misspelt mechanism": ([*SHAPES, "--mechanism", "svd"], "unknown mechanism 'svd'; did you mean 'svda'"),
    "a misspelt indicator": ([*SHAPES, "--track", "sparsty"], "unknown indicator 'sparsty'; did you mean 'sparsity'"),
    "misspelt weights": (
        [*SHAPES, "--init", "checkpoints/shapes-softmx.pt"],
        r"no such file; did you mean checkpoints/shapes-softmax.pt\?",
    ),
    "a threshold of two": ([*SHAPES, "--tau", "2"], r"--tau: tau 2.0 is outside \[0, 1\)"),
    "a first threshold of two": ([*SHAPES, "--tau-init", "2"], r"--tau-init: tau 2.0 is outside \[0, 1\)"),
    "a sigma that is none": ([*SHAPES, "--sigma-init", "two"], "sigma_init 'two' is not one of one, sqrt_d, parity"),
    "five heads of twelve": (
        [*SHAPES, "--embed-dim", "12", "--num-heads", "5"],
        "a width of 12 cannot be cut into 5 heads; give 4, say",
    ),
    "five heads of a preset": (
        ["--preset", "shapes-tiny", "--num-heads", "5", *NEW],
        "a width of 96 cannot be cut into 5 heads; give 4, say",
    ),
    "no heads": ([*SHAPES, "--num-heads", "0"], "--num-heads: 0 is not a positive number"),
    "patches larger than the image": (
        [*SHAPES, "--img-size", "8", "--patch-size", "16"],
        "patches of 16 pixels are larger than an image of 8",
    ),
    "a rate that is no number": ([*SHAPES, "--lr", "nan"], "--lr: nan is not a number, 0 or more"),
    "a probability of two": ([*SHAPES, "--hflip", "2"], "--hflip: 2 is not a number, from 0 to 1"),
    "a negative shift": ([*SHAPES, "--shift", "-1"], "--shift: -1 is not a whole number, 0 or more"),
    "a negative seed": ([*SHAPES, "--seed", "-1"], "--seed: -1 is not a whole number, 0 or more"),
    "nothing but warm-up": ([*SHAPES, "--warmup-epochs", "10"], "--warmup-epochs 10.0 leaves none of 10 epochs"),
}
COMMANDS = [("report", *slip) for slip in SLIPS.values()] + [("train", *slip) for slip in TRAINING_SLIPS.values()]


@pytest.mark.parametrize(("command", "arguments", "message"), COMMANDS, ids=[*SLIPS, *TRAINING_SLIPS])
def test_a_slip_is_told_early_and_in_one_line(command, arguments, message):
    line = [sys.executable, "-X", "importtime", "-m", f"interpret.{command}", *arguments]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, done.stdout, len(told)) == (2, "", 1)
    assert re.search(message, told[0])
    assert set(re.findall(r"\| +(\w+)$", done.stderr, flags=re.MULTILINE)).isdisjoint(HEAVY)
    assert not (CHECKOUT / "nowhere").exists()
