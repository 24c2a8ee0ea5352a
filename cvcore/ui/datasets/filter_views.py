"""The pictures of the filters section: input, kernel and output, one pixel worked out, and each channel by itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cvcore.analysis import convolution as conv
from cvcore.analysis.arithmetic import Arithmetic, PoolArithmetic, number_text, whole_form
from cvcore.plots import channels, filter_text, filters
from cvcore.ui.datasets.filter_controls import Choice, preset_kernel
from cvcore.ui.datasets.filter_images import Picture
from cvcore.ui.frame import chart, is_dark
from cvcore.ui.numbers import shape

POOLED = {
    "max": "Each output pixel is the **largest** of a {0}×{0} window.",
    "average": "Each output pixel is the **mean** of a {0}×{0} window.",
}


@dataclass(frozen=True)
class Filtering:
    """A choice with its kernel ([C, kh, kw] or [kh, kw]; None for pooling), applied to images with channels `names`."""

    choice: Choice
    kernel: np.ndarray | None
    names: tuple[str, ...]

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the window, pixels."""
        return (self.choice.size,) * 2 if self.kernel is None else self.kernel.shape[-2:]

    @property
    def edited(self) -> bool:
        """Whether the kernel is no longer the preset's."""
        return self.kernel is not None and not np.array_equal(
            self.kernel, np.broadcast_to(preset_kernel(self.choice), self.kernel.shape)
        )

    @property
    def signed(self) -> bool:
        """Whether the output is drawn on a scale centred at zero; pooling makes pictures."""
        return self.kernel is not None and not self.choice.grey

    def scale(self, *outputs: np.ndarray) -> tuple[float, float]:
        """From which value to which these outputs are drawn: both sides of zero, or grey levels, or bytes."""
        low, high = min(each.min() for each in outputs), max(each.max() for each in outputs)
        if self.signed:
            limit = max(abs(low), abs(high), 1e-9)
            return -limit, limit
        if self.kernel is None:
            return 0.0, bytes_high(high)
        return float(low), float(max(high, low + 1e-9))

    @property
    def _steps(self) -> dict:
        choice = self.choice
        if self.kernel is not None:
            return {"padding": choice.padding, "mode": choice.mode, "stride": choice.stride}
        return {"padding": choice.padding, "stride": choice.stride, "kind": choice.pooling}

    def parts(self, image: np.ndarray) -> np.ndarray:
        """What each channel gives, [C, H', W']."""
        if self.kernel is not None:
            return conv.channel_sums(image, self.kernel, **self._steps)
        return conv.pool(image, self.choice.size, **self._steps, count_include_pad=self.choice.counted)

    def values(self, image: np.ndarray) -> np.ndarray:
        """The output: [1, H', W'] of a convolution, [C, H', W'] of pooling."""
        parts = self.parts(image)
        return parts if self.kernel is None else parts.sum(axis=0, keepdims=True) + self.choice.bias

    def padded(self, image: np.ndarray) -> np.ndarray:
        """The image with its padding, [C, H + 2P, W + 2P]; NaN in the padding of max pooling."""
        if self.choice.pooling == "max":
            return np.pad(image.astype(float), ((0, 0), *[(self.choice.padding,) * 2] * 2), constant_values=np.nan)
        return conv.pad(image, self.choice.padding, self.choice.mode if self.kernel is not None else "zeros")

    def at(self, image: np.ndarray, pixel: tuple[int, int]) -> Arithmetic | PoolArithmetic:
        """How the output at `pixel` comes about."""
        if self.kernel is not None:
            return conv.arithmetic(image, self.kernel, *pixel, **self._steps, bias=self.choice.bias)
        return conv.pool_arithmetic(
            image, self.choice.size, *pixel, **self._steps, count_include_pad=self.choice.counted
        )

    def hover(self, image: np.ndarray) -> filter_text.Hover:
        """What pointing at each output pixel tells."""
        if self.kernel is not None:
            windows, weights = conv.conv_windows(image, self.kernel, **self._steps)
            return filter_text.convolution_hover(windows, weights, self.parts(image), self.choice.bias, self.names)
        steps = (self.choice.size, self.choice.stride, self.choice.padding)
        divisors = conv.pool_divisors(image, *steps, self.choice.counted)
        windows = conv.pool_windows(image, self.choice.size, **self._steps)
        return filter_text.pooling_hover(windows, self.choice.pooling, divisors, self.parts(image), self.names)


def show_input(place, picture: Picture, filtering: Filtering, arithmetic: Arithmetic | PoolArithmetic) -> None:
    """The image, with the window of the chosen pixel on it."""
    figure = filters.input_figure(
        filtering.padded(picture.image),
        padding=filtering.choice.padding,
        window=(arithmetic.top, arithmetic.left, *filtering.window),
        high=bytes_high(picture.image.max()),
        title=f"Input {shape(picture.image.shape)}",
    )
    with place:
        chart(figure, key="filters-input", alt=f"The image {picture.name} with the window of the chosen output pixel")


