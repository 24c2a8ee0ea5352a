"""One image file to uint8 at the working size, or the reason why not. Never changes the file."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cvcore.files import reason_of

MOST_PIXELS = 64_000_000  # checked before decoding: 64 million pixels are 192 MB once decoded
MOST_BYTES = 256_000_000  # of a file
GREY_MODES = ("1", "L", "I;16", "I;16L", "I;16B", "I;16N", "I")
# decoders that are asked; others (EPS would start another program) are not
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
ENDINGS = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),  # a JPEG that carries further pictures, as phones write
    "PNG": (".png",),
    "PPM": (".ppm", ".pgm"),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (),
}
MAGIC = (b"\xff\xd8", b"\x89PNG", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"P5", b"P6", b"RIFF")
ORIENTATION = 0x0112  # EXIF tag

# the size is checked here, before anything is decoded; Pillow's own warning would only reach the terminal
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", message="Corrupt EXIF", category=UserWarning)


class ColourFound(Exception):  # noqa: N818 - not an error: the set was taken for grey and must be read in colour
    """A colour image turned up where one channel was asked for."""


@dataclass(frozen=True)
class Form:
    """What images are brought to: [C, H, W], by cropping the middle ("crop", or "crop-256" where the shorter side is
    scaled to more pixels than are kept) or by distorting ("stretch")."""

    channels: int
    height: int
    width: int
    fit: str = "crop"

    @property
    def shape(self) -> tuple[int, int, int]:
        """[C, H, W]."""
        return self.channels, self.height, self.width

    @property
    def margin(self) -> float:
        """By how much an image is scaled larger than what is kept of it; 1 where nothing more is cut off."""
        _, _, scaled = self.fit.partition("-")
        return int(scaled) / min(self.height, self.width) if scaled else 1.0


@dataclass(frozen=True)
class Decoded:
    """A file that was looked at: its pixels, or the reason why it was set aside.

    `image` is uint8 [C, H, W] in the asked form; `width` and `height` are the original's, upright; `notes` say which
    conversions were needed; `content` is that of `content_of`.
    """

    image: np.ndarray | None
    width: int = 0
    height: int = 0
    notes: tuple[str, ...] = ()
    reason: str = ""
    content: str = ""


@dataclass(frozen=True)
class Opened:
    """A decoded original: a PIL image in mode "L" or "RGB", upright, and the conversions that it took."""

    picture: Image.Image
    size: tuple[int, int]  # width and height of the original, upright: a draft is smaller
    notes: tuple[str, ...]


class Unusable(Exception):  # noqa: N818 - a finding about a file, kept in the report
    """The file cannot be used; the text is the reason."""


def decode(path: Path, form: Form) -> Decoded:
    """The image in `path`, in that form; or, whatever is wrong with it, the reason.

    Raises ColourFound if the form has one channel and the image has colours.
    """
    content = ""
    try:
        raw = _read(path)
        content = _digest(raw)  # while the bytes are at hand: a file is read once
        opened = _open(raw, path, least=round(form.margin * min(form.height, form.width)))
        if form.channels == 1 and opened.picture.mode != "L":
            raise ColourFound
        return Decoded(to_array(opened.picture, form), *opened.size, opened.notes, content=content)
    except Unusable as found:
        return Decoded(None, reason=str(found), content=content or str(found))


def content_of(path: Path) -> str:
    """32 hex digits that stand for the bytes of a file, or the reason why it is set aside without being read."""
    try:
        return _digest(_read(path))
    except Unusable as found:
        return str(found)


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Header:
    """What a file says of its image before it is decoded; upright."""

    width: int
    height: int
    mode: str


def probe(path: Path) -> Header:
    """The header of an image file. Raises Unusable with the reason."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            return Header(*(image.size[::-1] if turned else image.size), image.mode)
    except Exception as error:  # whatever is wrong with it is told when it is decoded
        raise Unusable("its header cannot be read") from error


def open_image(path: Path, least: int = 0) -> Opened:
    """The whole image in `path`, upright, as "L" or "RGB". Raises Unusable with the reason.

    With `least` a large JPEG may come reduced by its decoder, to no less than eight times as many pixels a side: that
    is much faster and changes the result of a further reduction by less than a grey level.
    """
    return _open(_read(path), path, least)


