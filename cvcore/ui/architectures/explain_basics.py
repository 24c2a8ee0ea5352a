"""Cards: softmax, convolution, pooling, and why networks need non-linearities."""

import numpy as np
import streamlit as st

from cvcore.analysis import explained
from cvcore.analysis.convolution import pool
from cvcore.analysis.geometry.layer import Layer
from cvcore.analysis.geometry.steps import steps
from cvcore.plots import explain as plots
from cvcore.plots import windows
from cvcore.ui.architectures.calculator import FORWARDS
from cvcore.ui.architectures.defaults import put
from cvcore.ui.frame import chart, is_dark
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

START = (-1.0, 1.0, 2.0)
NUMBERS = np.array([[1, 3, 2, 1], [4, 6, 5, 0], [7, 2, 8, 1], [0, 1, 3, 4]])


def softmax(name: str, image: tuple[int, int, int], classes: int) -> None:
    """Three logits and a temperature, and the probabilities made of them."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown(
            "The network's last layer gives one number for each class, the **logits**. Softmax makes "
            "probabilities of them: all positive, and 1 together."
        )
        logits = [
            st.slider(
                f"Logit of class {number}",
                -5.0,
                5.0,
                start,
                0.1,
                key=f"explain-logit-{number}",
                bind="query-params",
                help=f"A raw output of the network: any number. {tip('logits')} {tip('class')}",
            )
            for number, start in enumerate(START, 1)
        ]
        temperature = st.slider(
            "Temperature",
            0.2,
            5.0,
            1.0,
            0.1,
            key="explain-temperature",
            bind="query-params",
            help="What logits are divided by: below 1 sharper, above 1 more even.",
        )
    shares = explained.softmax(np.array(logits), temperature)
    with right:
        told = ", ".join(f"{share:.3f}" for share in shares)
        chart(plots.probabilities(logits, shares), key="explain-softmax", alt=f"Probabilities {told}")
        st.latex(r"p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}")
        powers = [np.exp(value / temperature) for value in logits]
        st.markdown(
            f"e to the power of each: {', '.join(f'{power:.3g}' for power in powers)}; sum {sum(powers):.3g}. "
            f"Divided by the sum: **{told}**."
        )
    st.caption(
        "The same added to all logits changes nothing. Cross-entropy loss has softmax in it "
        "already: a network that is "
        "trained with it should end with logits."
    )


def convolution(name: str, image: tuple[int, int, int], classes: int) -> None:
    """A window that steps over a small image; the number of weights of a layer."""
    st.markdown(
        "A **kernel** of a few weights is laid over the image. Its products with the pixels below are added up: "
        "one output value. Then it moves on by the **stride**. **Padding** adds a rim, so that it fits at the "
        "border."
    )
    with st.container(horizontal=True):
        kernel = st.slider(
            "Kernel",
            1,
            5,
            3,
            key="explain-kernel",
            bind="query-params",
            width=200,
            help=f"F: its rows and columns. {tip('kernel')}",
        )
        stride = st.slider(
            "Stride", 1, 3, 1, key="explain-stride", bind="query-params", width=200, help=f"S. {tip('stride')}"
        )
        padding = st.slider(
            "Padding",
            0,
            2,
            1,
            key="explain-padding",
            bind="query-params",
            width=200,
            help=f"P, on each side. {tip('padding')}",
        )
        layer, size = Layer("conv", (kernel,) * 2, (stride,) * 2, (padding,) * 2), (7, 7)
        rows, columns = output = layer.output(size)
        at = st.slider(
            "Output value",
            1,
            rows * columns + (rows * columns == 1),
            key=f"explain-at-{rows}",
            bind="query-params",
            width=200,
            disabled=rows * columns == 1,
            help="Which of the output's values, row by row.",
        )
    position = divmod(min(at, rows * columns) - 1, columns)
    left, right = st.columns(2)
    for place, cells, title, side in (
        (left, windows.input_cells(layer, size, position), "Input", size),
        (right, windows.output_cells(layer, size, position), "Output", output),
    ):
        figure = windows.grid_figure(cells, dark=is_dark(), title=f"{title}, {shape(side)}", name=title.lower())
        figure.update_layout(height=300)
        chart(figure, key=f"explain-{title}", alt=f"{title} of {shape(side)} cells, one window marked", place=place)
    st.latex(steps(layer.axes[0], size[0])[0].formula)
    if st.button(
        "Open it in the calculator",
        icon=":material/calculate:",
        type="tertiary",
        key="explain-calculator",
        on_click=_open_calculator,
        args=(layer.text,),
        help="There with dilation, height and width apart, and more layers.",
    ):
        st.rerun()
    st.markdown(
        "**Channels.** A filter has one kernel for each input channel, adds up all their sums, and makes one "
        "output channel. A layer has a filter for each output channel."
    )
    with st.container(horizontal=True):
        given = st.number_input(
            "Input channels",
            1,
            2048,
            3,
            key="explain-in",
            bind="query-params",
            width=150,
            help=f"3 for a colour image. {tip('channel')}",
        )
        made = st.number_input(
            "Output channels",
            1,
            2048,
            16,
            key="explain-out",
            bind="query-params",
            width=150,
            help=f"As many as there are filters. {tip('channel')}",
        )
    weights = made * given * kernel * kernel
    st.latex(
        rf"C_\text{{out}}\,(C_\text{{in}} F^2 + 1) = {made}\cdot({given}\cdot {kernel}^2 + 1) = "
        rf"{f'{weights + made:,}'.replace(',', '{,}')}\ \text{{parameters}}"
    )


def _open_calculator(text: str) -> None:
    """Callback: the page's section and what it is to show."""
    put(section="Calculator", question=FORWARDS, side="7", chain=text)


