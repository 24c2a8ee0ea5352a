"""Try it: a finished run looks at test images, at a drawing, at a file, through the camera."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from cvcore.plots import sheet, tried
from cvcore.training.run import Run
from cvcore.ui import uploads
from cvcore.ui.datasets.originals import original
from cvcore.ui.frame import chart, escaped, is_dark
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.training import finished

if TYPE_CHECKING:
    from cvcore.training.predict import Classifier, Seen

TEST, DRAW, UPLOAD, CAMERA = "Test images", "Draw", "Upload", "Camera"
AT_ONCE = 5
TILE = 74  # screen pixels of one of several pictures
LARGE = 280  # of a picture that is alone


def show(runs: Sequence[Run]) -> None:
    """A choice of sources, then what the network says of what comes from there."""
    run = finished.choose(runs, "try-run")
    if run is None:
        return
    wait_for_torch()
    classifier = _classifier(run.run_id, run.when, run)
    source = st.segmented_control(
        "Picture from",
        [TEST, DRAW, UPLOAD, CAMERA],
        default=TEST,
        required=True,
        key="try",
        bind="query-params",
        help="Whatever it comes from, it takes the path of the training images: working size, then normalisation.",
    )
    {TEST: _test_images, DRAW: _drawing, UPLOAD: _upload, CAMERA: _camera}[source](classifier)


@st.cache_resource(max_entries=4, show_spinner="Loading the network …")
def _classifier(run_id: str, when: float, _run: Run) -> Classifier:
    from cvcore.training.predict import load

    return load(_run)


# --- test images -----------------------------------------------------------------------------------------------------


def _test_images(classifier: Classifier) -> None:
    """Five test images with truth and prediction; buttons for others."""
    test = classifier.dataset.test
    places = _places(classifier, len(test))
    labels = np.asarray(test.labels)[places]
    seen = classifier.look(np.asarray(test.images)[places])
    right = sum(one.top[0].label == label for one, label in zip(seen, labels, strict=True))
    total = classifier.run.end["test"]["acc"]
    st.markdown(f"**{right} of these {len(seen)} right.** Of all {len(test):,} test images: {total:.1%}.")
    with st.container(horizontal=True, gap="small"):
        for place, label, one in zip(places, labels, seen, strict=True):
            with st.container(width=2 * TILE + 8, gap="xsmall"):
                _card(classifier, int(place), int(label), one)
    signed = ": vermilion below 0, blue above" if classifier.form.channels == 1 else ""
    st.caption(
        f"Left the picture, right what the network was given, at its size and normalised{signed}. "
        "A green bar is the true class."
    )


def _places(classifier: Classifier, total: int) -> list[int]:
    """Indices of the images that are shown, in the visitor's session."""
    key = f"try-places-{classifier.run.run_id}"
    shown: list[int] = st.session_state.setdefault(key, list(range(min(AT_ONCE, total))))
    with st.container(horizontal=True):
        if st.button("Next five", icon=":material/arrow_forward:", help="The five after these, in stored order"):
            start = (shown[-1] + 1) % total
            shown = st.session_state[key] = [(start + step) % total for step in range(min(AT_ONCE, total))]
        if st.button("Random five", icon=":material/shuffle:", help="Five drawn at random"):
            shown = st.session_state[key] = sorted(random.sample(range(total), min(AT_ONCE, total)))
    return shown


def _card(classifier: Classifier, place: int, label: int, seen: Seen) -> None:
    """One test image: the picture beside the tensor, truth and prediction, the likeliest classes."""
    truth, said = classifier.classes[label], seen.top[0]
    picture = original(classifier.dataset, "test", place)
    pixels = seen.pixels if picture is None else _bounded(picture)
    both = sheet.contact_sheet(
        [pixels, tried.as_picture(seen.tensor, dark=is_dark())],
        ["", ""],
        columns=2,
        tile=2 * TILE,
        gap=16,
        caption=1,
        dark=is_dark(),
    )
    st.image(sheet.as_png(both), width=2 * TILE + 8, alt=f"Test image {place}, {truth}, and the tensor that it became")
    mark = ":green[:material/check:]" if said.label == label else ":red[:material/close:]"
    wrong = "" if said.label == label else f", is {escaped(truth)}"
    st.markdown(f"{mark} **{escaped(said.name)}**{wrong} :small[:gray[· {place:,}]]")
    st.html(tried.bars([each.name for each in seen.top], [each.probability for each in seen.top], truth))


