"""The windows of one layer, drawn and stepped through."""

import streamlit as st

from cvcore.analysis.geometry.chain import Stage
from cvcore.analysis.geometry.layer import AXES
from cvcore.analysis.geometry.sizes import TRANSPOSED
from cvcore.plots import windows
from cvcore.ui.frame import chart, is_dark
from cvcore.ui.numbers import shape

STEP = "step"  # the slider's key, and its name in the address


def show(stage: Stage) -> None:
    """The drawing of a stage that fits, with a slider over all positions of its window."""
    turned = stage.layer.kind == TRANSPOSED
    if max(*stage.input, *stage.output) > windows.LARGEST_GRID:
        _strip(stage, turned)
    else:
        _grids(stage, turned)


def _grids(stage: Stage, turned: bool) -> None:
    layer, size = stage.layer, stage.input
    rows, columns = (axis.steps(side) for axis, side in zip(layer.axes, size, strict=True))
    at = _position(rows * columns, "input" if turned else "output")
    position = divmod(at, columns)
    left, right = st.columns(2, gap="small")
    inputs = windows.input_cells(layer, size, position)
    outputs = windows.output_cells(layer, size, position)
    for place, cells, name, side in ((left, inputs, "input", size), (right, outputs, "output", stage.output)):
        figure = windows.grid_figure(cells, dark=is_dark(), title=f"{name.capitalize()}, {shape(side)} px", name=name)
        alt = f"The {name} of {layer.text}, {shape(side)} cells, with the cells of step {at + 1} marked"
        chart(figure, key=f"calculator-{name}", alt=alt, place=place)
    st.markdown(_told(stage, position))
    st.caption(
        "Dark cells are in the window; sand is padding, orange where the window covers it. "
        + ("Sand around the output is what padding cuts off." if turned else "")
    )


def _strip(stage: Stage, turned: bool) -> None:
    """Large images: along one axis."""
    layer = stage.layer
    alike = layer.axes[0] == layer.axes[1] and stage.input[0] == stage.input[1]
    index, title = 0, "Along the height or the width, which are alike"
    if not alike:
        name = st.segmented_control(
            "Axis that is drawn",
            AXES,
            default=AXES[0],
            required=True,
            key="axis",
            bind="query-params",
            help="Height and width are worked out apart.",
        )
        index, title = AXES.index(name), f"Along the {name}"
    axis, size, output = layer.axes[index], stage.input[index], stage.output[index]
    at = _position(axis.steps(size), "input" if turned else "output")
    figure = windows.strip_figure(axis, size, at, dark=is_dark(), title=title)
    alt = f"Window {at + 1} of {layer.text} along one axis, from {size} to {output} pixels"
    chart(figure, key="calculator-strip", alt=alt)
    cells = axis.window(size, at)
    verb = "writes to output cells" if turned else "sees input cells"
    st.markdown(f"{'Input' if turned else 'Output'} {at} {verb} **{_cells(cells, output if turned else size)}**.")
    st.caption(
        f"Grids of more than {windows.LARGEST_GRID} px would be a pattern of dots, so one axis is drawn, and of that "
        "the part around the window. All rows and columns behave like this."
    )


def _position(count: int, of: str) -> int:
    """Which window is drawn, 0 to count − 1: a slider with a button on either side."""
    if count == 1:
        return 0
    if st.session_state.get(STEP, 1) > count:
        st.session_state[STEP] = count
    with st.container(horizontal=True, vertical_alignment="bottom"):
        buttons = st.container(horizontal=True, width="content")
        now = st.slider(
            f"Step (1 to {count:,})",
            1,
            count,
            key=STEP,
            bind="query-params",
            width="stretch",
            help=f"Where the window stands: one step for each {of} cell, row by row.",
        )
        with buttons:  # they stand before the slider, and need to know where it is
            _step_button("Previous", "chevron_left", now - 1, now == 1)
            _step_button("Next", "chevron_right", now + 1, now == count)
    return now - 1


def _step_button(label: str, icon: str, to: int, off: bool) -> None:
    def move() -> None:
        st.session_state[STEP] = to

    help_text = "Move the window by one step." if not off else "There is no further step."
    st.button(label, icon=f":material/{icon}:", key=f"calculator-{label}", on_click=move, disabled=off, help=help_text)


def _told(stage: Stage, position: tuple[int, int]) -> str:
    """What is drawn, in a sentence."""
    turned = stage.layer.kind == TRANSPOSED
    sides = stage.output if turned else stage.input
    found = [
        _cells(axis.window(side, at), limit)
        for axis, side, at, limit in zip(stage.layer.axes, stage.input, position, sides, strict=True)
    ]
    what, verb, other = ("Input", "writes to", "output") if turned else ("Output", "sees", "input")
    return f"{what}[{position[0]}, {position[1]}] {verb} {other} rows **{found[0]}** and columns **{found[1]}**."


def _cells(cells: list[int], limit: int) -> str:
    """Cells inside 0 to limit − 1 as "2–4", or "0, 2, 4" where there are gaps; what lies outside is told."""
    inside = [cell for cell in cells if 0 <= cell < limit]
    outside = len(cells) - len(inside)
    if not inside:
        text = "none"
    elif inside[-1] - inside[0] + 1 == len(inside):
        text = f"{inside[0]}" if len(inside) == 1 else f"{inside[0]}–{inside[-1]}"
    else:
        text = ", ".join(map(str, inside))
    return text + (f" ({outside} outside)" if outside else "")
