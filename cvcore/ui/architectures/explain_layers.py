"""Cards: stacks of 3×3 convolutions, 1×1 convolutions, and layers that behave otherwise in training."""

import numpy as np
import streamlit as st

from cvcore.analysis import explained
from cvcore.plots import explain as plots
from cvcore.ui.frame import chart, is_dark
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import short

SIDE = 64  # of the picture made here, px


def stacks(name: str, image: tuple[int, int, int], classes: int) -> None:
    """Several 3×3 layers against one layer with the same field."""
    st.markdown(
        "Three 3×3 convolutions see as far as one 7×7, with **fewer weights** and a non-linearity after each. "
        "That is the idea of VGG."
    )
    with st.container(horizontal=True):
        layers = st.slider(
            "3×3 layers",
            2,
            5,
            3,
            key="explain-stack",
            bind="query-params",
            width=220,
            help=f"One after the other, stride 1. {tip('layer')}",
        )
        channels = st.select_slider(
            "Channels C",
            [1, 16, 64, 128, 256, 512],
            64,
            key="explain-channels",
            bind="query-params",
            width=220,
            help=f"In and out of every layer. {tip('channel')}",
        )
    side, many, one = explained.stack_against_one(layers, channels)
    left, right = st.columns([2, 3], gap="medium")
    alt = f"{side} by {side} pixels in rings, one for each layer"
    chart(plots.nested_fields(layers, dark=is_dark()), key="explain-rings", alt=alt, place=left)
    names = [f"{layers} × 3×3", f"1 × {side}×{side}"]
    texts = [f"{many:,}", f"{one:,}"]
    figure = plots.pairs_of_bars(names, [many, one], texts, "weights")
    chart(figure, key="explain-weights", alt=f"{names[0]}: {texts[0]} weights, {names[1]}: {texts[1]}", place=right)
    with right:
        st.latex(rf"{layers}\cdot 9C^2 = {9 * layers}C^2 \quad\text{{against}}\quad {side}^2C^2 = {side**2}C^2")
        st.markdown(
            f"The field grows by 2 with every layer: 1 + 2·{layers} = **{side}**. The stack has "
            f"**{100 * (1 - many / one):.0f} % fewer weights**, without biases."
        )


def pointwise(name: str, image: tuple[int, int, int], classes: int) -> None:
    """A 1×1 convolution mixes the channels of each pixel."""
    st.markdown(
        "A 1×1 convolution looks at **one pixel at a time** and mixes its channels. With three weights it makes "
        "a grey image of a coloured one."
    )
    with st.container(horizontal=True):
        weights = [
            st.slider(
                f"Weight of {colour}",
                -1.0,
                1.0,
                start,
                0.05,
                key=f"explain-{colour}",
                bind="query-params",
                width=200,
                help="What this channel is multiplied with, at every pixel.",
            )
            for colour, start in (("red", 0.3), ("green", 0.6), ("blue", 0.1))
        ]
    pixels = _picture()
    mixed = np.clip(pixels @ np.array(weights), 0, 255).astype(np.uint8)
    left, right = st.columns(2)
    chart(plots.picture(pixels, "3 channels in"), key="explain-colour", alt="Coloured discs", place=left)
    chart(
        plots.picture(np.repeat(mixed[..., None], 3, axis=2), "1 channel out"),
        key="explain-grey",
        alt="The same discs in grey, as the weights mix the colours",
        place=right,
    )
    st.markdown(
        "**What networks use it for:** to have fewer channels where it is expensive. 3×3 on 256 channels, "
        "directly and through a bottleneck:"
    )
    narrow = st.select_slider(
        "Channels in the bottleneck",
        [16, 32, 64, 128, 256],
        64,
        key="explain-narrow",
        bind="query-params",
        width=320,
        help=f"1×1 to so many, 3×3 there, 1×1 back to 256. {tip('bottleneck')} {tip('channel')}",
    )
    direct, through = 9 * 256**2, 2 * 256 * narrow + 9 * narrow**2
    figure = plots.pairs_of_bars(
        ["3×3 directly", "1×1, 3×3, 1×1"], [direct, through], [short(direct), short(through)], "weights"
    )
    chart(figure, key="explain-bottleneck", alt=f"{direct:,} weights directly, {through:,} through a bottleneck")
    sums = (
        rf"9\cdot 256^2 &= {direct:,}",
        rf"256\cdot {narrow} + 9\cdot {narrow}^2 + {narrow}\cdot 256 &= {through:,}",
    )
    st.latex(r"\begin{aligned} " + r" \\ ".join(sums).replace(",", "{,}") + r" \end{aligned}")


