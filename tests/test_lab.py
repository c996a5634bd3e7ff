"""The tau explorer in JupyterLab, in a real browser: a key press changes the picture that the reader sees."""

import base64
import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.lab import CHECKOUT, CHROMIUM, opened, served, slider

TAU = "tau (probability)"
PIXELS = """async image => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer())
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
}"""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Any]:
    """The explorer's notebook, run in a JupyterLab over copies of the notebooks and the checkpoints."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    home = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "checkpoints"):
        shutil.copytree(CHECKOUT / folder, home / "root" / folder)
    with served(home, home / "root") as address, opened(address.format("notebooks/02_tau_explorer.ipynb")) as shown:
        yield shown


def _shown(page: Any) -> np.ndarray:
    data = page.locator("img.widget-image").first.evaluate(PIXELS)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)


def _press(page: Any, key: str, caption: str) -> np.ndarray:
    slider(page, TAU).get_by_role("slider").press(key)
    page.get_by_text(caption).first.wait_for()
    return _shown(page)


def test_the_tau_slider_moves_the_picture_and_nothing_else(page):
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    page.locator(".widget-checkbox input").first.uncheck()
    start = _press(page, "Home", "shown: as loaded")
    box = page.locator("img.widget-image").first.bounding_box()
    end = _press(page, "End", "shown: tau=0.25 (hard)")
    assert slider(page, TAU).locator(".widget-readout").inner_text() == "0.25"
    assert end.shape == start.shape
    input_ends, models_begin = 190, 202
    assert np.abs(end - start)[:, :input_ends].mean() < 0.5
    assert np.abs(end - start)[:220, models_begin:].mean() > 1
    assert page.locator("img.widget-image").first.bounding_box() == box
    assert np.abs(_press(page, "Home", "shown: as loaded") - start).mean() == 0
    _press(page, "ArrowRight", "shown: tau=0 (hard)")


def test_a_click_chooses_the_patch(page):
    _press(page, "Home", "shown: as loaded")
    picture = page.locator("img.widget-image").first
    box = picture.bounding_box()
    size = picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    scale = min(box["width"] / size[0], box["height"] / size[1])
    picture.click(position={"x": 30 * scale, "y": 45 * scale})
    page.get_by_text("patch (0, 1)").first.wait_for()
    assert slider(page, "patch row").locator(".widget-readout").inner_text() == "0"
    assert slider(page, "patch col").locator(".widget-readout").inner_text() == "1"