def _open(raw: bytes, path: Path, least: int) -> Opened:
    """As `open_image`, from the bytes of the file."""
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Unusable(
                    f"{image.width:,} × {image.height:,} pixels: more than {MOST_PIXELS // 1_000_000} million"
                )
            size, notes = image.size, _notes(image, path)
            if least and image.format in ("JPEG", "MPO"):
                image.draft(None, (8 * least, 8 * least))
            image.load()
            turned = image.getexif().get(ORIENTATION, 1)
            upright = ImageOps.exif_transpose(image) if 1 < turned <= 8 else image
            if turned in (5, 6, 7, 8):
                size = size[::-1]
            return Opened(_plain(upright), size, notes)
    except Unusable:
        raise
    except UnidentifiedImageError as error:
        known = raw.startswith(MAGIC)
        raise Unusable("damaged: its header cannot be read" if known else "not an image: unknown content") from error
    except Image.DecompressionBombError as error:
        raise Unusable(f"more than {MOST_PIXELS // 1_000_000} million pixels") from error
    except MemoryError as error:
        raise Unusable("too large to be decoded in this machine's memory") from error
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error …
        raise Unusable(_damage(error)) from error


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size == 0:
            raise Unusable("zero bytes")
        if size > MOST_BYTES:
            raise Unusable(f"{size / 1e6:,.0f} MB: more than {MOST_BYTES / 1e6:,.0f} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot be read ({reason_of(error)})") from error


def _damage(error: Exception) -> str:
    text = " ".join(str(error).split())[:80]
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "truncated: the end of the file is missing"
    return f"damaged: {text or type(error).__name__}"


def _notes(image: Image.Image, path: Path) -> tuple[str, ...]:
    """Which conversions this image needs, in words."""
    notes = []
    if path.suffix.lower() not in ENDINGS.get(image.format, ()):
        notes.append(f"{image.format} file named {path.suffix.lower()}")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        notes.append("animated: first frame used")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(f"{image.mode} to RGB")
    if image.mode in ("P", "PA"):
        notes.append("palette to RGB")
    if _is_16_bit(image):
        notes.append("16 bits to 8")
    if image.mode == "1":
        notes.append("1 bit to grey")
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        notes.append("transparent: put on white")
    if 1 < image.getexif().get(ORIENTATION, 1) <= 8:
        notes.append("turned upright (EXIF)")
    return tuple(notes)


def _is_16_bit(image: Image.Image) -> bool:
    return image.mode.startswith("I") or (bool(image.tile) and ";16" in str(image.tile[0][3]))


def _plain(image: Image.Image) -> Image.Image:
    """`image` as "L" or "RGB"."""
    if image.mode in ("L", "RGB"):
        if "transparency" not in image.info:
            return image if type(image) is Image.Image else image.copy()
        return _on_white(image.convert("LA" if image.mode == "L" else "RGBA"))
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode == "F":
        raise Unusable("floating-point image: it does not say what is black and what is white")
    if image.mode in ("LA", "La"):
        return _on_white(image.convert("LA"))
    if image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey 0..65535 to 0..255."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65_535:
        raise Unusable("32-bit integer image: it does not say what is black and what is white")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    colour, alpha = image.convert("RGB" if image.mode == "RGBA" else "L"), image.getchannel("A")
    ground = Image.new(colour.mode, colour.size, "white")
    ground.paste(colour, mask=alpha)
    return ground


def to_array(picture: Image.Image, form: Form) -> np.ndarray:
    """uint8 [C, H, W]. "crop" is torchvision's Resize (bilinear, antialiased) of the shorter side, then CenterCrop."""
    picture = picture.convert("L" if form.channels == 1 else "RGB")
    if form.fit == "stretch":
        picture = picture.resize((form.width, form.height), Image.Resampling.BILINEAR)
    elif picture.size != (form.width, form.height) or form.margin > 1:
        picture = _cropped(picture, form)
    pixels = np.asarray(picture)
    return pixels[None] if form.channels == 1 else pixels.transpose(2, 0, 1)


def without_ends(picture: Image.Image) -> Image.Image:
    """The middle of a picture that is longer than 20 times its width: a line of pixels would be scaled up to billions
    before it is cropped."""
    long, short = max(picture.size), min(picture.size)
    if long <= 20 * short:
        return picture
    cut = (long - 20 * short) // 2
    return picture.crop((cut, 0, long - cut, short) if picture.width == long else (0, cut, short, long - cut))


def _cropped(picture: Image.Image, form: Form) -> Image.Image:
    picture = without_ends(picture)
    scale = form.margin * max(form.width / picture.width, form.height / picture.height)
    # the side that decides is met exactly, the other is cut off to a whole pixel, as torchvision's Resize does it
    width = max(form.width, int(picture.width * scale + 1e-6))
    height = max(form.height, int(picture.height * scale + 1e-6))
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - form.width) / 2), round((height - form.height) / 2)
    return picture.crop((left, top, left + form.width, top + form.height))
