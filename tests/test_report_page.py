import base64
import io
import itertools
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from interpret.explorer import embedding
from interpret.explorer.payload import payload
from interpret.explorer.study_screens import MEAN, StudyScreens
from interpret.figures import FIGURES, SECTIONS
from interpret.figures.drawing import plots
from interpret.figures.drawing.octaves import octaves, uniform_share
from interpret.report import page, summary
from interpret.report.caveats import caveats
from interpret.report.findings import findings
from interpret.study.curves import of_intervention
from tests.synthetic import COLS, HEADS, IMAGES, LAYERS, NAMES, ROWS, TAUS, TOKENS, synthetic_study

CHARTS = 450_000
"""What the charts of three models with a training history take; those of bundled checkpoints come to 400 kB."""


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2])))


def smooth_noise(generator, height, width):
    """As hard to compress as a photograph: noise at every scale."""
    layers = [
        np.asarray(Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((width, height)))
        for side in (7, 14, 28, 56)
    ]
    return np.mean(layers, axis=0).astype(np.uint8)


def softmax(generator, *shape):
    peaked = np.exp(2 * generator.standard_normal(shape, dtype=np.float32))
    return peaked / peaked.sum(axis=(-2, -1), keepdims=True)


def large_study(count=8, side=224, taus=20, layers=12, heads=3, grid=14):
    """Three models of the size of ViT-Tiny over noisy pictures; attention is a softmax of noise, cut at each tau."""
    study = synthetic_study(history=False, dead=None)
    generator = np.random.default_rng(0)
    ids = tuple(f"image-{index}" for index in range(count))
    arrays = {}
    chosen = [round(0.002 * step, 3) for step in range(taus)]
    for index in range(3):
        arrays[f"heatmap/{index}"] = softmax(generator, count, layers, heads, grid, grid)
        uncut = softmax(generator, count, grid, grid)
        arrays[f"tau_map/{index}"] = np.where(uncut > np.reshape(chosen, (-1, 1, 1, 1)), uncut, 0)
        for name in study.settings["attributions"]:
            arrays[f"map/{index}/{name}"] = generator.standard_normal((count, grid, grid), dtype=np.float32)
    copies = [
        {name: study.tables[name].assign(image=image) for name in ("predictions", "maps", "indicators")}
        for image in ids
    ]
    tables = {
        name: pd.concat([copy[name].drop_duplicates(["model", "image"]) for copy in copies])
        for name in ("predictions", "indicators")
    }
    tables["maps"] = pd.concat([copy["maps"].drop_duplicates(["model", "image", "attribution"]) for copy in copies])
    sweep = of_intervention(study.tables["sweep"], "threshold").drop_duplicates(["model", "layer", "quantity"])
    tables["sweep"] = pd.concat([sweep.assign(strength=tau) for tau in chosen], ignore_index=True)
    return replace(
        study,
        models=tuple(model | {"layers": layers, "heads": heads} for model in study.models),
        settings=study.settings | {"sweeps": {"threshold": chosen}},
        tables=study.tables | tables,
        images=np.stack([smooth_noise(generator, side, side) for _ in ids]),
        image_ids=ids,
        arrays=arrays,
    )


def test_eight_photographs_twenty_taus_and_three_models_leave_room_for_the_charts_in_a_megabyte():
    assert len(page.render(large_study(), []).encode()) < page.LARGEST - CHARTS


def inflated(text):
    return zlib.decompress(base64.b64decode(text))


def test_weights_by_head_that_would_be_too_many_are_shown_of_fewer_images():
    study = large_study(side=28, taus=2, layers=24, heads=6)
    whole = StudyScreens(study)
    assert len(whole.grids) == 1
    rows = whole.screens()["heads/0/mean"].rows
    assert not isinstance(rows[0].panels[0].shown, str)
    assert {panel.shown for row in rows[1:] for panel in row.panels} == {"left out to keep this page small"}


def test_a_screen_by_head_is_a_layer_and_a_head_or_their_mean():
    study = synthetic_study()
    screens = StudyScreens(study).screens()
    for index, image, layer, head in itertools.product(
        range(3), range(len(IMAGES)), range(LAYERS), [MEAN, *range(HEADS)]
    ):
        heatmap = study.heatmap(index)[image, layer]
        wanted = sum(heatmap[each] for each in range(HEADS)) / HEADS if head == MEAN else heatmap[head]
        assert np.abs(screens[f"heads/{layer}/{head}"].rows[image].panels[index].shown - wanted).max() < 1e-6


