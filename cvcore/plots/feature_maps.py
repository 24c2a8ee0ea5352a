"""Feature maps and filters as pictures: all channels as one that can be clicked, one of them large over its image."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import sample_colorscale, unlabel_rgb

from cvcore.plots.filters import SIGNED
from cvcore.plots.images import data_uri
from cvcore.plots.style import ACCENT, styled

SHEET = 600  # pixels a side of a sheet of many channels
LARGEST_TILE = 150
MOST_CHANNELS = 2048  # in one sheet; beyond that a channel is a dot
_VIRIDIS = np.array([unlabel_rgb(colour) for colour in sample_colorscale("Viridis", np.linspace(0, 1, 256))])


def colours(maps: np.ndarray, limits: np.ndarray | float, *, signed: bool, dark: bool) -> np.ndarray:
    """uint8 [N, 3, H, W] of `maps` [N, H, W]; what reaches a limit, one for all or one a map, has the full colour.

    Viridis from 0, or where `signed` vermilion below 0 and blue above it. NaN and what is not finite is grey.
    """
    limit = np.maximum(np.asarray(limits, dtype=np.float64).reshape(-1, 1, 1), 1e-12)
    share = np.clip(np.nan_to_num(maps / limit, nan=0.0), -1, 1)
    steps = np.clip(np.round((share + 1) * 127.5 if signed else share * 255), 0, 255).astype(np.uint8)
    table = _table(signed, dark)
    found = table[steps]
    found[~np.isfinite(maps)] = 128
    return found.transpose(0, 3, 1, 2)


def filter_pictures(weights: np.ndarray, limits: np.ndarray | float) -> np.ndarray:
    """uint8 [N, 3 or 1, kh, kw] of filters [F, C, kh, kw]: three channels as one colour picture, else each as grey.

    0 is the middle grey; −limit is black and limit is white, in each channel. Without three channels N is F·C.
    """
    limit = np.maximum(np.asarray(limits, dtype=np.float64).reshape(-1, 1, 1, 1), 1e-12)
    cells = np.clip(np.round((weights / limit + 1) * 127.5), 0, 255).astype(np.uint8)
    return cells if weights.shape[1] == 3 else cells.reshape(-1, 1, *weights.shape[2:])


def channel_sheet(
    pictures: np.ndarray, hovers: Sequence[str], *, chosen: int | None = None, columns: int = 0
) -> go.Figure:
    """One picture of uint8 `pictures` [N, C, H, W], row by row, in which point i of trace 0 is picture i.

    `columns` 0 makes it about square. The chosen one has a frame. Pixels stay sharp.
    """
    columns = columns or columns_for(len(pictures))
    tile, gap = _tile(columns)
    step = tile + gap
    rows = -(-len(pictures) // columns)
    width, height = columns * step - gap, rows * step - gap
    number = np.arange(len(pictures))
    figure = go.Figure(
        go.Scatter(
            x=(number % columns * step + tile / 2).astype(np.float32),
            y=(number // columns * step + tile / 2).astype(np.float32),
            mode="markers",
            marker={"symbol": "square", "size": max(3, tile - 4), "opacity": 0, "color": ACCENT},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertext=list(hovers),
            hoverinfo="text",
        )
    )
    figure = styled(figure, x="", y="", height=height + 8, legend=False)
    place = {"x": 0, "y": 0, "sizex": width, "sizey": height}
    source = data_uri(mosaic(pictures, columns, tile, gap))
    figure.add_layout_image(source=source, xref="x", yref="y", layer="below", sizing="stretch", **place)
    if chosen is not None:
        left, top = chosen % columns * step, chosen // columns * step
        for colour, thickness in (("#FFFFFF", 5), (ACCENT, 3)):  # seen on any colour
            ends = {"x0": left - 1, "y0": top - 1, "x1": left + tile + 1, "y1": top + tile + 1}
            figure.add_shape(type="rect", line={"color": colour, "width": thickness}, **ends)
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_xaxes(range=[-4, width + 4], constraintoward="left", **bare)
    figure.update_yaxes(range=[height + 4, -4], scaleanchor="x", constraintoward="top", **bare)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False, clickmode="event+select")
    return figure


def columns_for(count: int) -> int:
    """Columns of a sheet of `count` pictures that is about square, and full where that is possible.

    >>> columns_for(6), columns_for(64), columns_for(120), columns_for(512)
    (3, 8, 12, 32)
    """
    least = max(1, int(np.ceil(np.sqrt(count))))
    full = (columns for columns in range(least, min(count, least * 3 // 2) + 1) if count % columns == 0)
    return next(full, least)


def mosaic(pictures: np.ndarray, columns: int, tile: int, gap: int) -> Image.Image:
    """RGBA picture of uint8 `pictures` [N, C, H, W] in rows, each as large as fits into a tile; at twice these sizes,
    for screens with fine pixels, where that is not too large."""
    fine = 2 if columns * tile <= SHEET else 1
    tile, gap = fine * tile, fine * gap
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGBA", (columns * (tile + gap) - gap, rows * (tile + gap) - gap), (0, 0, 0, 0))
    height, width = pictures.shape[2:]
    scale = tile / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    for index, pixels in enumerate(pictures):
        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        left, top = index % columns * (tile + gap), index // columns * (tile + gap)
        spot = (left + (tile - size[0]) // 2, top + (tile - size[1]) // 2)
        sheet.paste(picture.resize(size, way), spot)
    return sheet


def map_over_image(
    values: np.ndarray,
    image: np.ndarray,
    *,
    opacity: float,
    limit: float,
    signed: bool,
    dark: bool,
    height: int = 460,
    title: str = "",
    numbers: bool = False,
) -> go.Figure:
    """The map [h, w], stretched over the image uint8 [C, H, W] that the network received; the scale ends at `limit`."""
    rows, columns = image.shape[1:]
    down, across = rows / values.shape[0], columns / values.shape[1]
    figure = go.Figure(map_cells(values, limit=limit, signed=signed, dark=dark))
    figure.update_traces(x0=(across - 1) / 2, dx=across, y0=(down - 1) / 2, dy=down, opacity=opacity)
    places = np.stack(np.broadcast_arrays(*np.ogrid[: values.shape[0], : values.shape[1]]), axis=-1).astype(np.uint16)
    figure.update_traces(
        customdata=places,
        hovertemplate="row %{customdata[0]}, column %{customdata[1]}: %{z:.4~g}<extra></extra>",
    )
    if numbers:
        ink = {"size": 11, "color": "#FFFFFF", "shadow": "0 0 3px #000, 0 0 3px #000"}  # read on any colour
        decimals = int(np.clip(1 - np.floor(np.log10(max(limit, 1e-12))), 0, 6))  # two digits of the largest
        figure.update_traces(texttemplate=f"%{{z:.{decimals}f}}", textfont=ink)
    figure = bare_picture(figure, (rows, columns), height, title)
    place = {"x": -0.5, "y": -0.5, "sizex": columns, "sizey": rows}
    figure.add_layout_image(
        source=data_uri(_enlarged(image)), xref="x", yref="y", layer="below", sizing="stretch", **place
    )
    return figure


def map_cells(values: np.ndarray, *, limit: float, signed: bool, dark: bool, bar: bool = True) -> go.Heatmap:
    """The map [h, w] as coloured cells, from 0 or, where `signed`, from −limit to limit."""
    below, zero, above = SIGNED[dark]
    limit = max(limit, 1e-12)
    return go.Heatmap(
        z=values.astype(np.float32),
        zmin=-limit if signed else 0,
        zmax=limit,
        colorscale=[[0, below], [0.5, zero], [1, above]] if signed else "Viridis",
        showscale=bar,
        colorbar={"orientation": "h", "thickness": 8, "len": 0.8, "y": -0.02, "yanchor": "top", "outlinewidth": 0},
        hovertemplate="row %{y}, column %{x}: %{z:.4~g}<extra></extra>",
    )


def bare_picture(figure: go.Figure, shape: tuple[int, int], height: int, title: str = "") -> go.Figure:
    """`figure` of a picture of `shape` (rows, columns): square pixels, the first row on top, no axes."""
    figure = styled(figure, x="", y="", height=height, legend=False)
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_xaxes(range=[-0.5, shape[1] - 0.5], **bare)
    figure.update_yaxes(range=[shape[0] - 0.5, -0.5], scaleanchor="x", constraintoward="top", **bare)
    top = 34 if title else 4
    figure.update_layout(margin={"l": 4, "r": 4, "t": top, "b": 40}, dragmode=False)
    if title:
        figure.update_layout(title={"text": title, "x": 0.5, "xanchor": "center", "font": {"size": 14}})
    return figure


def values_figure(values: np.ndarray, chosen: int, labels: Sequence[str] = ()) -> go.Figure:
    """A vector as bars, one a channel, the chosen one marked; `labels` name the channels."""
    number = np.arange(len(values))
    names = list(labels) if len(labels) == len(values) else [f"channel {each}" for each in number]
    marks = np.where(number == chosen, "#E69F00", ACCENT)
    named = len(labels) == len(values) <= 16
    figure = go.Figure(
        go.Bar(
            x=names if named else number,
            y=values.astype(np.float32),
            marker={"color": marks, "line": {"width": 0}},
            customdata=names,
            hovertemplate="%{customdata}: %{y:.4~g}<extra></extra>",
        )
    )
    return styled(figure, x="" if named else "channel", y="value", height=360, legend=False)


def _table(signed: bool, dark: bool) -> np.ndarray:
    """uint8 [256, 3]: the colours of a scale."""
    if not signed:
        return _VIRIDIS.round().astype(np.uint8)
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in SIGNED[dark]]
    places = np.linspace(0, 2, 256)
    return np.stack([np.interp(places, (0, 1, 2), channel) for channel in zip(*ends, strict=True)], 1).astype(np.uint8)


def _tile(columns: int) -> tuple[int, int]:
    """(pixels a side of each picture, pixels between two) in a sheet of that many columns."""
    gap = 6 if columns <= 8 else 3 if columns <= 20 else 1
    return int(np.clip(SHEET // columns - gap, 3, LARGEST_TILE)), gap


def _enlarged(image: np.ndarray) -> Image.Image:
    """uint8 [1 or 3, H, W] as a picture whose pixels stay sharp when a browser stretches it."""
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image[:3].transpose(1, 2, 0)))
    factor = max(1, 448 // max(picture.size))
    size = (picture.width * factor, picture.height * factor)
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST).convert("RGBA")