def train_and_eval(name: str, image: tuple[int, int, int], classes: int) -> None:
    """BatchNorm and Dropout, in training and in evaluation mode."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Layer",
            ["BatchNorm", "Dropout"],
            default="BatchNorm",
            required=True,
            key="explain-which",
            bind="query-params",
            help=f"Both do one thing in training and another after it. {tip('layer')}",
        )
        mode = st.segmented_control(
            "Mode",
            ["train", "eval"],
            default="train",
            required=True,
            key="explain-mode",
            bind="query-params",
            help=f"model.train() and model.eval(). {tip('training mode')} {tip('evaluation mode')}",
        )
    (_batch_norm if which == "BatchNorm" else _dropout)(mode == "train")


def _batch_norm(training: bool) -> None:
    with st.container(horizontal=True):
        centre = st.slider(
            "Mean of this batch",
            -4.0,
            6.0,
            3.0,
            0.5,
            key="explain-mean",
            bind="query-params",
            width=220,
            help=f"Of one channel, before the layer. {tip('batch')}",
        )
        width = st.slider(
            "Spread of this batch",
            0.5,
            3.0,
            2.0,
            0.1,
            key="explain-spread",
            bind="query-params",
            width=220,
            help=f"Standard deviation of that channel. {tip('batch')}",
        )
        running = st.slider(
            "Running mean",
            -4.0,
            6.0,
            1.0,
            0.5,
            key="explain-running",
            bind="query-params",
            width=220,
            disabled=training,
            help="What training has averaged; used in eval mode only. Its variance is 1 here.",
        )
    values = centre + width * np.random.default_rng(0).standard_normal(400)
    mean, deviation = (values.mean(), values.std()) if training else (running, 1.0)
    after = (values - mean) / np.sqrt(deviation**2 + 1e-5)
    chart(
        plots.spread(values, after),
        key="explain-norm",
        alt=f"Values before, and after with mean {after.mean():.2f} and spread {after.std():.2f}",
    )
    st.latex(r"y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta")
    source = "this batch's own" if training else "the running averages, whatever the batch is"
    st.markdown(
        f"In **{'train' if training else 'eval'}** mode µ and σ are {source}: after it, mean "
        f"**{after.mean():.2f}**, spread **{after.std():.2f}** (with γ = 1, β = 0)."
    )
    st.caption(
        "A prediction must not depend on the images beside it, hence eval mode. A network left in train mode also "
        "keeps moving its running averages, even where its weights are frozen."
    )


def _dropout(training: bool) -> None:
    with st.container(horizontal=True):
        share = st.slider(
            "Dropped share p",
            0.0,
            0.9,
            0.5,
            0.1,
            key="explain-share",
            bind="query-params",
            width=220,
            help=f"How probable it is for a value to be set to zero. {tip('dropout')}",
        )
        seed = st.number_input(
            "Draw",
            1,
            999,
            1,
            key="explain-draw",
            bind="query-params",
            width=120,
            help="Every batch is another draw.",
            disabled=not training,
        )
    values = np.random.default_rng(5).uniform(0.2, 2.0, 24)
    kept = np.random.default_rng(seed).random(24) >= share
    after = values * kept / (1 - share) if training else values
    chart(plots.dropped(values, after), key="explain-drop", alt=f"24 values, {24 - int(kept.sum())} of them dropped")
    st.latex(r"y = \frac{m\,x}{1 - p},\quad m = 0 \text{ with probability } p" if training else r"y = x")
    if training:
        st.markdown(
            f"**{24 - int(kept.sum())} of 24** values are zero, the others {1 / (1 - share):.3g} times as large. "
            f"Over many draws the mean stays; in this one it was {values.mean():.2f} and is {after.mean():.2f}."
        )
    else:
        st.markdown("In **eval** mode nothing is dropped and nothing scaled: values pass as they are.")


def _picture() -> np.ndarray:
    """Discs of red, green and blue that overlap, uint8 [SIDE, SIDE, 3]."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centres = ((22, 32), (40, 22), (40, 42))
    discs = [np.hypot(rows - row, columns - column) < 17 for row, column in centres]
    return np.stack([np.where(disc, 235, 25) for disc in discs], axis=2).astype(np.uint8)