def pooling(name: str, image: tuple[int, int, int], classes: int) -> None:
    """Windows of 2×2 numbers and what is kept of each."""
    st.markdown(
        "Pooling keeps **one number for each window** and so makes the image smaller. It has no weights, and "
        "leaves channels apart."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Kept",
            ["max", "average"],
            default="max",
            required=True,
            key="explain-kept",
            bind="query-params",
            help="The largest value, or the mean.",
        )
        shifted = st.toggle(
            "Move the image by one pixel", key="explain-shifted", bind="query-params", help="To the right, cyclically."
        )
    values = np.roll(NUMBERS, 1, axis=1) if shifted else NUMBERS
    result = pool(values, 2, kind=kind)[0]
    groups = np.kron(np.arange(4).reshape(2, 2), np.ones((2, 2), int))
    left, right = st.columns(2)
    chart(
        plots.number_grid(values, "Input, 4×4", groups=groups, dark=is_dark()),
        key="explain-pool-in",
        alt="Sixteen numbers in four windows of 2×2",
        place=left,
    )
    chart(
        plots.number_grid(result, "Output, 2×2", groups=np.arange(4).reshape(2, 2), dark=is_dark()),
        key="explain-pool-out",
        alt=f"The four values kept: {result.ravel().tolist()}",
        place=right,
    )
    first = ", ".join(str(value) for value in values[:2, :2].ravel())
    st.markdown(f"First window: **{kind}({first}) = {result[0, 0]:g}**.")
    st.caption(
        "Max pooling says whether something was there, average pooling how much of it. Where it stood inside the "
        "window is forgotten, so a small shift of the image may change little."
    )


def nonlinearity(name: str, image: tuple[int, int, int], classes: int) -> None:
    """A network of two layers that fits a curve, with and without a non-linearity between them."""
    st.markdown(
        "Two linear layers, one after the other, **are one linear layer**: their matrices can be multiplied. "
        "However many there are, only straight lines come out, unless something bent stands between them."
    )
    left, right = st.columns([2, 3], gap="medium")
    with left:
        activation = st.segmented_control(
            "Between the layers",
            explained.ACTIVATIONS,
            default="none",
            required=True,
            key="explain-activation",
            bind="query-params",
            help=f"ReLU: max(0, x). {tip('non-linearity')} {tip('layer')}",
        )
        units = st.slider(
            "Hidden units",
            1,
            explained.MOST_UNITS,
            8,
            key="explain-units",
            bind="query-params",
            help="Numbers between the two layers.",
        )
        st.latex(r"W_2\,(W_1 x) = (W_2 W_1)\,x" if activation == "none" else r"W_2\,\sigma(W_1 x) \ne (W_2 W_1)\,x")
    x = np.linspace(-3, 3, 241)
    wanted, found = explained.curve(x), explained.fitted_curve(x, units, activation)
    error = float(np.sqrt(np.mean((wanted - found) ** 2)))
    with right:
        alt = f"A curve and what {units} hidden units with {activation} make of it"
        chart(plots.fit(x, wanted, found), key="explain-fit", alt=alt)
    told = "a straight line, with 1 unit as with 32" if activation == "none" else "bends where its units bend"
    st.markdown(f"What comes out: **{told}**. Mean error {error:.3f} (root of the mean square).")
    st.caption(
        "The first layer is fixed, with its bends spread evenly; the second is the best there is (least squares), "
        "computed as you move the slider."
    )
