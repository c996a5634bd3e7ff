"""`report.html` in a real browser: what Python cannot see of it."""

import base64
import io
import shutil
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from interpret.figures.drawing import plots
from interpret.report import page as report_page
from interpret.report.views import views
from tests.synthetic import HEADS, IMAGES, LAYERS, NAMES, TAUS, synthetic_study

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
A4 = 794
"""Its width in pixels of a browser."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
HOSTILE = '</script><img src="https://example.org/x.png" onerror="window.hurt = 1"><b>bold</b>&amp;'
READY = "!document.querySelector('#view').disabled"
STEPS = """async () => {
  const slider = document.querySelector("#tau"), took = [];
  for (let step = 0; step < 40; step++) {
    slider.value = step % (Number(slider.max) + 1);
    const begin = performance.now();
    slider.dispatchEvent(new Event("input"));
    took.push(performance.now() - begin);
    await new Promise(requestAnimationFrame);
  }
  return took.sort((a, b) => a - b);
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def study():
    """With a map that a model lost whole, in each kind of view."""
    study = synthetic_study()
    study.arrays["tau_map/0"][1, 3] = 0
    return study


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    return write(study, tmp_path_factory.mktemp("page"))


def write(study, folder):
    """The page with one drawn figure, as `write_pack` would put it there."""
    chart = folder / "sweep_threshold.png"
    Image.new("RGB", (1080, 400), "white").save(chart)
    shown = [report_page.Shown("sweep_threshold", "sweep", "Threshold sweep", "How to read it.", chart)]
    path = folder / "report.html"
    path.write_text(report_page.render(study, shown), encoding="utf-8")
    return path


def visit(browser, path, **options):
    """The open page; what it asked for and what it complained of in `asked` and `complaints`."""
    tab = browser.new_context(**options).new_page()
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(path.as_uri())
    tab.wait_for_function(READY)
    return tab


@pytest.fixture
def tab(browser, written):
    tab = visit(browser, written)
    yield tab
    assert tab.complaints == []
    assert [url for url in tab.asked if not url.startswith("data:")] == [written.as_uri()]
    tab.context.close()


def panel(tab, model, image):
    return tab.locator("canvas").nth(image * len(NAMES) + model)


def drawn(tab, model, image):
    url = panel(tab, model, image).evaluate("canvas => canvas.toDataURL()")
    rgba = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2]))))
    assert rgba[..., 3].min() == 255
    return rgba[..., :3].astype(int)


def overlay(study, values, image, scale):
    picture = plots.enlarge(study.images[image])
    return plots.overlay_pixels(picture, plots.quantise(values, scale), scale.cmap)


def scale_of(study, kind, name=None):
    (scale,) = [view.scale for view in views(study) if view.kind == kind and name in (None, view.name)]
    return scale


def assert_same_picture(shown, expected):
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).max() <= 1


def test_the_keyboard_moves_the_slider_and_every_step_is_the_overlay_of_python(tab, study):
    scale = scale_of(study, "rerun")
    tab.focus("#tau")
    tab.keyboard.press("Home")
    for step, tau in enumerate(TAUS):
        assert tab.locator("output").text_content() == f"tau = {tau:g}"
        for model in range(len(NAMES)):
            for image in (0, 2):
                assert_same_picture(
                    drawn(tab, model, image), overlay(study, study.tau_map(model)[step, image], image, scale)
                )
        assert f"run again with tau = {tau:g} inside" in tab.locator(".state").text_content()
        tab.keyboard.press("ArrowRight")
    before = drawn(tab, 1, 0)
    tab.keyboard.press("ArrowLeft")
    assert np.abs(drawn(tab, 1, 0) - before).max() > 10
    assert panel(tab, 1, 0).get_attribute("aria-label") == "selective on image-0, tau = 0.01"
    assert tab.locator("[data-note='1']").text_content() == "hard rule, tau N = 0.25: 24.0 active tokens, accuracy 0.88"


