"""Overlays: their unit, their scale and their pixels, against slow twins written from the definition."""

import math

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.figures.drawing import overlay
from interpret.figures.drawing.octaves import Octaves, octaves, scales, uniform_share
from tests.models import tiny

PLAIN = Octaves(1.0, 8.0, 8.0, signed=False, cmap="magma")
SIGNED = Octaves(1.0, 8.0, 8.0, signed=True, cmap="RdBu_r")


def a_map(seed=0, signed=False):
    values = np.random.default_rng(seed).lognormal(0, 1.5, (4, 6))
    return values * np.where(np.random.default_rng(seed + 1).random((4, 6)) < 0.3, -1, 1) if signed else values


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("signed", [False, True])
def test_a_share_is_a_multiple_of_what_each_patch_would_have_if_all_counted_alike(signed):
    values = a_map(signed=signed)
    total = sum(abs(value) for value in values.flat)
    assert_allclose(uniform_share(values), [[value / (total / 24) for value in row] for row in values])
    assert_allclose(np.abs(uniform_share(values)).mean(), 1)
    assert_allclose(uniform_share(values * 1e-9), uniform_share(values))


def test_maps_that_are_alike_everywhere_lie_at_one_and_empty_ones_nowhere():
    assert_allclose(uniform_share(np.full((2, 4, 6), 0.01)), 1)
    assert np.isnan(uniform_share(np.zeros((4, 6)))).all()
    assert np.isnan(uniform_share(np.where(np.eye(4, 6) > 0, np.nan, 1))).all()


@pytest.mark.parametrize(
    ("share", "place"), [(0, 0), (0.5, 0), (1, 0), (2, 1 / 3), (4, 2 / 3), (8, 1), (9, 1), (-4, 0)]
)
def test_a_doubling_is_a_step_of_the_same_height(share, place):
    assert_allclose(PLAIN.place(np.array([[share]], float)), place)
    mirrored = (1 + math.copysign(place if share != -4 else 2 / 3, share)) / 2
    assert_allclose(SIGNED.place(np.array([[share]], float)), mirrored)


def test_nothing_is_painted_at_or_below_the_uniform_share(image):
    levels = PLAIN.levels(np.array([[0.0, 0.3, 1.0, np.nan]]))
    assert_array_equal(overlay.overlay_pixels(image, levels, PLAIN.colours), image)
    levels = SIGNED.levels(np.array([[0.0, -0.3, 1.0, -1.0, np.nan]]))
    assert_array_equal(overlay.overlay_pixels(image, levels, SIGNED.colours), image)
    assert not np.array_equal(overlay.overlay_pixels(image, PLAIN.levels(np.array([[4.0]])), PLAIN.colours), image)


@pytest.mark.parametrize("scale", [PLAIN, SIGNED], ids=["plain", "signed"])
def test_opacity_grows_with_the_magnitude(scale):
    shares = np.geomspace(1, 8, 30)[None]
    for sign in (1, -1) if scale.signed else (1,):
        opacity = scale.colours[scale.levels(sign * shares)[0], 3].astype(int)
        assert (np.diff(opacity) >= 0).all()
        assert len(set(opacity)) > 25
        assert (opacity[0], opacity[-1]) == (0, round(0.9 * 255))


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("scale", [PLAIN, SIGNED], ids=["plain", "signed"])
def test_a_pixel_is_the_picture_and_the_colour_of_its_level_mixed(image, scale, smooth):
    levels = scale.levels(uniform_share(a_map(signed=scale.signed)))
    kernel = Image.Resampling.BICUBIC if smooth else Image.Resampling.BOX
    enlarged = np.asarray(Image.fromarray(levels).resize((48, 32), kernel))
    drawn = overlay.overlay_pixels(image, levels, scale.colours, smooth=smooth)
    for row, col in ((0, 0), (31, 47), (13, 20), (8, 40)):
        level = enlarged[row, col] / 255
        strength = abs(2 * level - 1) if scale.signed else level
        along = 0.3 + 0.7 * strength
        rgb = mpl.colormaps[scale.cmap](0.5 + math.copysign(along / 2, level - 0.5) if scale.signed else along)[:3]
        opacity = 0.9 * max((255 * strength - scale.signed) / (255 - scale.signed), 0) ** 0.6
        expected = [
            opacity * 255 * over + (1 - opacity) * under for over, under in zip(rgb, image[row, col], strict=True)
        ]
        assert_allclose(drawn[row, col], expected, atol=1.5)


def test_a_scale_reaches_far_but_not_to_a_single_patch():
    shares = np.r_[np.full(999, 3.0), 60.0][None]
    scale = octaves([shares])
    assert (scale.low, scale.high, scale.peak, scale.exceeded) == (1, 3, 60, True)
    assert octaves([np.ones((4, 6))]).high == 2
    assert octaves([np.full((4, 6), np.nan)]).high == 2


def test_the_bar_names_doublings():
    assert PLAIN.ticks == pytest.approx({"1x": 0, "2x": 1 / 3, "4x": 2 / 3, "8x": 1})
    assert list(SIGNED.ticks) == ["-8x", "-4x", "-2x", "1x", "2x", "4x", "8x"]
    assert SIGNED.ticks["-8x"] == pytest.approx(0)
    assert list(Octaves(2.5, 3.5, 3.5, signed=False, cmap="magma").ticks) == ["2.5x", "3.5x"]
    assert list(Octaves(3.0, 20.0, 20.0, signed=True, cmap="RdBu_r").ticks) == ["-16x", "-8x", "-4x", "4x", "8x", "16x"]
    far = Octaves(1.0, 300.0, 300.0, signed=False, cmap="magma").ticks
    assert list(far) == ["1x", "4x", "16x", "64x", "256x"]


