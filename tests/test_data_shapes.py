"""`shapes`: what makes its masks an exact truth."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.color import rgb2lab
from skimage.draw import polygon2mask
from skimage.measure import label as connected

from interpret.data import load_data
from interpret.data import shapes as shapes_module
from interpret.data._outlines import OUTLINES, area
from interpret.data._textures import TEXTURES, colour_lighter, colour_near, muted, palette
from interpret.data.shapes import CONTRAST, SIZE, draw


def _pixels(split: str, seed: int, index: int) -> np.ndarray:
    return np.asarray(draw(split, seed, index).image)


def test_ten_classes_and_labels_in_turn() -> None:
    data = load_data("shapes")
    assert len(data.classes) == 10
    assert [example.label for example in data[:12]] == [*range(10), 0, 1]
    assert [len(load_data("shapes", split)) for split in ("train", "validation", "test")] == [20_000, 1_000, 2_000]


def test_an_example_is_a_function_of_split_seed_and_index() -> None:
    assert_array_equal(_pixels("train", 0, 7), _pixels("train", 0, 7))
    for other in (("test", 0, 7), ("train", 1, 7), ("train", 0, 17)):
        assert (_pixels("train", 0, 7) != _pixels(*other)).any()


def test_splits_share_no_image() -> None:
    seen = {_pixels(split, 0, index).tobytes() for split in shapes_module.LENGTHS for index in range(40)}
    assert len(seen) == 120


def test_objects_have_the_promised_size_and_lie_inside() -> None:
    masks = np.stack([example.mask for example in load_data("shapes")[:300]])
    shares = masks.mean(axis=(1, 2))
    assert 0.06 <= shares.min() < 0.1
    assert 0.2 < shares.max() <= 0.3
    border = masks.copy()
    border[:, 1:-1, 1:-1] = False
    assert not border.any()
    assert all(connected(mask).max() == 1 for mask in masks)


def test_the_mask_is_where_the_object_is_seen() -> None:
    """Well inside the mask the lightness is that of the object, up to grain; outside it is never."""
    for example in load_data("shapes")[:100]:
        lightness = rgb2lab(np.asarray(example.image))[..., 0]
        below = np.median(lightness[example.mask]) - CONTRAST / 2
        assert (lightness[example.mask] > below).mean() > 0.85
        assert (lightness[~example.mask] < below).mean() > 0.85


def test_the_mask_holds_what_is_at_least_half_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    coverage = np.linspace(0, 1, SIZE * SIZE).reshape(SIZE, SIZE)
    monkeypatch.setattr(shapes_module, "_object", lambda rng, outline: coverage)
    mask = draw("test", 0, 3).mask
    assert mask is not None
    assert_array_equal(mask, np.arange(SIZE * SIZE).reshape(SIZE, SIZE) >= SIZE * SIZE / 2)


def test_where_nothing_is_lighter_enough_the_lightest_is_taken() -> None:
    rng = np.random.default_rng(0)
    lightest = palette()[colour_lighter(rng, [len(palette()) // 2], 90.0)]
    assert_allclose(lightest, palette().max())


def test_grounds_are_muted() -> None:
    grounds = palette()[muted()]
    assert len(grounds) > 100
    assert np.ptp(grounds, axis=1).max() < 0.4


def test_the_mask_is_the_outline_filled() -> None:
    """The pixels whose centre lies in the outline, says another library; only on the edge may the two differ."""
    for name, outline in OUTLINES.items():
        points = 20.3 * outline + [33.1, 30.7]
        filled = polygon2mask((SIZE, SIZE), points[:, ::-1] - 0.5)
        mask = shapes_module._fill([points]) >= 0.5
        assert not (binary_erosion(filled) & ~mask).any(), name
        assert not (mask & ~binary_dilation(filled)).any(), name


def test_outlines_fit_the_unit_circle_and_differ_under_every_turn() -> None:
    turned = {}
    for name, outline in OUTLINES.items():
        assert_allclose(np.linalg.norm(outline, axis=1).max(), 1)
        masks = []
        for angle in np.linspace(0, 2 * np.pi, 36, endpoint=False):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            masks.append(polygon2mask((65, 65), 45 / np.sqrt(area(outline) + 1) * outline @ turn.T + 32))
        turned[name] = np.stack(masks)
    for name, masks in turned.items():
        for other in OUTLINES.keys() - {name}:
            shared = (masks[0] & turned[other]).sum(axis=(1, 2)) / (masks[0] | turned[other]).sum(axis=(1, 2))
            assert shared.max() < 0.9, (name, other)


def test_area_by_hand() -> None:
    assert_allclose(area(np.array([[0.0, 0], [2, 0], [2, 3], [0, 3]])), 6)
    assert_allclose(area(OUTLINES["square"]), 2)


@pytest.mark.parametrize("texture", TEXTURES)
def test_textures_are_shares(texture) -> None:
    field = texture(np.random.default_rng(0), 48)
    assert field.shape == (48, 48)
    assert field.min() >= 0
    assert field.max() <= 1
    assert np.ptp(field) > 0.5


def test_every_ground_leaves_a_colour_for_the_object() -> None:
    """No draw can run out of colours: the choice is never from an empty set."""
    rng = np.random.default_rng(0)
    for ground in muted():
        colours = [int(ground), colour_near(rng, [int(ground)], 8.0, 35.0)]
        for _ in range(2):
            colours.append(colour_near(rng, colours, 12.0, 60.0))
        colour_lighter(rng, colours, CONTRAST)