def test_a_map_that_was_cut_whole_is_grey_under_a_stamp(tab, study):
    tab.focus("#tau")
    tab.keyboard.press("Home")
    stamp = tab.locator(".stamp").nth(3 * len(NAMES))
    assert stamp.is_hidden()
    tab.keyboard.press("ArrowRight")
    assert stamp.text_content() == "NO EVIDENCE: zero map"
    assert stamp.is_visible()
    grey = plots.grey(plots.enlarge(study.images[3]))
    assert_same_picture(drawn(tab, 0, 3), np.repeat(grey[..., None], 3, axis=-1))


def test_layer_and_head_show_the_weights_as_loaded_and_the_slider_only_hides(tab, study):
    scale = scale_of(study, "head")
    tab.select_option("#layer", "0")
    tab.select_option("#head", "2")
    assert tab.locator("#view option:checked").text_content() == "Attention by layer and head, models as loaded"
    for step, tau in enumerate(TAUS):
        for model in range(len(NAMES)):
            weights = study.heatmap(model)[1, 0, 1]
            assert_same_picture(drawn(tab, model, 1), overlay(study, np.where(weights > tau, weights, 0), 1, scale))
        said = tab.locator(".state").text_content()
        assert f"Layer 0, head 1. Display only: values at or below tau = {tau:g} are painted as 0" in said
        assert "was run again" not in said.replace("no model was run again", "")
        if step + 1 < len(TAUS):
            tab.focus("#tau")
            tab.keyboard.press("ArrowRight")
    tab.select_option("#head", "0")
    mean = study.heatmap(2)[1, 0].mean(axis=0)
    assert_same_picture(drawn(tab, 2, 1), overlay(study, np.where(mean > TAUS[-1], mean, 0), 1, scale))
    assert tab.locator("#layer option").count() == LAYERS
    assert tab.locator("#head option").count() == HEADS + 1


def test_an_attribution_has_its_own_scale_and_no_threshold(tab, study):
    scale = scale_of(study, "map", "layer_grad_cam")
    tab.select_option("#view", "3")
    assert_same_picture(drawn(tab, 2, 3), overlay(study, study.map(2, "layer_grad_cam")[3], 3, scale))
    assert tab.locator("#tau").is_disabled()
    assert tab.locator("#layer").is_disabled()
    assert tab.locator("[data-low]").text_content() == f"{scale.low:.3g}"
    assert tab.locator(".bar img:visible").get_attribute("data-cmap") == plots.SIGNED
    assert "Models as loaded" in tab.locator(".state").text_content()
    tab.select_option("#view", "0")
    assert tab.locator("output").text_content() == "tau = 0.05"
    assert tab.locator("#tau").is_enabled()


@pytest.mark.parametrize("view", ["0", "1", "2"])
def test_pixels_that_no_patch_covers_stay_grey_and_the_others_are_the_overlay_of_python(browser, tmp_path, view):
    """Of 32 x 48 pixels the first model's 4 x 6 patches of 7 cover 28 x 42; the others' cover all of them."""
    study = synthetic_study()
    cut = {**study.models[0], "covered": [28 / 32, 42 / 48]}
    hot = {name: np.zeros_like(values) for name, values in study.arrays.items()}
    for values in hot.values():
        values[..., -1, -1] = 0.5
    tab = visit(browser, write(replace(study, models=(cut, *study.models[1:]), arrays=hot), tmp_path))
    tab.select_option("#view", view)
    shown, whole = drawn(tab, 0, 0), drawn(tab, 1, 0)
    grey = np.repeat(plots.grey(plots.enlarge(study.images[0]))[..., None], 3, axis=-1).astype(int)
    assert shown.shape == (192, 288, 3)
    assert_array_equal(shown[168:], grey[168:])
    assert_array_equal(shown[:, 252:], grey[:, 252:])
    levels = plots.quantise(hot["map/0/rollout"][0], plots.Scale(0.0, 0.5, plots.NONNEGATIVE, 0.5))
    assert_same_picture(
        shown[:168, :252], plots.overlay_pixels(plots.enlarge(study.images[0])[:168, :252], levels, "magma")
    )
    assert_same_picture(whole, plots.overlay_pixels(plots.enlarge(study.images[0]), levels, "magma"))
    assert tab.complaints == []
    tab.context.close()


