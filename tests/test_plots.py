import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from interpret.figures.drawing import bars, curves, overlay, plots


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def patch_map(seed=1):
    return np.random.default_rng(seed).random((4, 6), dtype=np.float32)


def test_a_scale_starts_at_zero_for_maps_without_negative_values():
    scale = plots.shared_scale([np.array([[0.2, 0.5]]), np.array([[0.5, np.nan]])])
    assert_allclose((scale.low, scale.high, scale.peak), (0.0, 0.5, 0.5))
    assert scale.cmap == plots.NONNEGATIVE


def test_a_scale_is_symmetric_for_signed_maps():
    scale = plots.shared_scale([np.array([[0.2, -0.7]]), np.array([[-0.7, 0.0]])])
    assert_allclose((scale.low, scale.high, scale.peak), (-0.7, 0.7, 0.7))
    assert scale.cmap == plots.SIGNED


def test_a_scale_is_not_stretched_by_a_single_value():
    scale = plots.shared_scale([np.r_[np.full(999, 0.5), 40.0]])
    assert_allclose((scale.high, scale.peak), (0.5, 40.0))


@pytest.mark.parametrize(("values", "high"), [(np.zeros((2, 3)), 1.0), (np.r_[np.zeros(999), 3.0], 3.0)])
def test_a_scale_is_never_empty(values, high):
    assert plots.shared_scale([values]) == plots.Scale(0.0, high, plots.NONNEGATIVE, high)


def test_an_enlarged_picture_repeats_its_pixels(image):
    large = plots.enlarge(image, side=96)
    assert large.shape == (96, 144, 3)
    assert_array_equal(large[::3, ::3], image)
    assert_array_equal(large[2::3, 2::3], image)


def test_a_map_without_evidence_shows_its_stamp_and_no_colour(image, ax):
    assert plots.no_evidence(image, "constant map", ax) is ax
    assert ax.texts[0].get_text() == "NO EVIDENCE\nconstant map"
    assert ax.texts[0].get_color() == plots.STAMP
    assert ax.get_images()[0].get_array().ndim == 2


def test_cells_that_are_exactly_zero_have_the_colour_of_a_cut(ax):
    values = np.array([[0.0, 0.5, 1e-9]])
    plots.patch_heatmap(values, plots.Scale(0.0, 1.0, plots.NONNEGATIVE, 1.0), ax=ax)
    drawn = ax.get_images()[0]
    colors = drawn.cmap(drawn.norm(drawn.get_array()))
    assert_allclose(colors[0, 0], to_rgba(plots.CUT))
    assert_allclose(colors[0, 1:], mpl.colormaps[plots.NONNEGATIVE]([0.5, 0.0]), atol=1 / 255)


def test_a_head_grid_writes_every_number_in_its_cell(ax):
    values = np.arange(6.0).reshape(2, 3)
    assert plots.head_grid(values, plots.Scale(0.0, 6.0, "viridis", 6.0), form=".1f", ax=ax) is ax
    assert [text.get_text() for text in ax.texts] == ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0"]
    assert_array_equal(ax.collections[0].get_array(), values)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("head", "layer")


def test_a_spread_shows_every_head_and_the_mean_as_a_line(ax):
    table = pd.DataFrame({"layer": [0, 0, 1, 1], "head": [0, 1, 0, 1], "value": [1.0, 3.0, 2.0, 6.0]})
    assert curves.spread(table, 0, plots.colors(1)[0], shift=0.1, ax=ax) is ax
    assert_allclose(ax.collections[0].get_offsets(), [[0.1, 1], [0.1, 3], [1.1, 2], [1.1, 6]])
    assert_allclose(ax.lines[0].get_xydata(), [[0, 2], [1, 4]])


def test_a_calm_axis_does_not_magnify_noise(ax):
    ax.plot([0, 1], [32.0, 32.00001])
    low, high = curves.calm(ax).get_ylim()
    assert_allclose((low, high), (30.4, 33.6), rtol=1e-3)
    ax.set_ylim(0, 5)
    assert curves.calm(ax).get_ylim() == (0, 5)


