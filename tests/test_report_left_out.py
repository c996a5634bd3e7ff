"""Images that cannot be read are left out of a study, and everybody is told."""

import re

import pytest
import torch

import interpret
from interpret.data import load_data
from interpret.models import checkpoint
from interpret.report import caveats
from interpret.report.command import main
from interpret.study.drawn import draw
from tests.files import write_tree
from tests.models import tiny

SHORT = ["--attributions", "rollout", "--indicators", "sparsity", "--limit", "3"]


@pytest.fixture
def mixed(tmp_path):
    """Two classes of three images, one of each cut short, and a file that is no image."""
    write_tree(tmp_path / "mixed", {"cats": 3, "dogs": 3})
    for name in ("cats/01", "dogs/00"):
        path = tmp_path / "mixed" / f"{name}.png"
        path.write_bytes(path.read_bytes()[:40])
    (tmp_path / "mixed" / "cats" / "IMG_1.HEIC").touch()
    return tmp_path / "mixed"


def test_a_study_of_a_folder_goes_on_and_says_what_it_left_out(mixed, caplog):
    chosen = {"attributions": "rollout", "indicators": [], "sweeps": []}
    study = interpret.run_study(tiny(dtype=torch.float32), mixed, limit=3, **chosen)
    assert {name: why.split(" (")[0] for name, why in study.settings["unreadable"].items()} == {
        "mixed/cats/01.png": "cannot be read",
        "mixed/dogs/00.png": "cannot be read",
    }
    assert study.settings["passed_over"] == "1 file passed over, no image that can be opened: cats/IMG_1.HEIC"
    assert (study.settings["sample"], len(study.image_ids)) == (4, 3)
    unread, beside, *_ = caveats.caveats(study)
    assert re.fullmatch(r".*cannot be read: 2 images \((mixed/cats/01.png|, |mixed/dogs/00.png){3}\).", unread)
    assert beside.startswith("Of mixed, not looked at: 1 file passed over")
    (line,) = [line for line in caplog.messages if line.startswith("left out: ")]
    assert line.endswith("repair it or leave it out, and 1 more")


def test_where_none_can_be_read_nothing_is_written(mixed, tmp_path, capsys):
    checkpoint.save(tmp_path / "vit.pt", tiny(dtype=torch.float32))
    broken = [str(mixed / "cats" / "01.png"), str(mixed / "dogs" / "00.png")]
    assert main([str(tmp_path / "vit.pt"), "--images", *broken, *SHORT, "--out", str(tmp_path / "pack")]) == 2
    err = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r".*: error: none of 2 images can be read: image .*/cats/01.png cannot be read \(.*", err[-1])
    assert not (tmp_path / "pack").exists()


def test_as_many_images_are_drawn_as_were_asked_for(mixed):
    data = load_data(f"imagefolder:{mixed}")
    positions, unreadable = draw(data, 0, 3)
    assert len({data[position].id for position in positions}) == 3
    assert set(unreadable) <= {"mixed/cats/01.png", "mixed/dogs/00.png"}
    assert draw(load_data("shapes"), 0, 2)[1] == {}