def _bounded(picture: Image.Image) -> np.ndarray:
    """uint8 [C, h, w] of an original, no larger than it is shown."""
    small = picture.copy()
    small.thumbnail((2 * TILE, 2 * TILE))
    pixels = np.asarray(small)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


# --- one picture -----------------------------------------------------------------------------------------------------


def _drawing(classifier: Classifier) -> None:
    from cvcore.training import drawn
    from cvcore.training.predict import drawn_only
    from cvcore.ui.training.canvas_drawing import draw

    drawn_only(classifier)
    left, right = _halves()
    with left:
        strokes = draw("Sheet to draw on, with mouse, finger or pen", "Draw here", key="drawing")
    with right:
        ink = drawn.paint(strokes)
        pixels = drawn.as_trained(ink, classifier.manner, classifier.form)
        if pixels is None:
            st.info(
                f"Draw {_what(classifier.classes)} with mouse, finger or pen. The answer comes when you lift it.",
                icon=":material/draw:",
            )
            return
        _answer(classifier, pixels)
        box = classifier.manner.box
        st.caption(
            f"Prepared as MNIST was: the longer side of your ink becomes {box} of {classifier.form.height} pixels, as "
            f"in the images that the run was trained on, and the centre of its mass goes to the middle."
        )


def _what(classes: Sequence[str]) -> str:
    """What there is to draw, in words."""
    if tuple(classes) == tuple("0123456789"):
        return "a digit"
    told = ", ".join(classes[:6]) + (" …" if len(classes) > 6 else "")
    return escaped(f"one of the {len(classes)} classes ({told})")


def _upload(classifier: Classifier) -> None:
    left, right = _halves()
    with left:
        given = uploads.uploaded("try-upload")
    _given(classifier, given, left, right)


def _camera(classifier: Classifier) -> None:
    left, right = _halves()
    with left:
        file = st.camera_input(
            "Camera", key="try-camera", help="The photograph is shown to you only and saved nowhere."
        )
        given = uploads.given("the photograph", file.getvalue()) if file else None
    _given(classifier, given, left, right)


def _halves() -> tuple:
    """Places for a picture and for what is said of it."""
    left, right = st.columns([1, 2], gap="large")
    return left, right


def _given(classifier: Classifier, given: uploads.Given | None, left, right) -> None:
    """What the network says of a picture that was given; for grey sets it can be prepared like a drawing."""
    if given is None:
        return
    from cvcore.training import drawn

    as_ink = False
    with left:
        if classifier.form.channels == 1:
            as_ink = st.toggle(
                "Ink on paper",
                key="try-ink",
                help="For something drawn or written on paper: finds the ink and makes it as light, as large and as "
                "centred as that of the training images. Off: the whole picture is scaled, as files of a set are.",
            )
        small = given.picture.copy()
        small.thumbnail((2 * LARGE, 2 * LARGE))
        st.image(sheet.as_png(small), width=min(LARGE, small.width), alt=f"Your image {given.name}")
    with right:
        pixels = classifier.pixels(given.picture)
        if as_ink:
            pixels = drawn.as_trained(drawn.ink_on_paper(given.picture), classifier.manner, classifier.form)
            if pixels is None:
                st.info("There is no ink that stands out from the paper in this picture.", icon=":material/info:")
                return
        _answer(classifier, pixels)
        known = ", ".join(classifier.classes[:8]) + (" …" if len(classifier.classes) > 8 else "")
        st.caption(
            f"The network knows {len(classifier.classes)} classes ({escaped(known)}) and nothing else: whatever it is "
            "shown, it answers with one of them, and may be sure and wrong."
        )


def _answer(classifier: Classifier, pixels: np.ndarray) -> None:
    """The likeliest class in words, the tensor, the bars."""
    seen = classifier.look(pixels[None])[0]
    first = seen.top[0]
    st.markdown(f"#### {escaped(first.name)} :small[:gray[· {first.probability:.1%}]]")
    one, two = st.columns([1, 1], gap="medium")
    names, shares = [each.name for each in seen.top], [each.probability for each in seen.top]
    told = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares, strict=True))
    chart(tried.likeliest(names, shares), key="try-top", alt=f"The likeliest classes: {told}", place=one)
    with two:
        figure = tried.tensor(seen.tensor, dark=is_dark(), height=260)
        chart(figure, key="try-tensor", alt="The tensor that the network was given", width=240)
        size = "×".join(map(str, seen.tensor.shape))
        low, high = float(seen.tensor.min()), float(seen.tensor.max())
        st.caption(f"What the network was given: {size} numbers from {low:.2f} to {high:.2f}.".replace("-", "−"))
