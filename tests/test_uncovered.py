"""Patches that do not divide the input: what none covers stays plain in every picture, the others lie where they are.

100 x 68 pixels hold 6 x 4 patches of 16; 4 pixels at the bottom and at the right belong to none. The twin places a
patch by its pixels in the input alone. Photographs are black, so whatever is not was painted.
"""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.figures.drawing import plots
from interpret.figures.drawing.octaves import Octaves, uniform_share
from interpret.figures.drawing.overlay import overlay_pixels
from interpret.models.description import describe
from interpret.report.stills import stills
from tests.models import gallery, tiny

SIZE, PATCH, GRID = (100, 68), 16, (6, 4)
LAST = (5, 3)
SCALE = Octaves(1.0, 24.0, 24.0, signed=False, cmap=plots.NONNEGATIVE)
"""To the share of one patch that has everything."""


@pytest.fixture(scope="module")
def model() -> interpret.LoadedModel:
    return tiny(img_size=SIZE, patch_size=PATCH, dtype=torch.float32)


@pytest.fixture(scope="module")
def study(model) -> interpret.Study:
    """A black image, all evidence at the last patch, under this model and one whose patches cover all of 200 x 136."""
    whole = replace(tiny(img_size=(200, 136), patch_size=8, dtype=torch.float32), name="whole")
    asked = {"attributions": "rollout", "indicators": "dead_rows", "sweeps": {"threshold": [0.0]}, "sample": 1}
    found = interpret.run_study([model, whole], gallery(1, size=(200, 136)), **asked)
    for name in ("map/{}/rollout", "tau_map/{}"):
        for index in range(2):
            found.arrays[name.format(index)][:] = 0
            found.arrays[name.format(index)][..., -1, -1] = 1
    return replace(found, images=np.zeros_like(found.images))


def hot(cell: tuple[int, int] = LAST) -> np.ndarray:
    values = np.zeros(GRID, dtype=np.float32)
    values[cell] = 1
    return values


def black(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 3), dtype=np.uint8)


