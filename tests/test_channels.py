"""Inputs of other than three channels of 8 bits: gray, 16 bits, 13 bands."""

import struct
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import interpret
from interpret.data import as_rgb, fit, open_image, shares_of
from interpret.foundation.errors import InterpretError
from interpret.models.arguments import ARGUMENTS
from interpret.models.loaded_model import LoadedModel
from interpret.models.overrides import overrides, range_of
from interpret.models.pixels import as_picture
from interpret.models.plain import is_range
from interpret.report.command import main, parser
from tests.models import SMALL, tiny

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
    assert "image 0" in interpret.explore(model, bands).caption


def test_gray_models_are_explored_and_shown() -> None:
    model = fed(1, **GRAY)
    assert "rollout" in str(interpret.show(model, scan(16)).axes[1].get_title())
    ui = interpret.explore(model, scan(16))
    assert_array_equal(ui._views[0].picture(0)[..., 0], (scan(16) / 257).round())


def written(folder: Path, channels: int, **architecture: Any) -> Path:
    """A state dict of somebody else."""
    path = folder / "model.pt"
    torch.save(tiny(in_chans=channels, dtype=torch.float32, **architecture).model.state_dict(), path)
    return path


FOREIGN = {"heads": 3, "img_size": (32, 48)}


@pytest.mark.parametrize("channels", [1, 13])
def test_statistics_have_a_number_for_each_channel_whatever_their_count(channels: int, tmp_path: Path) -> None:
    file = written(tmp_path, channels)
    loaded = interpret.load(file, **FOREIGN)
    assert loaded.spec.mean == loaded.spec.std == (0.5,) * channels
    assert any(
        line.startswith(("mean (0.5,", "mean 0.5 of each of 13")) and line.endswith("assumed")
        for line in loaded.assumed
    )
    means = [index / 13 for index in range(channels)]
    assert interpret.load(file, **FOREIGN, mean=means, std=[0.5] * channels).spec.mean == tuple(means)
    with pytest.raises(
        InterpretError, match=f"mean has 3 numbers and the input {channels} channels; give one for each"
    ):
        interpret.load(file, **FOREIGN, mean=[0.5] * 3)


def test_statistics_of_colour_are_not_those_of_a_gray_model_of_timm() -> None:
    architecture: dict[str, Any] = SMALL | {"in_chans": 1}
    module = timm.create_model("vit_tiny_patch16_224", **architecture)
    assert interpret.load(module).spec.mean == (0.5,)
    assert "mean (0.5,) assumed" in interpret.load(module).assumed


def test_twelve_bits_in_a_file_of_sixteen_span_black_to_white(tmp_path: Path) -> None:
    values = scan(12)
    Image.fromarray(values).save(tmp_path / "ct.tiff")
    model = fed(1, mean=0.0, std=1.0, range=(0, 4095))
    seen = model.pixels(tmp_path / "ct.tiff")[0, 0]
    assert_allclose(seen, values / 4095, rtol=1e-5, atol=1e-6)
    assert len(seen.unique()) == len(np.unique(values)) > 1000
    window = fed(1, mean=0.0, std=1.0, range=(1000, 3000)).pixels(tmp_path / "ct.tiff")[0, 0]
    assert_allclose(window, ((values.astype(float) - 1000) / 2000).clip(0, 1), rtol=1e-5, atol=1e-6)
    study = interpret.run_study(model, tmp_path / "ct.tiff", attributions="rollout", indicators=[], sweeps=[])
    assert_array_equal(study.images[0, ..., 0], (values.astype(np.float32) / 4095 * 255).round())


def colour_of_sixteen_bits() -> bytes:
    """A TIFF of one pixel, which Pillow cannot write."""
    entries = [(256, 3, 1), (257, 3, 1), (258, 3, 16), (262, 3, 2), (273, 4, 110), (277, 3, 3), (278, 3, 1)]
    entries.append((279, 4, 6))
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    fields = fields.replace(struct.pack("<HHII", 258, 3, 1, 16), struct.pack("<HHII", 258, 3, 3, 116))
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + fields + bytes(4)
    return head.ljust(110, b"\0") + struct.pack("<3H", 4095, 4095, 4095) + struct.pack("<3H", 16, 16, 16)


@pytest.mark.parametrize(
    ("name", "limits", "message"),
    [
        ("colour.tiff", (0, 4095), "colour.tiff is opened with other values than its file holds"),
        ("colour.tiff", (0, 200), "colour.tiff is opened with other values than its file holds"),
        ("cutout.png", (0, 4095), "cutout.png is opened with other values than its file holds"),
        ("scaled.pgm", (0, 4095), "scaled.pgm is opened with other values than its file holds"),
        ("bytes.png", (0, 4095), "bytes.png has 8 bits, and the range ends at 4095"),
    ],
)
def test_a_range_of_values_that_are_not_those_of_the_file_is_refused(
    name: str, limits: tuple[float, float], message: str, tmp_path: Path
) -> None:
    (tmp_path / "colour.tiff").write_bytes(colour_of_sixteen_bits())
    Image.fromarray(scan(12)).save(tmp_path / "cutout.png", transparency=0)
    (tmp_path / "scaled.pgm").write_bytes(b"P5 2 1 4095\n" + bytes([15, 255] * 2))
    Image.fromarray(scan(8)).save(tmp_path / "bytes.png")
    assert as_rgb(open_image(tmp_path / name)).mode == "RGB"
    with pytest.raises(InterpretError, match=message):
        fed(1, range=limits).pixels(tmp_path / name)
    with pytest.raises(InterpretError, match=message):
        fed(1, range=limits).pixels(open_image(tmp_path / name))
    with pytest.raises(InterpretError, match=r"opened|image 0 has 8 bits"), Image.open(tmp_path / name) as image:
        fed(3, range=limits).pixels(image)