def test_the_colours_of_models_differ_in_brightness_or_hue():
    assert len(set(plots.colors(10))) == 10


def test_a_colour_bar_prints_round_numbers_of_the_scale():
    figure = Figure(layout="constrained")
    bar = bars.color_bar(list(figure.subplots(1, 2)), plots.Scale(-0.25, 0.25, plots.SIGNED, 0.25), "rollout")
    labels = [text.get_text() for text in bar.ax.get_yticklabels()]
    assert (labels, bar.ax.get_ylabel(), bar.extend) == (["-0.2", "0", "0.2"], "rollout", "neither")


def test_a_colour_bar_tells_of_values_beyond_it():
    bar = bars.color_bar([Figure().subplots()], plots.Scale(0.0, 0.25, plots.NONNEGATIVE, 0.75), "rollout")
    assert (bar.ax.get_ylabel(), bar.extend) == ("rollout\nlargest 0.75", "max")


def test_an_outline_lies_on_the_border_of_the_mask(ax):
    mask = np.zeros((32, 48), bool)
    mask[8:16, 12:24] = True
    plots.outline(mask, plots.picture(plots.enlarge(np.zeros((32, 48, 3), np.uint8), 64), ax=ax))
    points = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    assert_allclose([points.min(0), points.max(0)], [[23.5, 15.5], [47.5, 31.5]], atol=0.1)


def test_a_figure_is_saved_without_a_date_and_twice_the_same(tmp_path):
    files = []
    for name in ("first", "second"):
        figure = Figure()
        figure.subplots().plot([0, 1], [2, 3], label="a line")
        files.append([path.read_bytes() for path in plots.save(figure, tmp_path / name)])
    assert files[0] == files[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.pdf", "first.png", "second.pdf", "second.png"]


def test_the_style_ends_with_its_block():
    before = mpl.rcParams["font.size"]
    with plots.style():
        assert mpl.rcParams["font.size"] == 8
    assert mpl.rcParams["font.size"] == before


def test_a_drawing_without_axes_makes_its_own():
    assert curves.line([0, 1], [0, 1], 0, plots.colors(1)[0]).figure.axes
    assert plots.picture(np.zeros((4, 6, 3), np.uint8)).get_images()


def test_axes_come_last_and_may_be_left_out_of_what_starts_a_drawing():
    for draw in (
        plots.picture,
        overlay.overlay,
        overlay.bare,
        plots.no_evidence,
        plots.patch_heatmap,
        plots.head_grid,
        curves.spread,
    ):
        assert list(inspect.signature(draw).parameters.items())[-1][1].default is None
        assert list(inspect.signature(draw).parameters)[-1] == "ax"


@pytest.mark.parametrize("high", [0.126, 0.742, 1.0, 40.0, 65.0, 197.0, 0.0327, 3e5])
@pytest.mark.parametrize("signed", [False, True])
def test_a_bar_has_three_to_five_round_ticks(high, signed):
    scale = plots.Scale(-high if signed else 0.0, high, plots.SIGNED if signed else plots.NONNEGATIVE, high)
    bar = bars.color_bar([Figure().subplots()], scale, "weight")
    labels = [text.get_text() for text in bar.ax.get_yticklabels()]
    assert 3 <= len(labels) <= 5
    digits = {f"{abs(float(label)):e}".partition("e")[0].rstrip("0").rstrip(".") for label in labels}
    assert digits <= {"0", "1", "1.5", "2", "2.5", "3", "4", "5", "6", "7.5"}


def test_an_axis_of_values_without_a_negative_one_does_not_reach_below_zero(ax):
    ax.plot([0, 1, 2], [0.0, 0.4, 1.0])
    assert curves.calm(ax).get_ylim()[0] == 0
    ax.plot([0], [-0.1])
    ax.autoscale()
    assert curves.calm(ax).get_ylim()[0] < -0.1