def cells(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The patch row of each row of pixels and the patch column of each column, -1 where there is none."""
    places = []
    for side, whole, count in zip((height, width), SIZE, GRID, strict=True):
        cell = np.array([int((pixel + 0.5) * whole / side // PATCH) for pixel in range(side)])
        places.append(np.where(cell < count, cell, -1))
    return places[0], places[1]


def bounds(found: np.ndarray) -> np.ndarray:
    """First and last row, first and last column of what is found, one past the last."""
    rows, cols = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return np.array([rows[0], rows[-1] + 1, cols[0], cols[-1] + 1])


def drawn(size: tuple[int, int], covered: plots.Shares, cell: tuple[int, int] = LAST) -> np.ndarray:
    """One hot patch over black."""
    return overlay_pixels(black(*size), SCALE.levels(uniform_share(hot(cell))), SCALE.colours, covered)


def painted(size: tuple[int, int], covered: plots.Shares) -> np.ndarray:
    """Every patch over black."""
    return overlay_pixels(black(*size), np.full(GRID, 255, dtype=np.uint8), SCALE.colours, covered)


def lit(picture: np.ndarray) -> np.ndarray:
    """Pixels in the colours of the upper half of the scale, over black."""
    red, _, _, opacity = SCALE.colours[128].astype(float)
    return picture[..., 0] >= red * opacity / 255


def assert_placed(picture: np.ndarray, cell: tuple[int, int] = LAST) -> None:
    """All evidence of a black picture lies at one patch, but for a tenth of a patch, by which a cubic swells it."""
    rows, cols = cells(*picture.shape[:2])
    expected = bounds((rows == cell[0])[:, None] & (cols == cell[1]))
    assert_allclose(bounds(lit(picture)), expected, atol=0.1 * PATCH * len(picture) / SIZE[0])


def assert_plain_where_upsample_is_undefined(picture: np.ndarray, model: interpret.LoadedModel) -> None:
    height, width = picture.shape[:2]
    undefined = np.isnan(interpret.upsample(hot(), Image.new("RGB", (width, height)), model))
    rows, cols = cells(height, width)
    assert_array_equal(undefined, (rows < 0)[:, None] | (cols < 0))
    assert_array_equal(~picture.any(axis=-1), undefined)


@pytest.mark.parametrize("size", [(100, 68), (300, 204), (250, 170), (75, 51), (224, 152)])
@pytest.mark.parametrize("cell", [LAST, (0, 0), (3, 1)])
def test_an_overlay_lies_where_upsample_puts_the_map(model, size, cell):
    assert_placed(drawn(size, model.covered, cell), cell)
    assert_plain_where_upsample_is_undefined(painted(size, model.covered), model)
    back = interpret.upsample(hot(cell), Image.new("RGB", size[::-1]), model)
    assert_allclose(
        bounds(lit(drawn(size, model.covered, cell))), bounds(back >= 0.5), atol=2
    )  # two kernels: Pillow's cubic and PyTorch's


@pytest.mark.parametrize(("size", "under"), [((75, 50), (73, 48)), ((150, 100), (145, 97))])
def test_a_pixel_is_painted_where_its_centre_lies_under_a_patch(size, under):
    """96 x 64 of 99 x 66 pixels are under patches: 72.73 of 75, 48.48 of 50, 145.45 of 150, 96.97 of 100."""
    model = tiny(img_size=(99, 66), patch_size=PATCH, dtype=torch.float32)
    found = painted(size, model.covered).any(axis=-1)
    assert_array_equal(bounds(found), (0, under[0], 0, under[1]))
    undefined = np.isnan(interpret.upsample(hot(), Image.new("RGB", size[::-1]), model))
    assert_array_equal(~found, undefined)


def test_a_model_says_what_its_patches_cover(model):
    assert model.covered == (0.96, 64 / 68)
    assert describe(model)["covered"] == [0.96, 64 / 68]
    assert tiny().covered == (1.0, 1.0)


def test_the_overlay_figure_leaves_plain_what_no_patch_covers(study, model):
    figure = interpret.FIGURES["overlay_grid"].draw(study)["overlay_grid_rollout"]
    first, second = (ax.get_images()[0].get_array() for ax in figure.axes[1:3])
    red, _, _, opacity = Octaves(1.0, 24.0, 24.0, signed=False, cmap="magma").colours[128].astype(float)
    least = red * opacity / 255  # over black
    rows, cols = cells(*first.shape[:2])
    expected = bounds((rows == LAST[0])[:, None] & (cols == LAST[1]))
    assert_allclose(bounds(first[..., 0] >= least), expected, atol=0.1 * PATCH * len(first) / SIZE[0])
    assert not first[np.isnan(interpret.upsample(hot(), Image.new("RGB", first.shape[1::-1]), model))].any()
    assert_array_equal(bounds(second[..., 0] >= least)[[1, 3]], (400, 272))


def test_a_saved_study_keeps_what_is_covered(study, tmp_path):
    study.save(tmp_path / "study")
    found = interpret.Study.load(tmp_path / "study").models
    assert [each["covered"] for each in found] == [[0.96, 64 / 68], [1.0, 1.0]]


def test_the_stills_of_the_page_leave_plain_what_no_patch_covers(study):
    kept = [np.zeros_like(study.heatmap(model)) for model in range(2)]
    for weights in kept:
        weights[..., -1, -1] = 1
    hot_study = replace(
        study, arrays=study.arrays | {f"heatmap/{model}": weights for model, weights in enumerate(kept)}
    )
    panels = [panel["src"].partition("base64,")[2] for panel in stills(hot_study)[0]["panels"]]
    first, second = (np.asarray(Image.open(io.BytesIO(base64.b64decode(panel)))) for panel in panels)
    assert_placed(first)
    assert_array_equal(bounds(lit(second))[[1, 3]], second.shape[:2])


def test_the_still_of_the_explorer_leaves_plain_what_no_patch_covers(model):
    ui = interpret.explore(model, Image.fromarray(black(*SIZE)))
    picture = ui.still().axes[1].get_images()[0].get_array()
    rows, cols = cells(*picture.shape[:2])
    assert not picture[rows < 0].any()
    assert not picture[:, cols < 0].any()
    assert ui.menu["models"][0]["covered"] == model.covered


def test_show_paints_nothing_where_no_patch_lies(model):
    figure = interpret.show(model, Image.fromarray(black(300, 204)), scale=(1e-9, 1e-8))
    painted = figure.axes[1].get_images()[0].get_array().any(axis=-1)
    rows, cols = cells(300, 204)
    assert_array_equal(painted, (rows >= 0)[:, None] & (cols >= 0))