def test_a_column_sorts_by_its_numbers_from_the_keyboard(tab):
    button = tab.locator("#tables table").last.get_by_role("button", name="training loss")
    column = tab.locator("#tables table").last.locator("tbody tr td:nth-child(3)")
    before = column.all_text_contents()
    button.focus()
    tab.keyboard.press("Enter")
    assert column.all_text_contents() == sorted(before, key=float)
    sweep = tab.get_by_role("region", name="Sweep of tau")
    tokens = sweep.locator("tbody tr td:nth-child(9)")
    sweep.get_by_role("button", name="active tokens").press("Space")
    assert [float(cell) for cell in tokens.all_text_contents()] == [20] * 3 + [24] * 3 + [25] * 3
    sweep.get_by_role("button", name="active tokens").press("Space")
    assert [float(cell) for cell in tokens.all_text_contents()] == [25] * 3 + [24] * 3 + [20] * 3
    assert sweep.locator("[aria-sort=descending]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(browser, written, width, scheme):
    tab = visit(browser, written, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert luminance(ink) < luminance(paper) if scheme == "light" else luminance(ink) > luminance(paper)
    assert tab.evaluate("[...document.images].every((image) => image.alt)")
    tab.emulate_media(media="print", color_scheme=scheme)
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert luminance(ink) < luminance(paper)
    assert tab.locator("#tau").is_hidden()
    tab.set_viewport_size({"width": A4, "height": 1123})
    assert tab.evaluate("document.documentElement.scrollWidth") <= A4
    tab.context.close()


def luminance(color):
    return sum(int(part) for part in color.removeprefix("rgb(").removesuffix(")").split(","))


def test_names_that_are_code_stay_text(browser, tmp_path):
    study = synthetic_study()
    names = {"plain": HOSTILE, "circle": HOSTILE, "image-0": HOSTILE}
    hostile = replace(
        study,
        models=({**study.models[0], "name": HOSTILE, "classes": [HOSTILE]}, *study.models[1:]),
        tables={name: table.replace(names) for name, table in study.tables.items()},
        image_ids=(HOSTILE, *IMAGES[1:]),
        settings=study.settings | {"data": HOSTILE},
    )
    tab = visit(browser, write(hostile, tmp_path))
    tab.select_option("#head", "1")
    assert tab.evaluate("window.hurt") is None
    assert tab.locator("b, img[onerror]").count() == 0
    assert HOSTILE in tab.locator("h1 + p").text_content()
    assert panel(tab, 0, 0).get_attribute("aria-label").startswith(f"{HOSTILE} on {HOSTILE}, layer ")
    assert [url for url in tab.asked if "example" in url] == []
    assert tab.complaints == []
    tab.context.close()


def test_without_a_script_the_pictures_stand(browser, written):
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(written.as_uri())
    assert tab.locator("img[data-panel]").count() == len(NAMES) * len(IMAGES)
    assert tab.locator("#tau").is_disabled()
    assert "need JavaScript" in tab.locator("noscript").inner_html()
    tab.context.close()


def test_a_step_of_the_slider_is_quick(browser, tmp_path, capsys):
    """Eight images under three models at 192 pixels; the bound is loose because the machine may be busy."""
    study = synthetic_study(history=False)
    ids = tuple(f"image-{index}" for index in range(8))
    copies = {name: doubled(study.tables[name]) for name in ("predictions", "maps")}
    arrays = {
        name: np.concatenate([values] * 2, axis=1 if name.startswith("tau") else 0)
        for name, values in study.arrays.items()
    }
    images = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    eight = replace(study, images=images, image_ids=ids, tables=study.tables | copies, arrays=arrays)
    tab = visit(browser, write(eight, tmp_path))
    assert tab.locator("canvas").count() == 24
    took = tab.evaluate(STEPS)
    with capsys.disabled():
        quick, median, slow = took[0], took[len(took) // 2], took[-1]
        line = f"slider step, 24 panels: least {quick:.1f} ms, median {median:.1f} ms, most {slow:.1f} ms"
        sys.stdout.write(f"\n{line}\n")
    assert quick < 30
    tab.context.close()


def doubled(table):
    second = {f"image-{index}": f"image-{index + 4}" for index in range(4)}
    return pd.concat([table, table.assign(image=table["image"].map(second))], ignore_index=True)
