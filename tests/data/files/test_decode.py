"""Every kind of file that a person may have among their images."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cvcore.data.files import decode as module
from cvcore.data.files.decode import Form, Unusable, decode, open_image

RNG = np.random.default_rng(0)
COLOUR = Form(3, 8, 8)


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    """A smooth picture: a gradient in each channel."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8)).convert(mode)


def saved(folder, image: Image.Image, name: str, kind: str | None = None, **options):
    path = folder / name
    image.save(path, kind, **options)
    return path


def test_crop_is_resize_and_centre_crop_of_torchvision(tmp_path):
    from torchvision.transforms import v2

    for width, height in [(40, 30), (30, 40), (33, 33), (101, 17), (9, 8), (7, 5)]:
        path = saved(tmp_path, picture(width, height), "x.png")
        theirs = v2.Compose([v2.Resize(8), v2.CenterCrop(8)])(Image.open(path).convert("RGB"))
        assert (decode(path, COLOUR).image == np.asarray(theirs).transpose(2, 0, 1)).all(), (width, height)


def test_a_crop_of_a_larger_image_is_the_transform_of_imagenets_networks(tmp_path):
    from torchvision.transforms import v2

    for width, height in [(400, 300), (230, 400), (256, 256), (224, 224), (101, 17)]:
        path = saved(tmp_path, picture(width, height), "x.png")
        theirs = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(Image.open(path).convert("RGB"))
        found = decode(path, Form(3, 224, 224, "crop-256"))
        assert (found.image == np.asarray(theirs).transpose(2, 0, 1)).all(), (width, height)


def test_stretch_is_resize_of_torchvision_to_both_sides(tmp_path):
    from torchvision.transforms import v2

    path = saved(tmp_path, picture(50, 20), "x.png")
    theirs = np.asarray(v2.Resize((8, 8))(Image.open(path)))
    assert (decode(path, Form(3, 8, 8, "stretch")).image == theirs.transpose(2, 0, 1)).all()


def test_an_image_of_the_asked_size_is_not_touched(tmp_path):
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    found = decode(saved(tmp_path, Image.fromarray(pixels), "x.png"), COLOUR)
    assert (found.image == pixels.transpose(2, 0, 1)).all()
    assert (found.width, found.height, found.notes, found.reason) == (8, 8, (), "")


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.full((8, 8), 0x8012, np.uint16))  # its upper byte is 0x80 = 128


def turned(image: Image.Image, orientation: int) -> dict:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def test_files_that_are_used_after_a_conversion(tmp_path):
    frames = [picture(8, 8), picture(8, 8).rotate(90)]
    half = picture(8, 8, "RGBA")
    half.putalpha(0)
    cases = [
        (saved(tmp_path, picture(mode="CMYK"), "cmyk.jpg"), "CMYK to RGB"),
        (saved(tmp_path, picture(mode="P"), "palette.png"), "palette to RGB"),
        (saved(tmp_path, sixteen_bits(), "deep.png"), "16 bits to 8"),
        (saved(tmp_path, picture(mode="1"), "bit.png"), "1 bit to grey"),
        (saved(tmp_path, half, "clear.png"), "transparent: put on white"),
        (saved(tmp_path, frames[0], "moving.png", save_all=True, append_images=frames[1:]), "animated: first frame"),
        (saved(tmp_path, picture(), "turned.jpg", **turned(picture(), 6)), "turned upright (EXIF)"),
        (saved(tmp_path, picture(), "liar.jpg", "PNG"), "PNG file named .jpg"),
        (saved(tmp_path, picture(), "moving.jpg", "GIF"), "GIF file named .jpg"),
    ]
    for path, note in cases:
        found = decode(path, COLOUR)
        assert any(each.startswith(note) for each in found.notes), (path.name, found)
        assert found.image.shape == (3, 8, 8)
    assert (decode(tmp_path / "deep.png", COLOUR).image == 128).all()
    assert (decode(tmp_path / "clear.png", COLOUR).image == 255).all()
    assert (decode(tmp_path / "moving.png", COLOUR).image == np.asarray(frames[0]).transpose(2, 0, 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photographs_come_upright(tmp_path, orientation):
    """EXIF says how the camera was held: 3 upside down, 6 and 8 on its side, even numbers but 8 and 6 mirrored."""
    upright = picture(8, 8)
    undo = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    path = saved(tmp_path, undo(upright), "x.png", **turned(upright, orientation))
    assert (decode(path, COLOUR).image == np.asarray(upright).transpose(2, 0, 1)).all()


def test_a_photograph_on_its_side_has_its_upright_size(tmp_path):
    path = saved(tmp_path, picture(40, 30), "x.jpg", **turned(picture(), 6))
    found = decode(path, COLOUR)
    assert (found.width, found.height) == (30, 40)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size, and has hardly any pixels."""
    parts = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"\0\0")]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_files_that_are_set_aside_and_why(tmp_path):
    cases = {
        "empty.jpg": (b"", "zero bytes"),
        "half.jpg": (jpeg()[: len(jpeg()) // 2], "truncated: the end of the file is missing"),
        "text.jpg": (b"<html>not found</html>", "not an image: unknown content"),
        "head.png": (b"\x89PNG and garbage", "damaged: its header cannot be read"),
        "bomb.png": (png_header(60_000, 60_000), "more than 64 million pixels"),
        "wide.png": (png_header(9_000, 9_000), "9,000 × 9,000 pixels: more than 64 million"),
        "cut.png": (png_header(8, 8), "truncated"),
    }
    for name, (raw, reason) in cases.items():
        (tmp_path / name).write_bytes(raw)
        found = decode(tmp_path / name, COLOUR)
        assert found.image is None, name
        assert found.reason.startswith(reason), (name, found.reason)
        assert "\n" not in found.reason
    assert decode(tmp_path / "nowhere.jpg", COLOUR).reason.startswith("cannot be read (no such file")


def test_pixels_are_counted_before_anything_is_decoded(tmp_path, monkeypatch):
    path = saved(tmp_path, picture(40, 30), "x.png")
    monkeypatch.setattr(module, "MOST_PIXELS", 40 * 30 - 1)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(Unusable, match="40 × 30 pixels"):
        open_image(path)


def test_a_large_photograph_may_come_reduced_with_almost_the_same_result(tmp_path):
    path = saved(tmp_path, picture(1600, 1200), "x.jpg", quality=95)
    whole = module.to_array(open_image(path).picture, COLOUR)
    reduced = decode(path, COLOUR)
    assert (reduced.width, reduced.height) == (1600, 1200)
    assert open_image(path, least=8).picture.width < 1600
    assert np.abs(whole.astype(int) - reduced.image).max() <= 2


def test_a_line_of_pixels_does_not_become_billions(tmp_path):
    path = saved(tmp_path, picture(100_000, 1), "x.png")
    assert decode(path, COLOUR).image.shape == (3, 8, 8)


def test_colour_in_a_grey_set_is_noticed(tmp_path):
    with pytest.raises(module.ColourFound):
        decode(saved(tmp_path, picture(), "x.png"), Form(1, 8, 8))
    assert decode(saved(tmp_path, picture(mode="L"), "y.png"), Form(1, 8, 8)).image.shape == (1, 8, 8)
