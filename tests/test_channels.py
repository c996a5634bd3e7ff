"""Inputs of other than three channels of 8 bits: gray, 16 bits, 13 bands."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.data import as_rgb, fit, open_image, shares_of
from interpret.explorer.widget import explore
from interpret.foundation.errors import InterpretError
from interpret.models.loaded_model import LoadedModel
from tests.models import tiny

GRAY, COLOUR = {"mean": (0.2,), "std": (0.4,)}, {"mean": (0.2, 0.3, 0.4), "std": (0.4, 0.5, 0.6)}


def fed(channels: int, **spec: Any) -> LoadedModel:
    """The tiny model with as many channels, fed in that way."""
    plain = tiny(in_chans=channels, dtype=torch.float32)
    return interpret.load(plain.model, **spec) if spec else plain


def scan(bits: int) -> np.ndarray:
    """Values of so many bits, of the size of the tiny model's input."""
    return np.random.default_rng(0).integers(0, 2**bits, (32, 48), dtype=np.uint16 if bits > 8 else np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_gray_file_enters_a_gray_model_with_all_its_bits(bits: int, suffix: str, tmp_path: Path) -> None:
    values = scan(bits)
    Image.fromarray(values).save(tmp_path / f"scan.{suffix}")
    pixels = fed(1, **GRAY).pixels(tmp_path / f"scan.{suffix}")
    assert_allclose(pixels[0, 0], (values / (2**bits - 1) - 0.2) / 0.4, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", [scan(8), scan(16), Image.fromarray(scan(8)), Image.fromarray(scan(16))])
def test_a_gray_picture_or_array_enters_a_gray_model(given: object) -> None:
    largest = 255 if np.asarray(given).dtype == np.uint8 else 65535
    assert_allclose(fed(1, **GRAY).pixels(given)[0, 0], (np.asarray(given) / largest - 0.2) / 0.4, rtol=1e-5, atol=1e-6)


def test_a_colour_picture_enters_a_gray_model_as_its_luma_and_gray_enters_three_channels_alike() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    luma = colour @ [0.299, 0.587, 0.114] / 255
    assert_allclose(fed(1, **GRAY).pixels(colour)[0, 0], (luma - 0.2) / 0.4, atol=0.5 / 255 / 0.4 + 1e-3)
    three = fed(3, **COLOUR).pixels(scan(16))[0]
    assert_allclose(
        three * torch.tensor(COLOUR["std"])[:, None, None],
        torch.stack([three[0]] * 3) * 0.4 - torch.tensor([0, 0.1, 0.2])[:, None, None],
        atol=1e-5,
    )


def test_sixteen_bits_are_resized_without_rounding(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 400, 96), (64, 1)).round().astype(np.uint16)  # two steps of 8 bits
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    seen = shares_of(fit(open_image(tmp_path / "ramp.png"), (32, 48)), 1)[0].numpy() * 65535
    assert_allclose(seen[:, 2:-2], ramp.reshape(32, 2, 48, 2).mean(axis=(1, 3))[:, 2:-2], atol=1)
    assert len(np.unique(seen.round())) > 40


def test_the_eye_is_shown_eight_bits_of_it(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32768], [65535, 65534, 51400]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "gray16.png")
    shown = as_rgb(open_image(tmp_path / "gray16.png"))
    assert_array_equal(np.asarray(shown)[..., 1], [[0, 1, 128], [255, 255, 200]])
    assert shown.mode == "RGB"


def test_thirteen_bands_are_looked_at_as_floats_and_a_picture_of_three_is_refused() -> None:
    model = fed(13)
    bands = torch.randn(2, 13, 32, 48)
    assert interpret.attribute(model, bands, "rollout").isfinite().all()
    with pytest.raises(InterpretError, match=r"takes 13 channels and a picture gives 3.*no report.*pass \(batch, 13, "):
        interpret.explore(model, Image.new("RGB", (48, 32)))
    with pytest.raises(InterpretError, match="no report or study of it"):
        interpret.run_study(model, [Image.new("RGB", (48, 32))], attributions="rollout", indicators=[], sweeps=[])
    assert "image 0" in explore(model, bands).caption.value


def test_gray_models_are_explored_and_shown() -> None:
    model = fed(1, **GRAY)
    assert "rollout" in str(interpret.show(model, scan(16)).axes[1].get_title())
    ui = explore(model, scan(16))
    assert_array_equal(ui._views[0].picture(0)[..., 0], (scan(16) / 257).round())
