"""Pictures that answer to the mouse: a contact sheet whose images can be clicked, and one image pixel by pixel."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from cvcore.plots import sheet
from cvcore.plots.style import ACCENT, styled

MOST_NUMBERS = 32  # pixels a side up to which values can be written into the pixels


def clickable_sheet(
    images: np.ndarray,
    captions: Sequence[str],
    hovers: Sequence[str],
    *,
    columns: int,
    tile: int,
    dark: bool,
    chosen: int | None = None,
) -> go.Figure:
    """A contact sheet of uint8 `images` [N, C, H, W] in which point i of trace 0 is image i; `chosen` has a frame."""
    picture = sheet.contact_sheet(images, captions, columns=columns, tile=2 * tile, gap=16, caption=30, dark=dark)
    step_x, step_y = tile + 8, tile + 15 + 8
    width, height = columns * step_x - 8, -(-len(images) // columns) * step_y - 8
    x = [index % columns * step_x + tile / 2 for index in range(len(images))]
    y = [index // columns * step_y + tile / 2 for index in range(len(images))]
    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"symbol": "square", "size": tile - 4, "opacity": 0, "color": ACCENT},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertext=list(hovers),
            hoverinfo="text",
        )
    )
    figure = styled(figure, x="", y="", height=height, legend=False)
    figure.add_layout_image(
        source=data_uri(picture),
        xref="x",
        yref="y",
        x=0,
        y=0,
        sizex=width,
        sizey=height,
        layer="below",
        sizing="stretch",
    )
    if chosen is not None:
        left, top = chosen % columns * step_x, chosen // columns * step_y
        line = {"color": ACCENT, "width": 3}
        figure.add_shape(type="rect", x0=left - 2, y0=top - 2, x1=left + tile + 2, y1=top + tile + 2, line=line)
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_xaxes(range=[-4, width + 4], constraintoward="left", **bare)
    figure.update_yaxes(range=[height + 2, -4], scaleanchor="x", constraintoward="top", **bare)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False, clickmode="event+select")
    return figure


def data_uri(picture: Image.Image) -> str:
    """The picture as text that a browser shows: PNG where it is transparent, else JPEG."""
    buffer = io.BytesIO()
    kind = "png" if picture.mode == "RGBA" else "jpeg"
    picture.save(buffer, kind, **({"compress_level": 1} if kind == "png" else {"quality": 85}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def pixels(image: np.ndarray, *, numbers: bool = False) -> go.Figure:
    """uint8 `image` [C, H, W], large; hovering tells row, column and value, `numbers` writes grey values into it."""
    grey = len(image) == 1
    if grey:
        trace = go.Heatmap(
            z=image[0],
            colorscale="Gray",
            zmin=0,
            zmax=255,
            showscale=False,
            hovertemplate="row %{y}, column %{x}: %{z}<extra></extra>",
            text=image[0] if numbers else None,
            texttemplate="%{text}" if numbers else None,
            textfont={"size": 7},
        )
    else:
        trace = go.Image(z=image.transpose(1, 2, 0), hovertemplate="row %{y}, column %{x}: R G B = %{z}<extra></extra>")
    figure = styled(go.Figure(trace), x="", y="", height=430, legend=False)
    height, width = image.shape[1:]
    bare = {"visible": False, "constrain": "domain"}
    figure.update_xaxes(range=[-0.5, width - 0.5], constraintoward="left", **bare)
    figure.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x", constraintoward="top", **bare)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return figure