def test_a_range_within_eight_bits_is_that_of_eight_bits() -> None:
    window = fed(1, mean=0.0, std=1.0, range=(100, 200)).pixels(scan(8))[0, 0]
    assert_allclose(window, ((scan(8).astype(float) - 100) / 100).clip(0, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", [(1, 0), 4095, "0 4095", (0, 1, 2)])
def test_a_range_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(InterpretError, match=r"range=.*expected two numbers, the lower before the higher"):
        fed(1, range=given)


def test_what_is_said_of_the_input_is_recorded(tmp_path: Path) -> None:
    said: dict[str, Any] = {"mean": (0.1,) * 13, "std": (0.2,) * 13, "range": (0.0, 4095.0), "bands": (3, 2, 1)}
    interpret.save(tmp_path / "own.pt", interpret.load(written(tmp_path, 13), **FOREIGN, **said))
    spec = interpret.load(tmp_path / "own.pt").spec
    assert {name: getattr(spec, name) for name in said} == said


def test_a_panel_is_drawn_by_the_bands_that_are_named() -> None:
    pixels = torch.randn(1, 13, 32, 48)
    model = fed(13, mean=[0.0] * 13, std=[1.0] * 13, bands=(3, 2, 1))
    chosen = pixels[0, [3, 2, 1]]
    expected = (chosen - chosen.min()) / (chosen.max() - chosen.min()) * 255
    ui = interpret.explore(model, pixels)
    assert_allclose(ui._views[0].picture(0), expected.permute(1, 2, 0).numpy(), atol=0.51)
    one = fed(13, mean=[0.0] * 13, std=[1.0] * 13, bands=7)
    assert np.ptp(as_picture(pixels[0], one.spec), axis=-1).max() == 0
    with pytest.raises(InterpretError, match=r"bands=\(3, 13, 1\), but the input has channels 0 to 12"):
        fed(13, mean=[0.0] * 13, std=[1.0] * 13, bands=(3, 13, 1))


@pytest.mark.long
def test_a_report_of_a_gray_model_on_files_of_twelve_bits_is_one_command(tmp_path: Path) -> None:
    for name in "ab":
        Image.fromarray(scan(12)).save(tmp_path / f"{name}.png")
    options = [
        "--images",
        str(tmp_path / "a.png"),
        "--range",
        "0",
        "4095",
        "--mean",
        ".4",
        "--std",
        ".2",
        "--heads",
        "3",
    ]
    options += ["--img-size", "32", "48", "--attributions", "rollout", "--indicators", "sparsity", "--device", "cpu"]
    file = written(tmp_path, 1)
    assert main([str(file), *options, "--out", str(tmp_path / "pack")]) == 0
    study = interpret.Study.load(tmp_path / "pack/study")
    assert_array_equal(study.images[0, ..., 2], (scan(12).astype(np.float32) / 4095 * 255).round())
    assert study.models[0]["spec"]["range"] == [0.0, 4095.0]


def test_a_report_of_thirteen_bands_says_in_one_line_what_there_is(tmp_path: Path, capsys) -> None:
    named = [
        str(written(tmp_path, 13)),
        "--heads",
        "3",
        "--img-size",
        "32",
        "48",
        "--data",
        "photos",
        "--device",
        "cpu",
    ]
    assert main([*named, "--out", str(tmp_path / "pack")]) == 2
    assert "takes 13 channels and a picture gives 3" in capsys.readouterr().err
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("text", "message"), [(["4095"], "a range is LOW HIGH"), (["3", "1"], "a range is LOW HIGH, .*; got 3 1")]
)
def test_a_range_of_the_command_is_two_numbers(text: list[str], message: str) -> None:
    arguments = parser().parse_args(["model.pt", "--range", *text])
    with pytest.raises(InterpretError, match=message):
        overrides(arguments)


@pytest.mark.parametrize(
    ("limits", "fits"), [((0.0, 4095.0), True), ((-5.5, 3.0), True), ((3.0, 3.0), False), ((4095.0, 0.0), False)]
)
def test_a_range_is_two_numbers_the_lower_first_for_load_and_for_the_command(limits: Any, fits: bool) -> None:
    for limit in (limits, [*limits, 9.0], limits[:1]):
        right = fits and len(limit) == 2
        assert is_range(limit) is right
        assert (ARGUMENTS["range"].read(limit) == tuple(limit)) is right
        with nullcontext() if right else pytest.raises(InterpretError, match="a range is LOW HIGH"):
            assert range_of(limit) == tuple(limit)
