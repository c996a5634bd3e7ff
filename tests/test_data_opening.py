"""Images from files that nobody vouches for, each made here by Pillow."""

import csv
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from interpret.data import as_rgb, open_image, open_images
from interpret.foundation.errors import ImageError

ORIENTATION = 0x0112


def _quarters() -> np.ndarray:
    """8 rows, 12 columns: red, green above blue, white."""
    pixels = np.zeros((8, 12, 3), dtype=np.uint8)
    pixels[:4, :6, 0] = pixels[:4, 6:, 1] = pixels[4:, :6, 2] = 255
    pixels[4:, 6:] = 255
    return pixels


def _open(path: Path) -> np.ndarray:
    image = open_image(path)
    assert image.mode in ("RGB", "I;16")
    return np.asarray(as_rgb(image))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: np.rot90(p.transpose(1, 0, 2), 2)),
        (8, np.rot90),
    ],
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, upright) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(_quarters()).save(tmp_path / "turned.png", exif=exif)
    assert_array_equal(_open(tmp_path / "turned.png"), upright(_quarters()))


def test_sixteen_bits_are_scaled_and_turned(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32768], [65535, 65534, 51400]], dtype=np.uint16)
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    Image.fromarray(values).save(tmp_path / "gray16.png", exif=exif)
    expected = np.array([[200, 255, 255], [128, 1, 0]])
    assert_array_equal(_open(tmp_path / "gray16.png"), np.repeat(expected[..., None], 3, axis=2))


def test_what_is_transparent_shows_white_not_what_it_hides(tmp_path: Path) -> None:
    pixels = np.full((3, 5, 4), [200, 0, 0, 0], dtype=np.uint8)
    pixels[1, 2, 3] = 255
    pixels[2, 2, 3] = 51
    Image.fromarray(pixels).save(tmp_path / "cutout.png")
    shown = _open(tmp_path / "cutout.png")
    assert_array_equal(shown[0, 0], [255, 255, 255])
    assert_array_equal(shown[1, 2], [200, 0, 0])
    assert_allclose(shown[2, 2], [244, 204, 204], atol=1)


def test_a_transparent_palette_entry_shows_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "palette.png", transparency=1)
    assert_array_equal(_open(tmp_path / "palette.png")[0, 1], [255, 255, 255])
    image.save(tmp_path / "bytes.png", transparency=bytes([255, 0, 255]))
    assert_array_equal(_open(tmp_path / "bytes.png")[0, 1], [255, 255, 255])


def test_of_an_animation_the_first_frame_is_shown(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (7, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert_array_equal(_open(tmp_path / "moving.gif"), np.full((4, 7, 3), [255, 0, 0]))


def test_cmyk_and_bilevel_are_converted(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4), (250, 128, 5)).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    assert_allclose(_open(tmp_path / "cmyk.jpg")[0, 0], [250, 128, 5], atol=6)
    Image.new("1", (6, 4), 1).save(tmp_path / "bilevel.png")
    assert (_open(tmp_path / "bilevel.png") == 255).all()


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 9) + b"IDAT"


@pytest.mark.parametrize("side", [10_000, 65_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(_png_header(side, side))
    with pytest.raises(ImageError, match=r"bomb\.png cannot be read .*decompression bomb"):
        open_image(tmp_path / "bomb.png")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"half\.jpg cannot be read \(image file is truncated"):
        open_image(tmp_path / "half.jpg")


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"GIF89a\0\0\0\0\0\0\0"])
def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert str(caught.value) == (
        f"image {path} cannot be read (not a complete image of a known format); repair it or leave it out"
    )


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png cannot be read \(No such file or directory\)"):
        open_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder; name its files"):
        open_image(tmp_path)


def test_formats_that_run_another_program_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4)).save(tmp_path / "program.eps")
    with pytest.raises(ImageError, match="is a EPS file; convert it to PNG or JPEG"):
        open_image(tmp_path / "program.eps")


def test_pixels_without_a_white_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 9, 24, dtype=np.float32).reshape(4, 6)).save(tmp_path / "float.tiff")
    with pytest.raises(ImageError, match="32-bit pixels, whose white is not defined"):
        open_image(tmp_path / "float.tiff")


def test_signed_pixels_are_called_so(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 6), -1000, dtype=np.int32)).save(tmp_path / "wide.tiff")
    wide = (tmp_path / "wide.tiff").read_bytes()
    bits = struct.pack("<HHIH", 258, 3, 1, 32)
    assert bits in wide
    (tmp_path / "signed.tiff").write_bytes(wide.replace(bits, struct.pack("<HHIH", 258, 3, 1, 16)))
    with pytest.raises(ImageError, match="has signed 16-bit pixels"):
        open_image(tmp_path / "signed.tiff")


def test_listed_files_and_folders_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a.png", "b/notes.txt", "b/.hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (6, 4)).save(tmp_path / name, format="PNG")
    data = open_images([tmp_path / "b", tmp_path / "a.png"])
    assert [example.id for example in data] == ["b/1.png", "b/2.png", "a.png"]
    assert data.classes == ()
    assert open_images([tmp_path / "b" / "notes.txt"])[0].id == "notes.txt"


def test_listing_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image in"):
        open_images([tmp_path])
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        open_images([tmp_path / "gone.png"])


@pytest.mark.data
def test_odd_images_open_or_are_named(data_root: Path) -> None:
    """65 odd files: what Pillow can decode opens, but for the bomb, and nothing but an ImageError escapes."""
    folder = data_root / "odd-images"
    with (folder / "manifest.csv").open() as manifest:
        rows = list(csv.DictReader(manifest))
    opens = {row["file"] for row in rows if row["result"] == "ok"} - {"bomb_warn_10000x10000_1bit.png"}
    opened, said = set(), []
    for row in rows:
        try:
            opened.add(row["file"] if as_rgb(open_image(folder / row["file"])).mode == "RGB" else None)
        except ImageError as error:
            said.append(row["file"] in str(error) and "\n" not in str(error))
    assert opened == opens
    assert len(said) == len(rows) - len(opens)
    assert all(said)