def test_the_first_stop_of_the_threshold_is_the_model_as_loaded():
    study = synthetic_study()
    whole = StudyScreens(study)
    assert whole.views[0].follows == {"tau": ["as loaded", *(f"{tau:g}" for tau in TAUS)]}
    assert payload(study)["state"]["tau"] == "as loaded"
    screens = whole.screens()
    for index, image in itertools.product(range(3), range(len(IMAGES))):
        wanted = study.heatmap(index)[image, -1].mean(axis=0)
        assert_array_equal(screens["readout/as loaded"].rows[image].panels[index].shown, wanted)
        for step, tau in enumerate(TAUS):
            panel = screens[f"readout/{tau:g}"].rows[image].panels[index]
            assert_array_equal(panel.shown, study.tau_map(index)[step, image])
    assert screens["readout/as loaded"].notes == ("accuracy 0.90", "accuracy 0.89", "accuracy 0.88")


def test_each_view_and_image_has_one_scale_that_of_the_models_as_loaded():
    study = synthetic_study()
    screens = StudyScreens(study).screens()
    for image in range(len(IMAGES)):
        maps = [study.map(index, "layer_grad_cam")[image] for index in range(3)]
        assert screens["layer_grad_cam"].rows[image].scale == octaves(map(uniform_share, maps), signed=True)
        loaded = octaves([uniform_share(study.heatmap(index)[image, -1].mean(axis=0)) for index in range(3)])
        for tau in ("as loaded", *(f"{tau:g}" for tau in TAUS)):
            scale = screens[f"readout/{tau}"].rows[image].scale
            assert replace(scale, peak=loaded.peak) == loaded


def test_the_levels_in_the_page_are_those_of_the_figures():
    study = synthetic_study()
    data = payload(study)
    levels = np.frombuffer(inflated(data["levels"]), dtype=np.uint8)
    screens = json.loads(inflated(data["screens"]))["screens"]
    made = StudyScreens(study).screens()
    for key, screen in made.items():
        for row, packed in zip(screen.rows, screens[key]["rows"], strict=True):
            for panel, each in zip(row.panels, packed["panels"], strict=True):
                if isinstance(panel.shown, str):
                    assert each["why"] == panel.shown
                else:
                    found = levels[each["at"] :][: ROWS * COLS].reshape(ROWS, COLS)
                    assert_array_equal(found, row.scale.levels(uniform_share(panel.shown)))


def test_a_map_without_evidence_is_named_in_every_view():
    study = synthetic_study()
    arrays = {name: values.copy() for name, values in study.arrays.items()}
    arrays["tau_map/0"][1, 3] = 0
    arrays["tau_map/1"][:] = np.nan
    arrays["heatmap/1"][:] = np.nan
    arrays["heatmap/2"][0, 1, 2] = 0
    changed = replace(study, arrays=arrays)
    screens = StudyScreens(changed).screens()

    def blank(key):
        rows = screens[key].rows
        return {
            (row.image, index): panel.shown
            for row in rows
            for index, panel in enumerate(row.panels)
            if isinstance(panel.shown, str)
        }

    undefined = {(image, 1): "NO EVIDENCE: undefined map" for image in range(len(IMAGES))}
    assert blank("readout/0.01") == undefined | {(3, 0): "NO EVIDENCE: zero map"}
    assert blank("readout/0.05") == undefined
    assert blank("heads/1/2") == undefined | {(0, 2): "NO EVIDENCE: zero map"}
    assert blank("rollout") == {(1, 2): "NO EVIDENCE: constant map"}
    assert "NO EVIDENCE: undefined map" in page.render(changed, [])


def test_models_without_a_readout_row_are_shown_by_their_attributions():
    study = synthetic_study()
    undefined = {name: values * np.nan for name, values in study.arrays.items() if not name.startswith("map/")}
    views = StudyScreens(replace(study, arrays=study.arrays | undefined)).views
    assert [view.name for view in views] == ["rollout", "layer_grad_cam"]


def test_findings_are_the_numbers_of_the_sweep():
    free = "the largest tau tried that excludes a loss of more than 1.0 points of accuracy"
    free += " against the model as it was loaded is 0.01 (95 %, 640 images)."
    assert findings(synthetic_study()) == [
        "The 3 models predict the same class on 3 of the 4 images shown.",
        f"plain: {free}",
        f"selective: at its own tau = 0.05 (hard rule) a query keeps 20.0 of {TOKENS} tokens on average; {free}",
        f"svda: {free}",
    ]