def show_kernel(place, filtering: Filtering) -> None:
    """The weights, or what pooling does in a sentence."""
    if filtering.kernel is None:
        size = filtering.choice.size
        place.markdown(POOLED[filtering.choice.pooling].format(size) + " No weights; channels stay apart.")
        return
    each = filtering.kernel if filtering.kernel.ndim == 3 else filtering.kernel[None]
    for name, kernel in zip(filtering.names if len(each) > 1 else ("",), each, strict=True):
        size = shape(kernel.shape)
        title = (f"Kernel of {name} {size}" if name else f"Kernel {size}") + (", edited" if filtering.edited else "")
        with place:
            figure = filters.kernel_figure(kernel, dark=is_dark(), title=title, height=250 if len(each) == 1 else 150)
            chart(figure, key=f"filters-kernel-{name}", alt=f"{title}: its weights")


def show_output(
    place,
    picture: Picture,
    values: np.ndarray,
    filtering: Filtering,
    pixel: tuple[int, int],
    key: str,
    on_click: Callable[[], None],
) -> None:
    """The output; pointing tells the arithmetic, clicking calls `on_click`."""
    figure = filters.output_figure(
        values,
        filtering.hover(picture.image),
        pixel=pixel,
        dark=is_dark(),
        signed=filtering.signed,
        scale=filtering.scale(values),
        title=f"Output {shape(values.shape)}",
    )
    with place:
        chart(
            figure,
            key=key,
            alt=f"What the filter makes of the image {picture.name}",
            on_select=on_click,
            selection_mode="points",
        )


def work_out(arithmetic: Arithmetic | PoolArithmetic, filtering: Filtering) -> None:
    """The chosen pixel as small grids of numbers, each channel in a row, and the sums written out."""
    rows = []
    for channel, name in enumerate(filtering.names):
        if isinstance(arithmetic, Arithmetic):
            pieces = _product(arithmetic, channel)
        else:
            value = number_text(arithmetic.values[channel])
            pieces = [_grid(arithmetic.window[channel], "window"), _value(value, filtering.choice.pooling)]
        rows.append(_row(name, [*pieces, _sentence(arithmetic.text(channel))]))
    st.html("".join(rows))
    if isinstance(arithmetic, Arithmetic) and (len(filtering.names) > 1 or arithmetic.bias):
        names = filtering.names if len(filtering.names) > 1 else ("sum",)
        st.markdown(f"Together: **{arithmetic.total_text(names)}**")


def show_channels(picture: Picture, values: np.ndarray, filtering: Filtering) -> None:
    """Each channel by itself, and what they give together."""
    st.subheader("Channel by channel", anchor=False)
    if filtering.kernel is not None:
        said = "Each channel meets its slice of the kernel (below); the three results are added, with the bias, if any."
    else:
        said = "Each channel is pooled by itself; together they are a colour image again."
    st.caption(said)
    figure = channels.channels_figure(
        picture.image,
        filtering.parts(picture.image),
        values,
        filtering.names,
        dark=is_dark(),
        signed=filtering.kernel is not None,
    )
    chart(figure, key="filters-channels", alt=f"The channels of {picture.name}, what each gives, and the result")


def bytes_high(largest: float) -> float:
    """What is drawn white: 255, or the largest of small numbers made by hand."""
    return 255.0 if largest > 15 else max(float(largest), 1.0)


def _product(arithmetic: Arithmetic, channel: int) -> list[str]:
    """window × kernel = products → sum"""
    weights, divisor = whole_form(arithmetic.kernel[channel])
    window, value = arithmetic.window[channel], number_text(arithmetic.sums[channel])
    products = window * weights
    total = f"{number_text(products.sum())} ÷ {divisor} = {value}" if divisor > 1 else value
    return [
        _grid(window, "window"),
        _sign("×"),
        _grid(weights, "kernel", signed=True),
        _sign("="),
        _grid(products, "products", signed=True),
        _value(total, "sum"),
    ]


def _row(name: str, pieces: list[str]) -> str:
    label = f'<div style="width:1.2em;font-weight:600">{name}</div>' if name else ""
    style = "display:flex;flex-wrap:wrap;align-items:center;gap:10px;margin-bottom:12px"
    return f'<div style="{style}">{label}{"".join(pieces)}</div>'


def _grid(values: np.ndarray, name: str, *, signed: bool = False) -> str:
    table = filter_text.number_grid(values, signed=signed, high=bytes_high(values.max()))
    return f"<div>{table}{_name(name)}</div>"


def _value(text: str, name: str) -> str:
    large = f'<div style="font-size:1.5rem;font-weight:600">→ {text}</div>'
    return f'<div style="text-align:center">{large}{_name(name)}</div>'


def _sentence(text: str) -> str:
    return f'<div style="flex:1;min-width:16em;font-size:0.9rem">{text}</div>'


def _name(name: str) -> str:
    return f'<div style="text-align:center;font-size:0.8rem;opacity:0.7">{name}</div>'


def _sign(sign: str) -> str:
    return f'<div style="font-size:1.3rem">{sign}</div>'
