"""Pictures to look at: examples that are here, a file, a photograph."""

import random
from pathlib import Path

import streamlit as st

from cvcore.data import catalog
from cvcore.ui import data as ui_data
from cvcore.ui import uploads
from cvcore.ui.datasets import originals

EXAMPLES, UPLOAD, CAMERA = "Examples", "Upload", "Camera"
PHOTOGRAPHS = "photographs"  # of scikit-learn: a flower and a temple, which are on every disk


def picture_from(source: str) -> uploads.Given | None:
    """The picture that is chosen; None before."""
    return {EXAMPLES: _example, UPLOAD: _upload, CAMERA: _camera}[source]()


def _example() -> uploads.Given | None:
    """A photograph of a set that is here, and buttons for others."""
    sets = [PHOTOGRAPHS, *(name for name in catalog.names() if _is_photographs(name))]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Examples of",
            sets,
            index=1 if "cats-dogs" in sets[1:2] else 0,
            key="examples",
            width=220,
            help="Two photographs that are always here, and the test images of sets of photographs on this disk.",
        )
        pictures = _Photographs() if chosen == PHOTOGRAPHS else _OfSet(chosen)
        place = st.session_state.setdefault(f"example-{chosen}", 0)
        if st.button("Next", icon=":material/arrow_forward:", help="The one after this"):
            place += 1
        if st.button("Random", icon=":material/shuffle:", help="Any of them"):
            place = random.randrange(len(pictures))
        st.session_state[f"example-{chosen}"] = place = place % len(pictures)
    return pictures.at(place)


def _is_photographs(name: str) -> bool:
    entry = catalog.entry(name)
    return entry.state == "on disk" and entry.varied and entry.image[:1] == (3,)


class _Photographs:
    """The photographs that scikit-learn brings along."""

    def __init__(self) -> None:
        from sklearn import datasets

        self.files = sorted((Path(datasets.__file__).parent / "images").glob("*.jpg"), reverse=True)

    def __len__(self) -> int:
        return len(self.files)

    def at(self, place: int) -> uploads.Given:
        return uploads.given(self.files[place].name, self.files[place].read_bytes())


class _OfSet:
    """The test images of a set, as large as they are."""

    def __init__(self, name: str) -> None:
        self.dataset = ui_data.opened(name)

    def __len__(self) -> int:
        return len(self.dataset.test)

    def at(self, place: int) -> uploads.Given:
        digest = f"{self.dataset.fingerprint}-{place}"
        truth = self.dataset.classes[int(self.dataset.test.labels[place])]
        return uploads.Given(f"{truth} {place}", digest, originals.picture(self.dataset, "test", place))


def _upload() -> uploads.Given | None:
    given = uploads.uploaded("network-upload")
    if given is None:
        st.info("Choose a picture: the names appear on it.", icon=":material/image:")
    return given


def _camera() -> uploads.Given | None:
    file = st.camera_input("Camera", key="network-camera", help="The photograph is shown to you only, saved nowhere.")
    return uploads.given("the photograph", file.getvalue()) if file else None