@pytest.mark.parametrize("task", ["regression", "features"])
def test_models_without_classes_agree_on_none_and_are_called_what_they_are(task):
    study = synthetic_study()
    nothing = study.tables["predictions"].assign(predicted="", probability=np.nan, correct=np.nan)
    models = tuple(model | {"task": task} for model in study.models)
    study = replace(study, models=models, tables=study.tables | {"predictions": nothing})
    assert not any("same class" in line for line in findings(study))
    words = {"regression": "outputs, no classes", "features": "features, no classes"}
    assert {row["on these images"] for row in summary.models(study)} == {words[task]}


def test_a_threshold_takes_the_place_of_learned_ones():
    study = synthetic_study()
    models = [model | {"mechanism": "learned_threshold"} for model in study.models[:1]] + list(study.models[1:])
    told = [line for line in findings(replace(study, models=tuple(models))) if "in place of the learned" in line]
    assert [line.partition(" a query")[0] for line in told] == [
        "plain: at tau = 0 (hard rule), in place of the learned thresholds,"
    ]


def test_a_model_without_a_free_tau_is_said_to_have_none():
    study = synthetic_study()
    lost = study.tables["operating_points"].assign(free=np.nan)
    said = findings(replace(study, tables=study.tables | {"operating_points": lost}))
    assert "no tau tried excludes a loss of more than 1.0 points of accuracy against the model" in said[1]
    assert not any("accuracy" in line for line in findings(synthetic_study(labelled=False)))


def test_too_few_images_are_said_to_be_too_few_and_how_many_would_do():
    study = synthetic_study()
    few = {"operating_points": study.tables["operating_points"].assign(n=128)}
    assert not any("largest tau" in line for line in findings(replace(study, tables=study.tables | few)))
    said = [line for line in caveats(replace(study, tables=study.tables | few)) if line.startswith("The sweep")]
    assert said[0].startswith("The sweep of tau saw 128 images")
    assert said[1] == (
        "The sweep of rho saw 128 images, too few to exclude a loss of 1.0 points of accuracy at a setting that "
        "changes the model: where not one of them changes, 2.3 points are still possible (95 %). --sample 299 could "
        "exclude it."
    )
    aside = replace(study, tables=study.tables | few, settings=study.settings | {"sample": 170})
    assert any(line.endswith("--sample 341 could exclude it.") for line in caveats(aside)), "42 images were set aside"


def test_a_small_picture_in_the_page_is_exact_and_a_photograph_is_small():
    pixels = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    assert_array_equal(np.asarray(opened(embedding.picture(pixels))), pixels)
    photograph = smooth_noise(np.random.default_rng(0), 224, 224)
    text = embedding.picture(photograph)
    assert len(text) < embedding.SMALL
    assert np.abs(np.asarray(opened(text)).astype(int) - photograph).mean() < 5
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert zlib.decompress(base64.b64decode(embedding.deflated(values.T))) == bytes([0, 3, 1, 4, 2, 5])


def test_figures_stand_where_they_say(tmp_path, monkeypatch):
    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    names = ["training_curves", "effective_rank", "sweep", "epoch_time", "attention_heatmaps", "active_tokens"]
    shown = [page.Shown(name, name, name, "caption", tmp_path / "a.png") for name in names]
    monkeypatch.setitem(FIGURES._entries, "epoch_time", replace(FIGURES["epoch_time"], place=0))
    assert {section: list(figures) for section, figures in page._sections(shown).items()} == {
        "cutting": ["sweep", "active_tokens"],
        "spectra": ["effective_rank"],
        "training": ["epoch_time", "training_curves"],
        "appendix": ["attention_heatmaps"],
    }


def test_every_figure_is_of_a_section():
    assert {entry.section for entry in FIGURES.values()} == set(SECTIONS)


