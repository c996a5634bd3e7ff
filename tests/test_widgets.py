"""The explorer without a kernel: a control is set, the picture, the table and the caption follow."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.explorer.live import queries
from interpret.explorer.screen import Screen
from interpret.explorer.strengths import OWN
from interpret.explorer.view import Setting, Views
from interpret.explorer.widget import Explorer
from interpret.figures.drawing import plots
from interpret.figures.drawing.octaves import octaves, uniform_share
from interpret.figures.drawing.overlay import overlay_pixels
from interpret.foundation.errors import InterpretError
from interpret.foundation.tensors import LayerAttention
from interpret.interventions import INTERVENTIONS
from interpret.interventions._edits import Edited, edited, mask_of
from interpret.interventions.head_pruning import importance
from interpret.models.loaded_model import LoadedModel, from_memory
from interpret.models.model_spec import ModelSpec
from tests.models import SMALL, pictures, tiny
from tests.synthetic import synthetic_study

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


def shown(screen: Screen) -> list[np.ndarray]:
    """Every map of the screen."""
    return [
        np.zeros((0, 0)) if isinstance(panel.shown, str) else panel.shown for row in screen.rows for panel in row.panels
    ]


def differ(one: Screen, other: Screen) -> bool:
    pairs = zip(shown(one), shown(other), strict=True)
    return any(a.shape != b.shape or not np.allclose(a, b, equal_nan=True) for a, b in pairs)


def stops(ui: Explorer, name: str) -> list[tuple[str, Any]]:
    (options,) = [each["options"] for each in ui.menu["controls"] if each["name"] == name]
    return [(text, value) for text, value in options]


def test_moving_tau_changes_the_maps_the_words_and_the_caption(ui):
    before = ui.screen
    ui.tau = TAU
    assert differ(ui.screen, before)
    assert ui.screen.rows[0].panels[0].lines != before.rows[0].panels[0].lines
    assert (before.caption[:16], ui.caption[:25]) == ("shown: as loaded", "shown: tau=0.04 (hard), i")
    assert [row.scale.high for row in ui.screen.rows] == [row.scale.high for row in before.rows], "that as loaded"


@pytest.mark.parametrize(
    ("control", "value"),
    [
        *(("image", 1), ("attribution", "relevance"), ("layer", 0), ("head", 2), ("row", 0), ("col", 5)),
        *(("rho", 0.1), ("share", 0.5), ("eta", 1.0)),
    ],
)
def test_every_control_changes_the_maps(ui, control, value):
    before = ui.screen
    setattr(ui, control, value)
    assert getattr(ui, control) == value
    assert differ(ui.screen, before)


def test_the_class_and_the_rule_and_display_only_change_the_maps(ui):
    ui.attribution = "relevance"
    ui.tau = TAU
    seen = [ui.screen]
    for name, value in (("target", 3), ("rule", "soft"), ("display_only", True)):
        setattr(ui, name, value)
        assert differ(ui.screen, seen[-1])
        seen.append(ui.screen)


def test_a_setting_seen_before_is_not_computed_again(ui, models):
    ui.tau = TAU
    first = ui.screen
    ui.tau = OWN
    assert ui.screen is not first
    passes = []
    with models[0].model.blocks[0].register_forward_hook(lambda *_: passes.append(1)):
        ui.tau = TAU
        assert (ui.screen, passes) == (first, [])
        ui.image = 2
        assert (ui.screen.rows[0].image, passes) == (2, [1, 1])  # as it now runs, and as loaded


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
    assert [text for text, _ in stops(ui, "gain")] == ["1", "2", "0.5"]
    (control,) = [each for each in ui.menu["controls"] if each["name"] == "gain"]
    assert (control["label"], control["about"]) == ("gain", "attention amplified: m-softmax")
    before = ui.screen
    ui.gain = 0.5
    assert differ(ui.screen, before)
    assert ui.caption.startswith("shown: gain=0.5 (draw 0 of 3), image 0")
    assert ui.screen.notes == ("softmax, gain=0.5 (draw 0 of 3)", "hard_threshold tau=0.03")
    assert "gain (attention amplified) of m-softmax, by what was found on 3 of the images here" in ui.screen.claim
    ui.models = [1]
    assert ui.caption.startswith("shown: as loaded, image 0")


def test_what_an_intervention_looks_at_first_it_looks_at_once(toy, models):
    views = Views(models[0], pictures(3))
    halved = replace(START, layer=0, strengths=(("amplification", 0.5),))
    for image in range(3):
        expected = 0.5 * views.view(replace(START, layer=0, image=image)).attended
        assert_allclose(views.view(replace(halved, image=image)).attended, expected)
    assert toy == [3]


def test_an_intervention_is_gone_where_it_does_not_act(toy, models):
    assert "gain" not in interpret.explore(models[1:], pictures(1)).state
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
    said = r"^the explorer has no 'rho'; its controls are image, attribution, .*, tau, share, layer, row, col, models$"
    for ask in (lambda: ui.rho, lambda: setattr(ui, "rho", 0.5), lambda: setattr(ui, "state", {"rho": 0.5})):
        with pytest.raises(InterpretError, match=said):
            ask()
    with pytest.raises(
        InterpretError, match=r"^attribution='roll' is not offered; expected one of \['cls_attention', "
    ):
        ui.attribution = "roll"
    with pytest.raises(InterpretError, match=r"^models=\[\] is not offered"):
        ui.models = []
    ui.state = ui.state | {"tau": 0.0123}  # a strength may lie between the stops
    assert ui.caption.startswith("shown: tau=0.0123 (hard)")


@pytest.mark.parametrize(
    ("control", "value", "message"),
    [
        ("tau", 1.5, r"^tau 1\.5 is outside \[0, 1\)"),
        ("tau", -1, r"^tau -1\.0 is outside \[0, 1\)"),
        ("tau", np.nan, "^tau=nan is not offered; expected one of "),
        ("tau", True, "^tau=True is not offered"),
        ("rho", 0.0, r"^rho 0\.0 is outside \(0, 1\]"),
        ("eta", -0.5, r"^eta -0\.5 is not a finite number >= 0"),
        ("share", 2, r"^share 2\.0 is outside \[0, 1\]"),
        ("layer", True, "^layer=True is not offered"),
        ("layer", [0], r"^layer=\[0\] is not offered"),
        ("display_only", 1, "^display_only=1 is not offered"),
        ("models", 7, "^models=7 is not offered"),
        ("models", [0, 7], r"^models=\[0, 7\] is not offered"),
        ("state", 3, "^state=3 is no dict of image, attribution"),
    ],
)
def test_what_a_control_does_not_offer_is_refused_and_the_state_stays(ui, control, value, message):
    before = ui.state
    with pytest.raises(InterpretError, match=message):
        setattr(ui, control, value)
    assert ui.state == before


def test_a_value_becomes_the_one_that_is_offered(ui):
    ui.state = {
        "layer": 1.0,
        "row": np.int64(2),
        "models": np.array([0, 2]),
        "tau": np.float32(0.5),
        "display_only": True,
    }
    chosen = [ui.layer, ui.row, *ui.models, ui.tau, ui.display_only]
    assert chosen == [1, 2, 0, 2, 0.5, True]
    assert [type(each) for each in chosen] == [int, int, int, int, float, bool]


def test_a_state_that_a_view_asks_for_and_no_model_has_leaves_the_old_one():
    ui = interpret.explore([tiny(), tiny(img_size=(16, 24))], [PHOTO])
    before = ui.state
    with pytest.raises(InterpretError, match=r"^row=3 is not offered; expected one of \[0, 1\]$"):
        ui.set_state({"state": {**before, "row": 3, "col": 5}})
    assert ui.state == before
    assert ui.caption.startswith("shown: as loaded")


def test_a_patch_is_the_same_place_in_models_of_other_grids():
    """2 x 3 patches and 4 x 6 of the same picture: the middle of (1, 2) lies at the corner of (3, 5)."""
    fine, coarse = tiny(dtype=torch.float32), tiny(img_size=(16, 24), dtype=torch.float32)
    ui = interpret.explore([fine, coarse], [PHOTO])
    ui.row, ui.col, ui.layer = 1, 2, 0
    row = ui.screen.rows[1]
    assert [panel.box for panel in row.panels] == [(3, 5), (1, 2)]
    weights = interpret.trace(fine, [PHOTO]).need("weights")[0, 0, :, 1 + 3 * 6 + 5, 1:].mean(dim=0).reshape(4, 6)
    assert_allclose(row.panels[0].shown, weights, rtol=1e-5)
    assert row.panels[0].lines[0] == "its patch (3, 5) lies there"
    assert row.panels[1].lines[0].startswith("raw total")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_where_a_patch_lies_counts_what_no_patch_covers(place):
    """Three patches of 12 pixels of 40 against four of 8 of 32: their middles lie at 15, 45 and 75 %."""
    views = [Views(tiny(img_size=(40, 40), patch_size=12), []), Views(tiny(img_size=(32, 32), patch_size=8), [])]
    assert queries(views, (place, place)) == [(place, place), ([0, 1, 3][place],) * 2]


def test_all_heads_keep_the_scale_of_the_models_as_loaded(ui):
    before = ui.screen.grids
    ui.tau = TAU
    for was, now in zip(before, ui.screen.grids, strict=True):
        assert replace(now.scale, peak=0.0) == replace(was.scale, peak=0.0)
        tiles = [tile for layers in now.maps for heads in layers for tile in heads if not isinstance(tile, str)]
        assert now.scale.peak == max(uniform_share(tile).max() for tile in tiles)


def test_the_row_of_a_patch_is_its_query(models):
    trace = interpret.trace(models[0], pictures(1))
    seen = Views(models[0], pictures(1)).view(replace(START, query=(3, 1), layer=0))
    expected = trace.need("weights")[0, 0, :, 1 + 3 * 6 + 1, 1:].mean(dim=0).reshape(4, 6)
    assert_allclose(seen.attended, expected, rtol=1e-6)


def test_the_model_is_left_as_it_was(ui, models):
    state = {name: value.clone() for name, value in models[2].model.state_dict().items()}
    mechanisms = [block.attn.mechanism for block in models[2].model.blocks]
    ui.rho = 0.3
    ui.tau = TAU
    assert ui.screen.rows
    assert [block.attn.mechanism for block in models[2].model.blocks] == mechanisms
    assert all(torch.equal(value, state[name]) for name, value in models[2].model.state_dict().items())


def test_the_slider_offers_exact_taus_and_marks_the_trained_one(models):
    recorded = [replace(model, recorded=model.spec) for model in models]
    ui = interpret.explore(recorded, pictures(1))
    offered = dict(stops(ui, "tau"))
    assert offered["0.03 (trained)"] == 0.03
    assert (next(iter(offered)), ui.tau, offered["0"], ui.rule) == (OWN, OWN, 0.0, "hard")
    assert all(float(text.removesuffix(" (trained)")) == tau for text, tau in offered.items() if tau != OWN)
    assert len(offered) == len(set(offered.values()))


def test_a_tau_that_no_training_is_recorded_of_is_the_models_own(models):
    typed = replace(models[1].spec, options={"tau": 0.05})
    assert dict(stops(interpret.explore(models, pictures(1)), "tau"))["0.03 (own)"] == 0.03
    overridden = replace(models[1], spec=typed, recorded=models[1].spec)
    assert {"0.03 (trained)", "0.05 (own)"} <= set(dict(stops(interpret.explore(overridden, pictures(1)), "tau")))


def test_every_entry_is_a_slider_that_begins_with_what_changes_nothing(ui, models):
    controls = {each["name"]: each for each in ui.menu["controls"]}
    for entry in INTERVENTIONS.values():
        offered = [value for _, value in stops(ui, entry.strength)]
        assert controls[entry.strength]["label"] == f"{entry.strength} ({entry.unit})"
        assert getattr(ui, entry.strength) == offered[0] == (OWN if entry.name == "threshold" else entry.neutral)
        assert {*entry.grid(models), entry.neutral} <= set(offered)
        assert len(offered) == len(set(offered))
    assert [value for _, value in stops(ui, "rho")][:3] == [1.0, 0.99, 0.95]
    assert len(stops(ui, "tau")) > len(INTERVENTIONS["threshold"].grid(models)) + 5


def test_every_attribution_is_in_the_menu(ui):
    assert [name for _, name in stops(ui, "attribution")] == list(interpret.ATTRIBUTIONS)


def test_rho_is_offered_for_svda_models_only(models):
    def labels(chosen):
        return {each["label"] for each in interpret.explore(chosen, pictures(1)).menu["controls"]}

    assert labels(models) - labels(models[:2]) == {"rho (share of energy)", "eta (share of sigma)"}


def test_a_model_that_is_off_is_not_run(ui, models):
    ui.models = [0, 2]
    passes = []
    assert ui.screen.rows[0].panels[1].shown == "not shown"
    with models[1].model.blocks[0].register_forward_hook(lambda *_: passes.append(1)):
        ui.tau = TAU
        assert (ui.screen.rows[0].panels[1].shown, passes) == ("not shown", [])
    assert len(ui.still().axes) == 2 * 3 + 2


def test_the_scale_is_that_of_all_models_as_loaded_and_stays(ui, models):
    maps = [interpret.attribute(interpret.trace(model, pictures(3)[:1]), "cls_attention") for model in models]
    shares = [uniform_share(each[0].numpy()) for each in maps]
    assert ui.screen.rows[0].scale == octaves(shares)
    ui.tau = TAU
    now = ui.screen.rows[0]
    assert replace(now.scale, peak=0.0) == replace(octaves(shares), peak=0.0)
    assert now.scale.peak == max(panel.shares.max() for panel in now.panels if panel.shares.size)


def test_the_still_picture_is_the_overlay_of_python(ui, models):
    maps = [interpret.attribute(interpret.trace(model, pictures(3)[:1]), "cls_attention")[0] for model in models]
    shares = [uniform_share(each.numpy()) for each in maps]
    scale, picture = octaves(shares), plots.enlarge(Views(models[1], pictures(3)).picture(0))
    drawn = ui.still().axes[2].get_images()[0].get_array()
    assert_array_equal(drawn, overlay_pixels(picture, scale.levels(shares[1]), scale.colours))


def test_all_heads_of_the_readout_and_of_the_patch_are_on_the_screen(ui, models):
    trace = interpret.trace(models[1], pictures(3)[:1])
    weights = trace.need("weights")[:, 0]
    readout, patch = ui.screen.grids
    row, col = ui.row, ui.col
    for layer, head in ((0, 0), (1, 2)):
        assert_allclose(readout.maps[1][layer][1 + head], trace.grid.fold(weights[layer, head, 0]), rtol=1e-6)
        query = 1 + row * 6 + col
        assert_allclose(patch.maps[1][layer][1 + head], trace.grid.fold(weights[layer, head, query]), rtol=1e-6)
    assert_allclose(readout.maps[1][1][0], trace.grid.fold(weights[1, :, 0].mean(dim=0)), rtol=1e-6)


def test_a_map_without_evidence_is_stamped(ui):
    ui.attribution = "relevance"
    ui.tau = stops(ui, "tau")[-1][1]
    assert "NO EVIDENCE: all zero" in [
        panel.shown for panel in ui.screen.rows[0].panels if isinstance(panel.shown, str)
    ]
    texts = [text.get_text() for ax in ui.still().axes for text in ax.texts]
    assert "NO EVIDENCE\nall zero" in texts


def test_a_model_whose_pooling_reads_content_says_so():
    spec = ModelSpec("vit_tiny_patch16_224", SMALL | {"class_token": False, "global_pool": "max"})
    model = from_memory(spec.build(), spec, "max")
    seen = Views(model, torch.randn(1, 3, 32, 48)).view(START)
    assert "reads tokens by their content" in seen.evidence
    assert seen.attended.shape == (4, 6)
    assert np.isnan(seen.readout).all()


def test_a_picture_stands_in_for_it_where_a_notebook_is_only_read(ui):
    ui.tau = TAU
    bundle, _ = ui._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith(ui.caption)
    still = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert still.width > still.height > 300


def test_a_study_is_explored_without_a_kernel():
    framed = interpret.explore(synthetic_study())
    bundle = framed._repr_mimebundle_()
    assert bundle["text/html"].startswith('<div><iframe srcdoc="&lt;!doctype html&gt;')
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).width > 500
    empty = replace(synthetic_study(), image_ids=(), images=np.zeros((0, 32, 48, 3), dtype=np.uint8))
    with pytest.raises(InterpretError, match=r"^the study has no map to be explored"):
        interpret.explore(empty)


def test_images_are_shown_as_the_model_sees_them():
    noise = np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8)
    model = tiny(dtype=torch.float32)
    shown = Views(model, [Image.fromarray(noise)]).picture(0)
    pixels = interpret.trace(model, [Image.fromarray(noise)]).images
    assert_array_equal(shown, Views(model, pixels).picture(0))
    assert shown.shape == (32, 48, 3)


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("images", [PHOTO, [PHOTO], np.asarray(PHOTO), pictures(1)[0], [*pictures(1)]])
def test_one_image_is_enough_whatever_holds_it(images):
    ui = interpret.explore(tiny(), images)
    assert [text for text, _ in stops(ui, "image")] == ["0"]


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
    before = ui.screen
    ui.tau = TAU
    assert differ(ui.screen, before)


@pytest.fixture
def sent(ui, monkeypatch) -> list[dict[str, Any]]:
    """What the kernel says to the script."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(ui, "send", lambda message, buffers=None: messages.append(message))
    return messages


def test_an_answer_says_which_state_it_is_of(ui, sent):
    for tau in (TAU, 0.01):
        ui._handle_custom_msg({"state": ui.state | {"tau": tau}}, [])
    assert [message["state"]["tau"] for message in sent] == [TAU, 0.01]
    assert [message["screen"]["caption"][:15] for message in sent] == ["shown: tau=0.04", "shown: tau=0.01"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            {"state": {"tau": -1.0}},
            {"screen": {"error": "tau -1.0 is outside [0, 1); tau is a threshold on attention probabilities"}},
        ),
        ({"state": None}, {"screen": {"error": "TypeError: unsupported operand type(s) for |: 'dict' and 'NoneType'"}}),
        ({"image": 9}, {"error": "IndexError: index 9 is out of bounds for dimension 0 with size 3"}),
    ],
)
def test_whatever_fails_is_answered(ui, sent, question, said):
    ui._handle_custom_msg(question, [])
    assert sent == [question | said]
