"""The explorer without a kernel: a control is set, the picture, the table and the caption follow."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.explorer.mosaic import Panel, Row, mosaic
from interpret.explorer.strengths import OWN
from interpret.explorer.view import Setting, Views
from interpret.explorer.widget import Explorer
from interpret.figures.drawing import plots
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import LayerAttention
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import Edited, edited, mask_of
from interpret.interventions.head_pruning import importance
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from tests.models import SMALL, pictures, tiny

MECHANISMS = ("softmax", "hard_threshold", "svda")
TAU = 0.04
"""Uniform attention, N = 25: about half of the weights are cut."""
CUT = (("threshold", TAU),)
RETAINED = (("sigma_retention", 0.3),)
START = Setting(
    image=0,
    attribution="cls_attention",
    layer=1,
    head=None,
    target=None,
    strengths=(),
    rule="hard",
    display_only=False,
    query=(2, 3),
)


@pytest.fixture(scope="module")
def models() -> list[LoadedModel]:
    return [replace(tiny(name, seed=seed), name=f"m-{name}") for seed, name in enumerate(MECHANISMS)]


@pytest.fixture
def ui(models) -> Explorer:
    return interpret.explore(models, pictures(3))


def decoded(ui: Explorer) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(ui.picture.value)), dtype=float)


def cells(ui: Explorer) -> list[list[str]]:
    rows = re.findall(r"<tr>(<td>.*?)</tr>", ui.numbers.value)
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows]


def test_moving_tau_changes_the_picture_the_numbers_and_the_caption(ui):
    before = decoded(ui), ui.numbers.value, ui.caption.value
    ui.tau.value = TAU
    after = decoded(ui)
    column = after.shape[1] // 4
    assert after.shape == before[0].shape
    assert np.abs(after - before[0])[:190, :column].mean() < 0.5
    assert np.abs(after - before[0])[:190, column:].mean() > 1
    assert ui.numbers.value != before[1]
    assert (before[2][:16], ui.caption.value[:25]) == ("shown: as loaded", "shown: tau=0.04 (hard), i")


@pytest.mark.parametrize(
    ("control", "value"),
    [
        *(("image", 1), ("attribution", "relevance"), ("layer", 0), ("head", 2), ("row", 0), ("col", 5)),
        *(("rho", 0.1), ("share", 0.5), ("eta", 1.0)),
    ],
)
def test_every_control_changes_the_picture(ui, control, value):
    before = ui.picture.value
    getattr(ui, control).value = value
    assert ui.picture.value != before


def test_the_class_and_the_rule_and_display_only_change_the_picture(ui):
    ui.attribution.value = "relevance"
    ui.tau.value = TAU
    seen = [ui.picture.value]
    for control, value in ((ui.target, 3), (ui.rule, "soft"), (ui.display_only, True)):
        control.value = value
        seen.append(ui.picture.value)
    assert len(set(seen)) == 4


def test_the_picture_is_written_before_the_table_and_the_caption_last(ui):
    order = []
    for name in ("picture", "numbers", "caption"):
        getattr(ui, name).observe(lambda change, name=name: order.append(name), names="value")
    ui.tau.value = TAU
    assert order == ["picture", "numbers", "caption"]


def test_a_setting_seen_before_is_not_computed_again(ui, models):
    ui.tau.value = TAU
    first = ui.picture.value
    ui.tau.value = OWN
    passes = []
    with models[0].model.blocks[0].register_forward_hook(lambda *_: passes.append(1)):
        ui.tau.value = TAU
        assert (ui.picture.value, passes) == (first, [])
        ui.image.value = 2
        assert passes == [1, 1]  # as it now runs, and as loaded


def test_the_threshold_acts_inside_the_forward_pass(models):
    images = pictures(2)
    for model in models:
        seen = Views(model, images).view(replace(START, image=1, strengths=CUT, head=1))
        with interpret.threshold(model, TAU, "hard"):
            trace = interpret.trace(model, images[1:])
        assert_allclose(seen.evidence, interpret.attribute(trace, "cls_attention", layer=1, head=1)[0], rtol=1e-6)
        assert_allclose(seen.prediction.probability, trace.logits.softmax(dim=-1).max().item())
        table = interpret.measure(trace, list(seen.measured))
        for name, values in seen.measured.items():
            expected = table.loc[table["indicator"] == name].set_index(["layer", "head"])["value"].unstack()
            assert_allclose(values, expected)


def test_as_loaded_is_the_model_of_its_own_mechanism(models):
    images = pictures(2)
    for model in models:
        trace = interpret.trace(model, images[:1])
        seen = Views(model, images).view(START)
        assert_allclose(seen.evidence, interpret.attribute(trace, "cls_attention")[0], rtol=1e-6)
        names = (models[0].class_name(int(index)) for index in (trace.logits.argmax(), trace.target))
        assert (seen.prediction.name, seen.explained) == tuple(names)


def test_display_only_cuts_the_first_layer_alike_but_neither_prediction_nor_the_scores_of_later_layers():
    views = Views(tiny(), pictures(1))
    loaded = views.view(START)
    inside, after = (views.view(replace(START, strengths=CUT, layer=0, display_only=flag)) for flag in (False, True))
    assert_allclose(after.attended, inside.attended)
    assert after.prediction == loaded.prediction != inside.prediction
    deeper = [views.view(replace(START, strengths=CUT, display_only=flag)).attended for flag in (False, True)]
    assert np.abs(deeper[0] - deeper[1]).max() > 1e-3


def test_display_only_renormalises_by_the_rule():
    probs = interpret.trace(tiny(), pictures(1)).need("probs")[1, 0, 2]
    row = (2 * 6 + 3) + 1
    kept = torch.where(probs[row] > TAU, probs[row], 0)
    expected = (kept / (kept.sum() + 1e-6))[1:].reshape(4, 6)
    seen = Views(tiny(), pictures(1)).view(replace(START, strengths=CUT, head=2, display_only=True))
    assert_allclose(seen.attended, expected, rtol=1e-6)
    assert (seen.attended == 0).any()


def test_display_only_leaves_pruned_heads_pruned(models):
    pruned = (("head_pruning", 1.0),)
    views = Views(models[0], pictures(1))
    assert not views.view(replace(START, strengths=pruned)).attended.any()
    assert not views.view(replace(START, strengths=CUT + pruned, display_only=True)).attended.any()
    assert views.view(replace(START, strengths=CUT, display_only=True)).attended.any()


def test_rho_is_retention_of_sigma_and_leaves_other_models_alone(models):
    images = pictures(1)
    softmax, _, svda = (Views(model, images) for model in models)
    assert_array_equal(softmax.view(replace(START, strengths=RETAINED)).evidence, softmax.view(START).evidence)
    with interpret.sigma_retention(models[2], 0.3):
        expected = interpret.attribute(interpret.trace(models[2], images), "cls_attention")[0]
    assert_allclose(svda.view(replace(START, strengths=RETAINED)).evidence, expected, rtol=1e-6)


class Amplified(Edited):
    """A mechanism whose weights are multiplied."""

    def __init__(self, inner: Any, heads: Any, factor: float) -> None:
        super().__init__(inner, heads)
        self.factor = factor

    def select(self, probs: LayerAttention) -> LayerAttention:
        return self.factor * self.inner.select(probs)


@pytest.fixture
def toy() -> Iterator[list[int]]:
    """An intervention of this file, with an argument that it finds on images; the list says on how many each time."""
    looked = []

    def count(model, images, labels):
        looked.append(len(images))
        return {"power": 1}

    @INTERVENTIONS.register(
        label="attention amplified",
        strength="gain",
        unit="",
        neutral=1.0,
        applies=lambda model: model.spec.mechanism == "softmax",
        acts_on="models with plain softmax",
        grid=lambda models: (0.5, 1.0, 2.0),
        reference="this test",
        draws=3,
        prepare=count,
    )
    @contextmanager
    def amplification(model, gain, *, seed, power):
        layers = range(model.depth)
        changes = {layer: partial(Amplified, heads=mask_of(model, None), factor=gain**power) for layer in layers}
        with edited(model, changes):
            yield model

    yield looked
    INTERVENTIONS._entries.pop("amplification")


def test_an_intervention_in_one_file_is_a_slider_that_acts_and_is_in_the_words(toy, models):
    ui = interpret.explore(models[:2], pictures(3))
    assert [text for text, _ in ui.gain.options] == ["1", "2", "0.5"]
    assert ui.gain.description == "gain"
    assert ui.gain.tooltip == "attention amplified: m-softmax"
    before = ui.picture.value
    ui.gain.value = 0.5
    assert ui.picture.value != before
    assert ui.caption.value.startswith("shown: gain=0.5 (draw 0 of 3), image 0")
    assert [row[1] for row in cells(ui)] == ["softmax, gain=0.5 (draw 0 of 3)", "hard_threshold tau=0.03"]
    assert "gain (attention amplified) of m-softmax, by what was found on 3 of the images here" in ui.numbers.value
    ui.models[0].value = False
    assert ui.caption.value.startswith("shown: as loaded, image 0")


def test_what_an_intervention_looks_at_first_it_looks_at_once(toy, models):
    views = Views(models[0], pictures(3))
    halved = replace(START, layer=0, strengths=(("amplification", 0.5),))
    for image in range(3):
        expected = 0.5 * views.view(replace(START, layer=0, image=image)).attended
        assert_allclose(views.view(replace(halved, image=image)).attended, expected)
    assert toy == [3]


def test_an_intervention_is_gone_where_it_does_not_act(toy, models):
    assert "amplification" not in interpret.explore(models[1:], pictures(1)).strengths
    views = Views(models[1], pictures(1))
    assert views.view(replace(START, strengths=(("amplification", 0.5),))) is views.view(START)


def test_pruned_heads_are_those_of_the_least_gradient(models):
    images = pictures(3)
    seen = Views(models[0], images).view(replace(START, strengths=(("head_pruning", 0.5),)))
    ranks = importance(models[0], images)
    pairs = [divmod(int(place), 3) for place in ranks.flatten().argsort()[:3]]
    with interpret.head_pruning(models[0], pairs):
        trace = interpret.trace(models[0], images[:1])
    assert_allclose(seen.prediction.probability, trace.logits.softmax(dim=-1).max().item())


def test_an_unknown_control_is_one_line(models):
    ui = interpret.explore(models[0], pictures(1))
    assert not hasattr(ui, "rho")
    with pytest.raises(InterpretError, match=r"^the explorer has no 'rho'; its interventions are tau, share$"):
        _ = ui.rho


def test_the_row_of_a_patch_is_its_query(models):
    trace = interpret.trace(models[0], pictures(1))
    seen = Views(models[0], pictures(1)).view(replace(START, query=(3, 1), layer=0))
    expected = trace.need("weights")[0, 0, :, 1 + 3 * 6 + 1, 1:].mean(dim=0).reshape(4, 6)
    assert_allclose(seen.attended, expected, rtol=1e-6)


def test_the_model_is_left_as_it_was(ui, models):
    state = {name: value.clone() for name, value in models[2].model.state_dict().items()}
    mechanisms = [block.attn.mechanism for block in models[2].model.blocks]
    ui.rho.value = 0.3
    ui.tau.value = TAU
    assert [block.attn.mechanism for block in models[2].model.blocks] == mechanisms
    assert all(torch.equal(value, state[name]) for name, value in models[2].model.state_dict().items())


def test_the_slider_offers_exact_taus_and_marks_the_trained_one(models):
    recorded = [replace(model, recorded=model.spec) for model in models]
    ui = interpret.explore(recorded, pictures(1))
    offered = dict(ui.tau.options)
    assert offered["0.03 (trained)"] == 0.03
    assert (ui.tau.index, ui.tau.value, offered["0"], ui.rule.value) == (0, OWN, 0.0, "hard")
    assert all(float(text.removesuffix(" (trained)")) == tau for text, tau in offered.items() if tau != OWN)
    assert len(offered) == len(set(offered.values()))


def test_a_tau_that_no_training_is_recorded_of_is_the_models_own(models):
    typed = replace(models[1].spec, options={"tau": 0.05})
    assert dict(interpret.explore(models, pictures(1)).tau.options)["0.03 (own)"] == 0.03
    overridden = replace(models[1], spec=typed, recorded=models[1].spec)
    assert {"0.03 (trained)", "0.05 (own)"} <= set(dict(interpret.explore(overridden, pictures(1)).tau.options))


def test_every_entry_is_a_slider_that_begins_with_what_changes_nothing(ui, models):
    assert set(ui.strengths) == set(INTERVENTIONS)
    for name, control in ui.strengths.items():
        entry = INTERVENTIONS[name]
        offered = [value for _, value in control.options]
        assert control is getattr(ui, entry.strength)
        assert control.description == f"{entry.strength} ({entry.unit})"
        assert (control.index, offered[0]) == (0, OWN if name == "threshold" else entry.neutral)
        assert {*entry.grid(models), entry.neutral} <= set(offered)
        assert len(offered) == len(set(offered))
    assert [value for _, value in ui.rho.options][:3] == [1.0, 0.99, 0.95]
    assert len(ui.tau.options) > len(INTERVENTIONS["threshold"].grid(models)) + 5


def test_rho_is_offered_for_svda_models_only(models):
    def descriptions(chosen):
        boxes = interpret.explore(chosen, pictures(1)).children
        return {control.description for box in boxes if isinstance(box, ipywidgets.Box) for control in box.children}

    added = descriptions(models) - descriptions(models[:2])
    assert added == {"rho (share of energy)", "eta (share of sigma)", "m-svda"}


def test_models_are_switched_on_and_off(ui):
    wide = ui.still().width
    ui.models[1].value = False
    assert [row[0] for row in cells(ui)] == ["m-softmax", "m-svda"]
    assert ui.still().width == wide * 3 / 4
    ui.models[0].value = ui.models[2].value = False
    assert len(cells(ui)) == 3


def test_the_scale_is_that_of_the_models_as_loaded_and_stays(ui, models):
    maps = [interpret.attribute(interpret.trace(model, pictures(3)[:1]), "cls_attention") for model in models]
    scale = plots.shared_scale([each.numpy() for each in maps])
    drawn = np.asarray(ui.still())
    views = [Views(model, pictures(3)) for model in models]
    picture = plots.enlarge(views[1].picture(0))
    expected = plots.overlay_pixels(picture, plots.quantise(maps[1][0].numpy(), scale), scale.cmap)
    left = 2 * (picture.shape[1] + 8)
    found = drawn[34 : 34 + picture.shape[0], left : left + picture.shape[1]]
    assert_array_equal(found, expected)


def test_hostile_names_stay_text(models):
    hostile = ("<script>alert(1)</script>", "b\nb", "c", "d", "e" * 300)
    model = replace(models[0], name="<img src=x>", spec=replace(models[0].spec, classes=hostile))
    ui = interpret.explore(model, pictures(1))
    assert "<script>" not in ui.numbers.value
    assert "<img" not in ui.numbers.value
    assert "&lt;img src=x&gt;" in ui.numbers.value


def test_a_map_without_evidence_is_stamped(ui):
    ui.attribution.value = "relevance"
    ui.tau.value = ui.tau.options[-1][1]
    black = np.asarray(ui.still())
    assert (black == np.array([0xD0, 0x02, 0x1B])).all(axis=-1).any()


def test_a_model_whose_pooling_reads_content_says_so():
    spec = ModelSpec("vit_tiny_patch16_224", SMALL | {"class_token": False, "global_pool": "max"})
    model = from_memory(spec.build(), spec, "max")
    seen = Views(model, torch.randn(1, 3, 32, 48)).view(START)
    assert "reads tokens by their content" in seen.evidence
    assert seen.attended.shape == (4, 6)


def test_a_picture_stands_in_for_it_where_a_notebook_is_only_read(ui):
    ui.tau.value = TAU
    bundle = ui._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith(ui.caption.value)
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    assert_array_equal(still, np.asarray(ui.still()))
    assert np.abs(still - decoded(ui)).mean() < 4  # the live picture is the same, as JPEG


def test_images_are_shown_as_the_model_sees_them():
    noise = np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8)
    model = tiny(dtype=torch.float32)
    shown = Views(model, [Image.fromarray(noise)]).picture(0)
    pixels = interpret.trace(model, [Image.fromarray(noise)]).images
    assert_array_equal(shown, Views(model, pixels).picture(0))
    assert shown.shape == (32, 48, 3)


def test_the_size_of_a_mosaic_does_not_depend_on_its_values():
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    scale = plots.Scale(0.0, 1.0, "magma", 1.0)
    sizes = set()
    for values in (None, "all zero", np.full((4, 6), 0.5)):
        panels = (Panel(picture, values, above=("a", "b" * 500)), Panel(picture, values, box=(1, 2, 4, 6)))
        sizes.add(mosaic([Row(panels, scale, "raw"), Row(panels, replace(scale, peak=3.0), "raw")]).image.size)
    assert sizes == {(2 * 308, 2 * (200 + 4 * 17 + 2 * 8))}


def test_a_box_lies_around_its_patch():
    picture = np.zeros((200, 300, 3), dtype=np.uint8)
    scale = plots.Scale(0.0, 1.0, "magma", 1.0)
    drawn = np.asarray(mosaic([Row((Panel(picture, box=(1, 2, 4, 6)),), scale, "")]).image)
    rows, cols = np.nonzero((drawn == np.array([0x00, 0xE5, 0xFF])).all(axis=-1))
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (50, 99, 100, 149)


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("images", [PHOTO, [PHOTO], np.asarray(PHOTO), pictures(1)[0], [*pictures(1)]])
def test_one_image_is_enough_whatever_holds_it(images):
    ui = interpret.explore(tiny(), images)
    assert [text for text, _ in ui.image.options] == ["0"]


@pytest.mark.parametrize(
    ("models", "images", "message"),
    [
        ([], pictures(1), "there is no model to look at"),
        (tiny(), pictures(1)[:0], "there is no image to look at"),
        (tiny(), [], "there is no image to look at"),
        ("vit.pt", pictures(1), "expected loaded models, found a str"),
        ([tiny(), None], pictures(1), "expected loaded models, found a NoneType"),
        (tiny(), None, "image 0 is a NoneType; expected a PIL image"),
        (tiny(), pictures(1, (32, 32)), r"takes images of \(32, 48\)"),
        ([tiny(), tiny(in_chans=13)], pictures(1), "takes images of 13 channels, got 3"),
        (tiny(in_chans=13), PHOTO, "takes 13 channels and a picture gives 3"),
    ],
)
def test_what_cannot_be_explored_is_one_line(models, images, message):
    with pytest.raises(InterpretError, match=message) as refused:
        interpret.explore(models, images)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("channels", [1, 13])
def test_images_of_other_than_three_channels_are_shown_grey(channels):
    images = torch.randn(2, channels, 32, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = tiny(in_chans=channels)
    grey = images[1].numpy().mean(axis=0)
    expected = np.rint((grey - grey.min()) / np.ptp(grey) * 255)
    assert_array_equal(Views(model, images).picture(1), np.stack([expected] * 3, axis=-1))
    ui = interpret.explore(model, images)
    before = ui.picture.value
    ui.tau.value = TAU
    assert ui.picture.value != before


def click(ui: Explorer, x: float, y: float) -> None:
    """As the front end tells it."""
    ui.children[-1]._handle_custom_msg({"x": x, "y": y}, [])


def box_in(ui: Explorer) -> tuple[float, float]:
    """Middle (x, y) of the box in the first panel that has one, from the colour of its edges alone."""
    picture = np.asarray(ui.still())
    rows, columns = np.nonzero((picture == (0x00, 0xE5, 0xFF)).all(axis=-1))
    first = columns < picture.shape[1] / 4
    return columns[first].mean(), rows[first].mean()


@pytest.mark.parametrize(("row", "col"), [(0, 0), (3, 5), (1, 4)])
def test_a_click_on_a_patch_shows_what_it_attends_to(ui, row, col):
    ui.row.value, ui.col.value = row, col
    chosen, at = ui.picture.value, box_in(ui)
    ui.row.value, ui.col.value = 2, 2
    shown = []
    ui.picture.observe(lambda change: shown.append(change.new), names="value")
    click(ui, *at)
    assert (ui.row.value, ui.col.value) == (row, col)
    assert shown == [chosen]
    ui.row.value = 2
    assert ui.picture.value != chosen


def test_every_panel_can_be_clicked_and_nothing_beside_them(ui):
    for left, top, width, height in ui._frame(*ui._state()).panels:
        click(ui, left + 0.5 * width / 6, top + 2.5 * height / 4)
        assert (ui.row.value, ui.col.value) == (2, 0)
        click(ui, left + width - 1, top + 1)
        assert (ui.row.value, ui.col.value) == (0, 5)
        click(ui, left + width + 2, top + 1)
        click(ui, left + 1, top - 2)
        assert (ui.row.value, ui.col.value) == (0, 5)
