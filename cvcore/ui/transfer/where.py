"""Where do they look? Grad-CAM of every strategy's network on the same test image."""

import numpy as np
import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.plots.feature_maps import mosaic
from cvcore.plots.sheet import as_png
from cvcore.training.run import Run
from cvcore.ui import data as ui_data
from cvcore.ui.frame import escaped
from cvcore.ui.gradcam import EXPLANATION, choose_opacity, choose_target, draw
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.training.inside_data import cam
from cvcore.ui.training.inside_image import Subject, choose_image
from cvcore.ui.training.predictions_runs import percent
from cvcore.ui.transfer.look import Look

SIDE = 170  # screen pixels of a picture: two beside each other on a phone
LAST = ""  # the layer: the last maps of each network
RIGHT, WRONG = ":green[:material/check:]", ":red[:material/close:]"


def show(look: Look) -> None:
    """The controls, then the image and every strategy's map of it in a row."""
    done = look.done
    if not done:
        st.info("Nothing has been trained to its end yet: press Train all.", icon=":material/visibility:")
        return
    wait_for_torch()
    data = next(iter(done.values())).config.data
    dataset = ui_data.opened(data.name, data.size, data.fit)
    subject = choose_image(dataset, list(done.values()), shown=False)
    if subject is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = choose_target(dataset.classes)
        opacity = choose_opacity()
    with st.container(horizontal=True, gap="small"):
        with st.container(width=SIDE, gap="xsmall"):
            _image(subject)
        for title, run in done.items():
            with st.container(width=SIDE, gap="xsmall"):
                _one(title, run, subject, target, opacity)
    st.caption("Bright places spoke for the class, in the last maps of each network; each map has its own scale.")
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _image(subject: Subject) -> None:
    st.markdown("**The image**")
    pixels, _ = subject.pixels(subject.dataset)
    st.image(as_png(mosaic(pixels[None], 1, SIDE, 0)), alt=subject.text, width=SIDE)
    st.markdown(f"is **{escaped(subject.name)}**")


def _one(title: str, run: Run, subject: Subject, target: int | None, opacity: float) -> None:
    """A strategy's map, what it predicts, and how sure it is."""
    st.markdown(f"**{title}**")
    image, key = subject.pixels(subject.dataset)
    try:
        found = cam(run, image, key, LAST, target)
    except CvcoreError as error:  # of this one: the others are drawn
        st.caption(escaped(str(error)))
        return
    names, shares = subject.dataset.classes, found.probabilities
    if not np.isfinite(found.values).all():
        st.caption("Its numbers are not finite: the training diverged.")
        return
    alt = f"Grad-CAM of {title} for {names[found.target]} on {subject.text}"
    draw(run, found, image, key, LAST, opacity=opacity, height=SIDE + 8, alt=alt)  # and its margins
    said = int(shares.argmax())
    mark = RIGHT if said == subject.label else WRONG
    st.markdown(f"{mark} **{escaped(names[said])}** :small[{percent(shares[said])}]")
    if found.target != said:
        st.caption(f"The map is for {escaped(names[found.target])}, {percent(shares[found.target])}.")
    if found.is_empty:
        st.caption("No place speaks for this class.")
