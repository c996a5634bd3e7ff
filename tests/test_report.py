import csv
import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from interpret.figures import FIGURES
from interpret.foundation.errors import InterpretError
from interpret.foundation.files import sha256
from interpret.foundation.text import printable
from interpret.models import checkpoint
from interpret.models.arguments import ARGUMENTS
from interpret.models.loaded_model import LoadedModel
from interpret.models.loading import load
from interpret.models.model_spec import ModelSpec
from interpret.models.overrides import OVERRIDES
from interpret.report import caveats, summary, write_pack
from interpret.report.command import main, parse, parser, recorded
from interpret.study.study import Study
from tests.synthetic import ATTRIBUTIONS, IMAGES, NAMES, synthetic_study

CHECKOUT = Path(__file__).parents[1]
HOSTILE = '</script><b onclick="x">&'
TABLES = {"predictions", "maps", "indicators", "survey", "sweep", "operating_points", "retention"}
TABLES |= {"history", "tracked"}
SUMMARY = {"predictions", "attributions", "indicators", "sweep_of_tau", "sweep_of_rho"}
SUMMARY |= {"where_the_sweeps_turn", "retention_verified", "training"}
PAGES = {f"overlay_grid_{name}" for name in ATTRIBUTIONS} | {f"attention_heatmaps_{name}" for name in NAMES}
PAGES |= set(FIGURES) - {"overlay_grid", "attention_heatmaps", "sweep", "sweep_by_layer"}
PAGES |= {"indicators_by_epoch_sigma", "sweep_threshold", "sweep_sigma_retention", "sweep_by_layer_threshold"}