def test_the_page_is_in_the_order_of_a_reader(tmp_path):
    study, shown = synthetic_study(), []
    for entry in FIGURES.values():
        Image.new("RGB", (9, 6)).save(tmp_path / f"{entry.name}.png")
        shown.append(page.Shown(entry.name, entry.name, entry.title, entry.caption, tmp_path / f"{entry.name}.png"))
    text = page.render(study, shown)
    order = ["summary", "explorer", "caveats", "cutting", "spectra", "training", "tables", "provenance", "appendix"]
    assert re.findall(r'<a href="#(\w+)">', text.partition("</nav>")[0].partition("<nav")[2]) == order
    assert [each for each in re.findall(r'<section id="(\w+)"', text) if each in order] == order
    assert "What cutting attention does" in text
    plain = replace(study, models=tuple(model | {"tau": None} for model in study.models))
    assert "What cutting attention would do" in page.render(plain, shown)


def test_what_selection_does_to_models_that_select_nothing_is_no_figure():
    study = synthetic_study()
    table = study.tables["indicators"].copy()
    whole = {"active_tokens": 65.0, "sparsity": 0.0, "retained_mass": 1.0, "dead_rows": 0.0}
    for name, value in whole.items():
        table.loc[table["indicator"] == name, "value"] = value
    plain = replace(study, tables=study.tables | {"indicators": table})
    for name in ("active_tokens", "sparsity_by_layer"):
        assert FIGURES[name].draw(study)
        assert FIGURES[name].draw(plain) == {}


def test_a_chart_keeps_its_size_in_few_colours():
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8))
    shown = opened(embedding.chart(drawn))
    assert shown.size == drawn.size
    assert 2 <= len(shown.convert("RGB").getcolors(1000)) <= embedding.COLORS


@pytest.mark.parametrize("labelled", [True, False])
def test_every_panel_says_what_the_model_predicts(labelled):
    text = page.render(synthetic_study(labelled=labelled), [])
    assert len(re.findall(r"<figcaption[^>]*><span>\w+</span><span>\w+ 0\.75(?:, wrong)?</span>", text)) == len(
        NAMES
    ) * len(IMAGES)
    assert text.count('<figcaption class="wrong">') == text.count(" 0.75, wrong</span>") == (1 if labelled else 0)
    assert "label: unknown" not in text
    assert "as loaded:" not in text
    labels = [image["label"] for image in payload(synthetic_study(labelled=labelled))["menu"]["images"]]
    assert labels == (["circle", "square", "star", "circle"] if labelled else [""] * len(IMAGES))


def test_only_what_was_run_again_says_so():
    screens = StudyScreens(synthetic_study()).screens()
    again = {key for key, screen in screens.items() if "was run again with" in screen.caption}
    assert again == {f"readout/{tau:g}" for tau in TAUS}
    assert all("Models as loaded." in screens[key].caption for key in screens.keys() - again)
    assert "as loaded: circle 0.75" in screens["readout/0.05"].rows[0].panels[0].lines
    without = replace(synthetic_study(), settings=synthetic_study().settings | {"sweeps": {}})
    assert "tau" not in [each["name"] for each in payload(without)["menu"]["controls"]]


def test_charts_that_find_no_room_are_linked_the_later_pages_first(tmp_path, monkeypatch):
    shown = []
    for figure, count in (("indicators_by_epoch", 3), ("sweep", 1)):
        for index in range(count):
            png = tmp_path / f"{figure}_{index}.png"
            Image.fromarray(np.random.default_rng(index).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(png)
            shown.append(page.Shown(png.stem, figure, figure, "caption", png))
    study = synthetic_study(history=False)
    whole = page.render(study, shown)
    assert {each.name for each in shown if f': {each.name}">' in whole} == {each.name for each in shown}
    monkeypatch.setattr(page, "LARGEST", len(whole.encode()) - 100)
    small = page.render(study, shown)
    assert len(small.encode()) <= page.LARGEST
    assert {each.name for each in shown if f': {each.name}">' not in small} == {"indicators_by_epoch_2"}
    assert small.count("Left out to keep this page small") == 1
    assert small.count('href="figures/indicators_by_epoch_2.png"') == 1


@pytest.mark.parametrize("name", ["attention_heatmaps", "active_tokens"])
def test_a_chart_keeps_its_colours_in_the_page(name, tmp_path):
    figure = next(iter(FIGURES[name].draw(synthetic_study()).values()))
    drawn = Image.open(plots.save(figure, tmp_path / name)[0]).convert("RGB")
    data = base64.b64decode(embedding.chart(drawn).partition(",")[2])
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)
    assert np.abs(shown - np.asarray(drawn)).max() <= 32  # one of the figures holds a photograph of noise