@pytest.mark.parametrize(
    "scale", [PLAIN, SIGNED, Octaves(1.0, 3.0, 9.0, True, "RdBu_r")], ids=["plain", "signed", "over"]
)
def test_a_bar_shows_the_colours_on_white_paper(scale):
    bar = overlay.bar([Figure(layout="constrained").subplots()], scale)
    assert [text.get_text() for text in bar.ax.get_yticklabels()] == list(scale.ticks)
    assert bar.extend == ("both" if scale.exceeded else "neither")
    middle = bar.cmap(0.5 if scale.signed else 0.0)
    assert_allclose(middle[:3], 1, atol=0.1)
    red, green, blue, opacity = scale.colours[255] / 255
    assert_allclose(bar.cmap(1.0)[:3], [1 - (1 - colour) * opacity for colour in (red, green, blue)])


ROWS = [[uniform_share(a_map(seed)) for seed in (column, column + 5)] for column in (1, 2, 3)]


def test_panels_share_a_scale_by_image_by_model_or_all():
    by_image = scales(ROWS, [False, True])
    assert [row[0].high for row in by_image] == [octaves(row).high for row in ROWS]
    assert all(row[0].high == row[1].high for row in by_image)
    assert [(each.signed, each.cmap) for each in by_image[0]] == [(False, "magma"), (True, "RdBu_r")]
    by_model = scales(ROWS, [False, False], "model")
    assert [each.high for each in by_model[0]] == [octaves(column).high for column in zip(*ROWS, strict=True)]
    (whole,) = {each for row in scales(ROWS, [False, False], "all") for each in row}
    assert whole.high == octaves([panel for row in ROWS for panel in row]).high
    (given,) = {each for row in scales(ROWS, [False, False], (2, 16), "viridis", 0.5) for each in row}
    assert (given.low, given.high, given.cmap, given.opacity) == (2, 16, "viridis", 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "row"}, r"scale='row' is none of 'image', 'model', 'all' and no \(low, high\)"),
        ({"scale": (4, 1)}, r"scale=\(4, 1\) is none of"),
        ({"scale": (0, 1)}, r"scale=\(0, 1\) is none of"),
        ({"scale": ["image"]}, "is none of"),
        ({"scale": (1, math.inf)}, "is none of"),
        ({"scale": np.array([1, 2])}, "is none of"),
        ({"cmap": ["a"]}, r"cmap=\['a'\] is no colour map"),
        ({"cmap": "magna"}, "cmap='magna' is no colour map of matplotlib; did you mean 'magma'?"),
        ({"cmap": 3}, "cmap=3 is no colour map of matplotlib"),
        ({"alpha": 2}, r"alpha=2 is no opacity in \[0, 1\]"),
        ({"alpha": "much"}, "alpha='much' is no opacity"),
    ],
)
def test_a_wrong_wish_is_a_sentence(options, message, image):
    with pytest.raises(interpret.InterpretError, match=message):
        interpret.show(tiny(), Image.fromarray(image), **options)


def test_show_paints_the_levels_that_upsample_puts_on_the_photograph(image):
    model, photo = tiny(), Image.fromarray(image).resize((90, 40))
    figure = interpret.show(model, photo, ["rollout", "layer_grad_cam"], smooth=False, bare=True)
    titles = [ax.get_title() for ax in figure.axes]
    for name, column in (("rollout", 1), ("layer_grad_cam", 3)):
        values = interpret.attribute(model, photo, name)[0].numpy()
        rollout = uniform_share(interpret.attribute(model, photo, "rollout")[0].numpy())
        grad_cam = uniform_share(interpret.attribute(model, photo, "layer_grad_cam")[0].numpy())
        shared = octaves([rollout, grad_cam], signed=interpret.ATTRIBUTIONS[name].signed)
        levels = interpret.upsample(shared.levels(uniform_share(values)).astype(float), photo, model, smooth=False)
        drawn = figure.axes[column].get_images()[0].get_array()
        outside = np.isnan(levels)
        assert_array_equal(drawn[outside], np.asarray(photo)[outside])
        colours = shared.colours[np.nan_to_num(levels).astype(int)].astype(float)
        mixed = np.asarray(photo) + (colours[..., :3] - np.asarray(photo)) * colours[..., 3:] / 255
        assert_array_equal(drawn[~outside], np.rint(mixed)[~outside])
        assert titles[column].startswith(name)
        assert figure.axes[column].get_xlabel() == f"raw total {np.abs(values).sum():.3g}"
        assert_allclose(figure.axes[column + 1].get_images()[0].get_array(), shared.place(uniform_share(values)))


def test_patches_as_squares_on_a_photograph():
    cells = np.arange(24.0).reshape(4, 6)
    squares = interpret.upsample(cells, Image.new("RGB", (48, 32)), smooth=False)
    assert_array_equal(squares, cells.repeat(8, 0).repeat(8, 1))
    assert not np.array_equal(interpret.upsample(cells, Image.new("RGB", (48, 32))), squares)


@pytest.mark.parametrize(("tau", "stamp"), [(0.0, []), (0.9, ["NO EVIDENCE\nzero map"])])
def test_a_map_of_nothing_is_called_so(image, tau, stamp):
    model = tiny()
    with interpret.threshold(model, tau=tau):
        figure = interpret.show(model, Image.fromarray(image), "cls_attention")
    assert [text.get_text() for ax in figure.axes for text in ax.texts] == stamp