class Page(HTMLParser):
    """The text, the tags with their attributes, and the content of scripts of a page."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.scripts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        (self.scripts if self.tags and self.cdata_elem == "script" else self.words).append(data)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return write_pack(synthetic_study(), tmp_path_factory.mktemp("packs") / "pack").parent


def quick_study(**options):
    """A study of one model and one attribution, so that a pack is written quickly."""
    study = synthetic_study(history=False, **options)
    none = study.tables["indicators"].head(0)
    mine = {name: table.query("model == 'plain'") for name, table in study.tables.items() if len(table)}
    settings = study.settings | {"attributions": ["rollout"]}
    tables = study.tables | mine | {"indicators": none}
    return replace(study, models=study.models[:1], settings=settings, tables=tables)


@pytest.fixture(scope="module")
def page(pack):
    return Page((pack / "report.html").read_text())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Two checkpoints of a tiny model over `shapes`, as this project saves them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    classes = tuple(f"class-{index}" for index in range(3))
    sizes = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 3}
    for mechanism, options in (("softmax", {}), ("hard_threshold", {"tau": 0.03})):
        torch.manual_seed(0)
        spec = ModelSpec("vit_tiny_patch16_224", sizes, mechanism, options, classes)
        checkpoint.save(folder / f"{mechanism}.pt", LoadedModel(spec.build().eval(), spec, mechanism))
    return folder


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_pack_holds_exactly_these_files(pack):
    expected = {"report.html", "manifest.json", "study/study.json", "study/arrays.npz"}
    expected |= {f"{folder}/{name}.csv" for folder in ("tables", "study") for name in TABLES}
    expected |= {f"tables/summary/{name}.{suffix}" for name in SUMMARY for suffix in ("md", "tex")}
    expected |= {f"figures/{name}.{suffix}" for name in PAGES for suffix in ("png", "pdf")}
    assert files(pack) == expected
    assert [path.name for path in pack.parent.iterdir()] == ["pack"]


def test_a_table_without_rows_is_not_written(tmp_path):
    study = synthetic_study()
    page = write_pack(
        replace(study, tables=study.tables | {"retention": pd.DataFrame({"model": []})}), tmp_path / "out"
    )
    assert {path.stem for path in (page.parent / "tables").glob("*.csv")} == TABLES - {"retention"}
    assert "Retention, verified" not in page.read_text()


def test_a_study_of_no_indicators_is_written_too(tmp_path):
    study = quick_study()
    page = write_pack(replace(study, tables=study.tables | {"survey": pd.DataFrame({"model": []})}), tmp_path / "out")
    assert page.is_file()


def test_the_manifest_is_true_of_every_file(pack):
    manifest = json.loads((pack / "manifest.json").read_text())
    assert set(manifest["files"]) == files(pack) - {"manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((pack / name).read_bytes()).hexdigest() == digest
    assert manifest["images"] == list(IMAGES)
    assert [model["sha256"] for model in manifest["models"]] == ["0" * 64] * 3
    assert manifest["settings"]["seed"] == 0


@pytest.mark.long
def test_a_pack_is_the_same_byte_for_byte_when_written_again(pack, tmp_path):
    again = write_pack(synthetic_study(), tmp_path / "again").parent
    assert {name for name in files(pack) if (pack / name).read_bytes() != (again / name).read_bytes()} == set()


@pytest.mark.parametrize("labelled", [True, False])
def test_a_pack_can_be_drawn_again_from_its_study(labelled, tmp_path):
    first = write_pack(quick_study(labelled=labelled), tmp_path / "first").parent
    again = write_pack(Study.load(first / "study"), tmp_path / "again").parent
    assert {name for name in files(first) if (first / name).read_bytes() != (again / name).read_bytes()} == set()


def test_a_failing_figure_leaves_nothing_and_keeps_the_old_pack(tmp_path, monkeypatch):
    def fail(study):
        raise RuntimeError("no ink")

    old = write_pack(quick_study(), tmp_path / "old").parent
    before = (old / "manifest.json").read_bytes()
    monkeypatch.setitem(FIGURES._entries, "sweep", replace(FIGURES["sweep"], function=fail))
    for name in ("old", "new"):
        with pytest.raises(RuntimeError, match="no ink"):
            write_pack(quick_study(), tmp_path / name, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (old / "manifest.json").read_bytes() == before


def test_a_pack_is_replaced_only_when_asked(tmp_path):
    out = tmp_path / "pack"
    write_pack(quick_study(), out)
    (out / "stale").touch()
    with pytest.raises(
        InterpretError, match=r"pack already exists; choose another folder, or replace it with overwrite=True"
    ):
        write_pack(quick_study(), out)
    write_pack(quick_study(), out, overwrite=True)
    assert "stale" not in files(out)


def test_a_folder_that_is_no_pack_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(
        InterpretError, match=r"is not a figure pack and is never replaced \(.*manifest.json: no such file"
    ):
        write_pack(quick_study(), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_tables_hold_the_numbers_of_the_study(pack):
    for name, table in synthetic_study().tables.items():
        with (pack / "tables" / f"{name}.csv").open(newline="") as file:
            head, *rows = csv.reader(file)
        assert head == list(table.columns)
        assert rows == [["" if pd.isna(cell) else str(cell) for cell in row] for row in table.to_numpy(dtype=object)]


def test_short_tables_hold_the_cells_of_the_page(pack):
    for table in summary.tables(synthetic_study()):
        stem = pack / "tables" / "summary" / table.title.lower().replace(",", "").replace(" ", "_")
        head, _, *rows = stem.with_suffix(".md").read_text().splitlines()
        found = [re.split(r"(?<!\\)\|", row.strip("| ")) for row in (head, *rows)]
        cells = [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in row] for row in found]
        assert cells == [table.columns, *table.rows]
        found = re.findall(r"^(?!\\)(.*) \\\\$", stem.with_suffix(".tex").read_text(), flags=re.MULTILINE)
        assert [[as_typeset(cell) for cell in row.split(" & ")] for row in found] == [table.columns, *table.rows]


def as_typeset(cell):
    """What LaTeX prints of an escaped cell."""
    words = {r"\textasciitilde ": "~", r"\textasciicircum ": "^", r"\textbackslash ": "\\"}
    return re.sub(r"\\text\w+ |\\(.)", lambda match: match.group(1) or words[match.group()], cell)


def test_the_page_stands_alone(page):
    links = [attributes.get("src") or attributes.get("href") for _, attributes in page.tags]
    assert [link for link in links if link and re.match(r"\w+:", link) and not link.startswith("data:image/")] == []
    assert not any("http:" in text or "https:" in text for text in (*page.scripts, *page.words))


def test_the_page_links_files_that_exist(page, pack):
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link for link in links if not link.startswith("#")} <= files(pack)
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert {f"tables/{name}.csv" for name in TABLES} <= links


def test_the_page_says_first_what_must_be_known(page):
    text = " ".join(" ".join(page.words).split())
    assert "svda: rollout shows nothing on 1 of 4 images (constant: every patch has 0.25)." in text
    assert "selective: some queries keep no token at all" in text
    assert "svda misclassifies 1 of these images (image-1)" in text
    assert "50.00% (40.4% to 59.6%, n = 100, shapes)" in text
    assert "3 of 4 right" in text
    assert "25 = 4 x 6 + 1" in text
    assert text.index("things to know before you believe the pictures") < text.index("Where each model looks")


def test_a_study_in_which_nothing_is_amiss_says_so(tmp_path):
    assert "Nothing is amiss" in write_pack(quick_study(dead=None), tmp_path / "pack").read_text()


def test_hostile_names_are_escaped(tmp_path):
    study = quick_study()
    tables = {name: table.replace({"plain": HOSTILE, "circle": HOSTILE}) for name, table in study.tables.items()}
    models = ({**study.models[0], "name": HOSTILE},)
    hostile = replace(study, models=models, tables=tables, image_ids=(HOSTILE, *IMAGES[1:]))
    for table in tables.values():
        if "image" in table:
            table["image"] = table["image"].replace(IMAGES[0], HOSTILE)
    text = write_pack(hostile, tmp_path / "pack").read_text()
    assert "<b onclick" not in text
    read = Page(text)
    assert {tag for tag, _ in read.tags}.isdisjoint({"b"})
    assert any(HOSTILE in words for words in read.words)


def test_every_panel_has_a_picture_before_any_script_runs(page):
    stills = [attributes for tag, attributes in page.tags if tag == "img" and "data-panel" in attributes]
    assert len(stills) == len(NAMES) * len(IMAGES)
    assert all(still["src"].startswith("data:image/webp;base64,") and still["alt"] for still in stills)
    assert not [tag for tag, _ in page.tags if tag in ("input", "select")], "controls without a script move nothing"


def test_help_is_quick():
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "interpret.report", "--help"], cwd=CHECKOUT, capture_output=True, check=True
    )
    seconds = time.perf_counter() - begin
    assert b"hard_threshold" in done.stdout
    assert b"layer_grad_cam" in done.stdout
    assert seconds < 1.0  # 0.1 s on an idle machine; importing PyTorch alone would take longer than this


def refused(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def test_usage_errors_are_one_line(capsys, tmp_path):
    assert "the following arguments are required: CKPT" in refused(capsys)
    assert "not allowed with checkpoints" in refused(capsys, "a.pt", "--compare", "a", "b")
    assert "tau 1.5 is outside [0, 1)" in refused(capsys, "a.pt", "--tau", "1.5")
    assert "'0,0.01' is not a number such as 0.01" in refused(capsys, "a.pt", "--tau", "0,0.01")
    assert "'a' is not a list of numbers" in refused(capsys, "a.pt", "--sweep", "threshold=a")
    assert "0 is not a positive number" in refused(capsys, "a.pt", "--limit", "0")
    assert "not allowed with argument" in refused(capsys, "a.pt", "--images", "x", "--data", "photos")


def test_bad_inputs_are_refused_in_one_line(capsys, tiny, tmp_path):
    model, out = tiny / "softmax.pt", ("--out", tmp_path / "pack")
    assert "missing.pt" in refused(capsys, tmp_path / "missing.pt", *out)
    assert "is given twice" in refused(capsys, model, model, *out)
    assert "unknown data set 'shape'; did you mean 'shapes'?" in refused(capsys, model, "--data", "shape", *out)
    assert "nowhere.png" in refused(capsys, model, "--images", tmp_path / "nowhere.png", *out)
    assert "device 'gpu' cannot be used here" in refused(capsys, model, "--device", "gpu", *out)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert "broken.png" in refused(capsys, model, "--images", tmp_path / "broken.png", *out)
    assert not (tmp_path / "pack").exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(capsys, tiny, tmp_path):
    (tmp_path / "file").touch()
    assert "file is a file, so" in refused(capsys, tiny / "softmax.pt", "--out", tmp_path / "file" / "pack")


def test_an_existing_folder_is_refused_before_any_work(capsys, tmp_path):
    pack = CHECKOUT / "tests/references/pack-0.1.0"
    assert "already exists" in refused(capsys, CHECKOUT / "checkpoints/shapes-softmax.pt", "--out", pack)


def test_the_command_writes_the_same_tables_and_maps_twice(capsys, tiny, tmp_path):
    images = []
    for name, size in (("a", (40, 50)), ("b", (80, 60))):
        images.append(tmp_path / f"{name}.png")
        Image.effect_noise(size, 80).convert("RGB").save(images[-1])
    packs = []
    for name in ("first", "second"):
        models = [tiny / "softmax.pt", tiny / "hard_threshold.pt"]
        arguments = [
            *models,
            "--images",
            *images,
            "--sweep",
            "threshold=0.02",
            "--out",
            tmp_path / name,
            "--limit",
            "2",
        ]
        arguments += ["--attributions", "rollout", "--indicators", "active_tokens", "spectral_entropy", "-q"]
        assert main([str(argument) for argument in arguments]) == 0
        packs.append(Path(capsys.readouterr().out.strip()).parent)
    assert packs == [tmp_path / "first", tmp_path / "second"]
    same = files(packs[0])
    assert {name for name in same if (packs[0] / name).read_bytes() != (packs[1] / name).read_bytes()} == set()
    manifest = json.loads((packs[0] / "manifest.json").read_text())
    command = "python -m interpret.report softmax.pt hard_threshold.pt --images a.png b.png --sweep threshold=0.02 "
    assert manifest["settings"]["command"].startswith(f"{command}--limit 2 ")
    assert not any(str(tmp_path).encode() in (packs[0] / name).read_bytes() for name in same)
    assert manifest["models"][1]["sha256"] == sha256(tiny / "hard_threshold.pt")
    assert set(pd.read_csv(packs[0] / "tables/sweep.csv")["strength"]) == {0.0, 0.02, 0.03}


def test_the_command_is_recorded_by_names_unless_places_are_to_be_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def of(*argv):
        return recorded(argv, parse(argv)).removeprefix("python -m interpret.report ")

    assert of("a/b.pt:key=ema/x", "./c//d.pt", "--out", "/x/y", "-q") == "b.pt:key=ema/x d.pt -q"
    assert of("a/b.pt", "--images=.", "--out=/x/y", "--limit", "3") == f"b.pt --images={tmp_path.name} --limit 3"
    assert of("a/b.pt", "--data", "imagefolder:/x/y/", "--store", "s/t") == "b.pt --data imagefolder:y --store t"
    assert of("a/b.pt", "--ou", "/x/y", "--overwrite", "--data", "shapes") == "b.pt --overwrite --data shapes"
    assert of("a/b.pt", "--keep-paths", "--out", "/x/y") == "a/b.pt --keep-paths --out /x/y"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("threshold", ("threshold", None)),
        ("threshold=0.01", ("threshold", (0.01,))),
        ("head_pruning=0,0.5", ("head_pruning", (0.0, 0.5))),
    ],
)
def test_a_sweep_is_a_name_and_perhaps_its_strengths(arguments, expected):
    assert parser().parse_args(["a.pt", "--sweep", arguments]).sweep == [expected]


SHORT = ["--limit", "1", "--sample", "2", "--attributions", "rollout", "--indicators", "active_tokens", "-q"]


def test_what_is_said_of_one_file_wins_over_what_is_said_of_all(capsys, tiny, tmp_path):
    soft = "hard_threshold.pt:mechanism=soft_threshold,tau=0.07,classes=a,b,c,img-size=32,48,mean=0.1,0.2,0.3"
    plain = tmp_path / "softmax.pt:mechanism=softmax"
    shutil.copy(tiny / "softmax.pt", plain)
    named = [tiny / "softmax.pt:mechanism=softmax", tiny / soft, plain]
    given = ["--mechanism", "hard_threshold", "--tau", "0.02", "--mean", "0.5", "0.5", "0.6", "--data", "photos"]
    arguments = [*named, *given, *SHORT, "--out", tmp_path / "pack"]
    assert main([str(argument) for argument in arguments]) == 0
    specs = [model["spec"] for model in json.loads((tmp_path / "pack/manifest.json").read_text())["models"]]
    rules = [(spec["mechanism"], spec["options"], spec["mean"]) for spec in specs]
    assert rules == [
        ("softmax", {}, [0.5, 0.5, 0.6]),
        ("soft_threshold", {"tau": 0.07}, [0.1, 0.2, 0.3]),
        ("hard_threshold", {"tau": 0.02}, [0.5, 0.5, 0.6]),
    ]
    assert [spec["classes"] for spec in specs[1:]] == [["a", "b", "c"], ["class-0", "class-1", "class-2"]]


def test_what_the_command_overrides_is_what_load_takes():
    assert set(inspect.signature(load).parameters) == {"source", *ARGUMENTS, "device", "unknown"}
    assert set(OVERRIDES) <= set(ARGUMENTS)
    told = (
        "FILE:KEY=VALUE,... says of that file alone its mechanism, tau, backbone, heads, activation, eps, "
        "head-activation, key, classes, img-size, mean, std"
    )
    assert told in " ".join(parser().format_help().split())


def test_names_that_are_no_text_are_written_so_that_they_can_be_read(capsys, tiny, tmp_path):
    """Bytes that are no UTF-8 and control characters, in the name of everything there is."""
    odd = tmp_path / os.fsdecode(b"w\xfc\x1b[31m\nrm")
    for label in (b"c\xe4t", b"dog"):
        (odd / os.fsdecode(label)).mkdir(parents=True)
        Image.effect_noise((50, 40), 80).convert("RGB").save(odd / os.fsdecode(label) / os.fsdecode(b"\xff\t.png"))
    models = [odd / os.fsdecode(b"m\xf6del.pt"), odd / "dog" / os.fsdecode(b"m\xf6del.pt")]
    torch.save(checkpoint.read(tiny / "softmax.pt")["state_dict"], models[0])
    trained = {"provenance": {"recipe": {"data": "shapes", "init": str(models[0])}}, "name": models[1].stem}
    checkpoint.save(models[1], replace(load(tiny / "softmax.pt"), **trained))
    own = [f"{path}:heads=2,img-size=32,48" for path in models]
    classes = os.fsdecode(b"c\xe4t,dog,r\xe4t")
    out = odd / os.fsdecode(b"\xfcber")
    assert (
        main([*own, "--images", str(odd), "--classes", classes, "--sweep", "threshold=0.02", *SHORT, "--out", str(out)])
        == 0
    )
    written = r"w\udcfc\x1b[31m\nrm"
    assert capsys.readouterr().out == f"{tmp_path}/{written}/\\udcfcber/report.html\n"
    manifest = json.loads((out / "manifest.json").read_text())
    assert [model["name"] for model in manifest["models"]] == [
        rf"m\udcf6del ({written}/m\udcf6del.pt)",
        r"m\udcf6del (dog/m\udcf6del.pt)",
    ]
    assert manifest["models"][1]["record"]["recipe"]["init"] == printable(str(models[0]))
    assert manifest["settings"]["data"] == written
    assert set(manifest["images"]) <= {rf"{written}/{label}/\udcff\t.png" for label in (r"c\udce4t", "dog")}
    assert manifest["models"][0]["classes"] == [r"c\udce4t", "dog", r"r\udce4t"]
    assert r"m\udcf6del" in (out / "report.html").read_text()
    assert "\x1b" not in (out / "report.html").read_text()
    again = [str(out / "manifest.json"), str(out / "manifest.json")]
    assert main(["--compare", *again]) == 0
    assert f"- old: {tmp_path}/{written}" in capsys.readouterr().out
    assert main([str(tmp_path / "no\x1b.pt")]) == 2
    assert rf"{tmp_path}/no\x1b.pt: no such file" in capsys.readouterr().err


@pytest.mark.long
def test_names_of_any_script_are_written_where_the_system_speaks_ascii(tiny, tmp_path):
    names = ["caf\u00e9.png", "\u732b.png"]
    for name in names:
        Image.effect_noise((50, 40), 80).convert("RGB").save(tmp_path / name)
    command = [sys.executable, "-m", "interpret.report", str(tiny / "softmax.pt"), "--images", str(tmp_path)]
    command += [*SHORT, "--limit", "2"]
    ascii_alone = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    out = tmp_path / "pack"
    ended = subprocess.run(
        [*command, "--sweep", "threshold=0.02", "--out", str(out)],
        cwd=CHECKOUT, env=ascii_alone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["images"]) == 2
    assert len(pd.read_csv(out / "tables/predictions.csv")) == 2


def test_models_of_one_name_are_told_apart(capsys, tiny, tmp_path):
    copy = tmp_path / "run-7" / "softmax.pt"
    copy.parent.mkdir()
    shutil.copy(tiny / "softmax.pt", copy)
    arguments = [tiny / "softmax.pt", copy, "--data", "photos", "--limit", "1", "--attributions", "rollout", "-q"]
    arguments += ["--indicators", "active_tokens", "--sweep", "threshold=0.02", "--out", tmp_path / "pack"]
    assert main([str(argument) for argument in arguments]) == 0
    names = pd.read_csv(tmp_path / "pack/tables/predictions.csv")["model"]
    assert names.nunique() == 2


def test_a_replacement_that_fails_gives_the_old_pack_back(tmp_path, monkeypatch):
    out = write_pack(synthetic_study(), tmp_path / "pack").parent
    before = (out / "manifest.json").read_bytes()
    rename = Path.rename

    def fail(path, target):
        if path.name == "new":
            raise OSError("disk full")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InterpretError, match=r"pack cannot be written \(disk full\); free some space"):
        write_pack(synthetic_study(), out, overwrite=True)
    assert (out / "manifest.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_the_page_claims_only_what_was_looked_for():
    study = synthetic_study(dead=None)
    tables = study.tables | {"indicators": study.tables["indicators"].query("indicator == 'sparsity'")}
    assert "no query lost all its tokens" not in caveats.clean(replace(study, tables=tables))
    unlabelled = synthetic_study(labelled=False, dead=None)
    assert caveats.clean(unlabelled) == ["every map carries evidence", "no query lost all its tokens"]
