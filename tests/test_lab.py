"""The tau explorer in JupyterLab, in a real browser: a key press changes the picture that the reader sees."""

import base64
import io
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).parents[1]
NOTEBOOK = "02_tau_explorer.ipynb"
HOMES = (
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)  # fmt: skip
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
OPENED = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
READY = """async () => {
  await jupyterapp.restored
  const panel = jupyterapp.shell.currentWidget
  await panel.context.ready
  await panel.sessionContext.ready
  await jupyterapp.commands.execute('notebook:run-all-cells')
}"""
PIXELS = """async image => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer())
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
}"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab of its own, over copies of the notebooks and the checkpoints."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "root"
    for folder in ("notebooks", "checkpoints"):
        shutil.copytree(CHECKOUT / folder, root / folder)
    settings = home / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    news = '{"fetchNews": "false", "checkForUpdates": false}'
    (settings / "notification.jupyterlab-settings").write_text(news)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = {
        "ServerApp.port_retries": 0, "IdentityProvider.token": token, "ServerApp.root_dir": root,
        "LabApp.expose_app_in_browser": True, "LabApp.extension_manager": "readonly",
    }  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | {name: str(home / name) for name in HOMES}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)}
    log = (home / "log").open("w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log")
        yield f"http://127.0.0.1:{port}/doc/tree/notebooks/{{}}?token={token}&reset"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        log.close()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(log.read_text())
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(f"no answer from JupyterLab: {log.read_text()}")


@pytest.fixture(scope="module")
def page(lab) -> Iterator[Any]:
    """A page on which every cell of the notebook has run; its kernel is shut down afterwards."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        opened = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        opened.set_default_timeout(60_000)
        opened.set_default_navigation_timeout(120_000)
        opened.goto(lab.format(NOTEBOOK))
        opened.wait_for_function(OPENED)
        opened.evaluate(READY)
        yield opened
        opened.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        browser.close()


def _slider(page: Any, label: str) -> Any:
    exact = page.locator(".widget-label").get_by_text(label, exact=True)
    return page.locator(".widget-slider").filter(has=exact).first


def _shown(page: Any) -> np.ndarray:
    data = page.locator("img.widget-image").first.evaluate(PIXELS)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)


def _press(page: Any, key: str, caption: str) -> np.ndarray:
    _slider(page, "tau").get_by_role("slider").press(key)
    page.get_by_text(caption).first.wait_for()
    return _shown(page)


def test_the_tau_slider_moves_the_picture_and_nothing_else(page):
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    page.locator(".widget-checkbox input").first.uncheck()
    start = _press(page, "Home", "shown: as loaded")
    box = page.locator("img.widget-image").first.bounding_box()
    end = _press(page, "End", "shown: tau=0.25 (hard)")
    assert _slider(page, "tau").locator(".widget-readout").inner_text() == "0.25"
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
    assert _slider(page, "patch row").locator(".widget-readout").inner_text() == "0"
    assert _slider(page, "patch col").locator(".widget-readout").inner_text() == "1"
