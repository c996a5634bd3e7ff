"""The tau explorer in JupyterLab, in a real browser: a key press changes the picture that the reader sees."""

import base64
import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import interpret
from benchmarks.lab import CHECKOUT, CHROMIUM, opened, served
from interpret.figures.drawing import plots
from interpret.figures.drawing.overlay import overlay_pixels

TAU = "[name=tau]"

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


def _shown(page: Any, model: int) -> np.ndarray:
    """The evidence of a model; -1 is the input."""
    canvas = page.locator(".interpret-explorer .row").first.locator(".picture > canvas").nth(model + 1)
    data = canvas.evaluate("canvas => canvas.toDataURL()").partition("base64,")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=int)


def _press(page: Any, key: str, caption: str) -> None:
    page.locator(TAU).first.press(key)
    page.locator(".interpret-explorer .caption").first.get_by_text(caption).wait_for()


def _expected(model: int, tau: float | None) -> np.ndarray:
    """The same panel from Python."""
    names = ("softmax", "hard_threshold", "svda")
    models = [interpret.load(CHECKOUT / f"checkpoints/shapes-{name}.pt") for name in names]
    image = interpret.load_data("shapes")[0].image
    ui = interpret.explore(models, image)
    ui.state = ui.state | ({} if tau is None else {"tau": tau})
    row = ui.screen.rows[0]
    return overlay_pixels(
        plots.enlarge(np.asarray(image)), row.scale.levels(row.panels[model].shares), row.scale.colours
    )


def test_the_tau_slider_moves_the_maps_and_nothing_else(page):
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    _press(page, "Home", "shown: as loaded")
    start = [_shown(page, model) for model in (-1, 0, 1, 2)]
    for model in (0, 2):
        assert np.abs(start[1 + model] - _expected(model, None)).max() <= 1
    _press(page, "End", "shown: tau=0.25 (hard)")
    assert page.locator(".range output").filter(has_text="0.25").first.is_visible()
    assert np.abs(_shown(page, -1) - start[0]).max() == 0
    assert np.abs(_shown(page, 1) - start[2]).max() > 10
    _press(page, "Home", "shown: as loaded")
    assert all(np.abs(_shown(page, model) - start[1 + model]).max() == 0 for model in (-1, 0, 1, 2))
    _press(page, "ArrowRight", "shown: tau=0 (hard)")
    _press(page, "ArrowRight", "shown: tau=0.0019 (hard)")
    assert np.abs(_shown(page, 0) - _expected(0, 0.0019)).max() <= 1


def test_a_click_chooses_the_patch(page):
    _press(page, "Home", "shown: as loaded")
    canvas = page.locator(".interpret-explorer .row").first.locator(".picture > canvas").first
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 1.5 / 8, "y": box["height"] * 0.5 / 8})
    page.locator(".interpret-explorer .caption").first.get_by_text("patch (0, 1)").wait_for()
    assert page.locator("[name=row]").first.input_value() == "0"
    assert page.locator("[name=col]").first.input_value() == "1"
