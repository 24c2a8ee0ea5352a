"""Pictures that visitors give: a file or a photograph, bounded, decoded as files of a set are, saved nowhere."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from cvcore.data.files.decode import Unusable, open_image
from cvcore.errors import DataError

MOST_MB = 20
MOST_SIDE = 1024  # pixels: a picture is kept no larger
ENDINGS = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif"]


@dataclass(frozen=True)
class Given:
    """A picture, upright, "L" or "RGB"; `digest` tells it from all others."""

    name: str
    digest: str
    picture: Image.Image


def uploaded(key: str, **options) -> Given | None:
    """The picture in the file that is chosen; None before. Raises DataError in one line for what is none."""
    file = st.file_uploader(
        "Image file",
        type=ENDINGS,
        max_upload_size=MOST_MB,
        key=key,
        help=f"One image of at most {MOST_MB} MB. It is shown to you only and saved nowhere.",
        **options,
    )
    return None if file is None else given(file.name, file.getvalue())


def given(name: str, content: bytes) -> Given:
    """The picture in the bytes of a file. Raises DataError in one line for what is none, or too large."""
    if len(content) > MOST_MB * 1e6:
        raise DataError(f"{name} has {len(content) / 1e6:,.0f} MB: choose an image of at most {MOST_MB} MB")
    digest = hashlib.sha256(content).hexdigest()
    return Given(name, digest, _decoded(digest, name, content))


@st.cache_resource(max_entries=4, show_spinner=False)
def _decoded(digest: str, _name: str, _content: bytes) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"upload{Path(_name).suffix.lower()[:6]}"
        file.write_bytes(_content)
        try:
            found = open_image(file, least=MOST_SIDE // 8).picture
        except Unusable as error:
            raise DataError(f"{_name} cannot be used ({error}): choose another image") from error
    found.thumbnail((MOST_SIDE, MOST_SIDE))
    return found
