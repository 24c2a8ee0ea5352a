"""Receptive field: what each layer can see of an image, computed and measured, and where it sees more than there is."""

import streamlit as st

from cvcore.plots import field as plots
from cvcore.ui.architectures import inside_images, inside_weights, receptive_tables
from cvcore.ui.architectures import receptive_data as data
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_weights import Weights
from cvcore.ui.architectures.receptive_data import Row
from cvcore.ui.frame import chart, escaped, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

MAP_EXPLANATION = """
- **Field**: one value of a layer's output depends on this many input pixels. A 3×3 convolution after it adds
  (3 − 1) · stride pixels; a layer with stride 2 doubles the stride of all that follow.
- **Stride**, also called *jump*: neighbouring outputs see boxes that lie so many pixels apart (the dotted box).
- **Padding**: the first output's box begins so many pixels outside the image. There the network sees zeros.
- **Global**: every value can depend on the whole image, for example through an average over the map. The figures are
  then those of the **local path**, which goes through the convolutions only.
- The recurrences, r ← r + (k − 1) · d · j and j ← j · s, run along the traced graph, for height and width apart. Where
  branches meet, the field is everything that any of them sees. Source: Araujo, Norris and Sim, *Computing receptive
  fields of convolutional neural networks*, Distill, 2019.
- **Effective field**: the gradient of one value with respect to the input, mean of four random images. It fades towards
  the border much as a Gaussian does: most of what may be seen hardly matters. Source: Luo et al., NeurIPS 2016.
- **Measured size**: the farthest pixels with a gradient, in float64, on a thin strip of image and a linear copy of the
  network (no ReLU, averages for maxima, positive weights). It must equal the computed size, and the tests check it.
"""


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section: a layer's field on an image, its effect, sizes over depth, layers past the image, all layers."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        weights = inside_weights.choose(name, image, classes)
        subject = inside_images.choose(weights)
    with st.spinner("Following the graph …"):
        found = data.fields_of(name, weights.image, weights.classes)
    if found.reason:
        st.warning(f"The receptive field is unavailable: {escaped(found.reason)}.", icon=":material/info:")
    rows = data.rows(found)
    row = _choose_layer(rows, found)
    _numbers(row)
    left, right = st.columns(2, gap="medium")
    with left:
        _picture(row, subject, weights)
    with right:
        _effect(row, weights)
    _note(row)
    _depth(rows, row, found)
    receptive_tables.limits(name, image, classes)
    receptive_tables.layers(rows, found)
    with st.expander(
        "How fields are computed and measured", key="read-field", bind="query-params", icon=":material/help:"
    ):
        st.markdown(MAP_EXPLANATION)
    with st.expander("ResNet-50: 427 or 483?", key="read-427", bind="query-params", icon=":material/help:"):
        st.markdown(data.resnet50_text())


def _choose_layer(rows: list[Row], found) -> Row:
    """The layer that the slider stands at; the last map unless another is asked for."""
    keys = [row.key for row in rows]
    if len(keys) == 1:
        return rows[0]
    local = [row for row in rows if row.field.size]
    last = [row.key for row in local if found.last_local and row.field.name == found.last_local.name]
    default = last[-1] if last else (local[-1] if local else rows[-1]).key
    key = st.select_slider(
        "Layer",
        keys,
        value=following("layer", default, keys),
        key="layer",
        bind="query-params",
        help="In running order, by their names inside the network; #2 is the second run of a layer that runs more than "
        f"once. The arrow keys step through them. {tip('layer')}",
    )
    return next((row for row in rows if row.key == key), rows[0])


def _numbers(row: Row) -> None:
    field = row.field
    size, stride, padding = (data.pair(each) for each in (field.size, field.stride, field.padding))
    label = "Field (px)" if field.status == "local" else "Local path (px)"
    metric_row(
        (
            label,
            size if field.status != "global" or field.size else "global",
            f"Height × width that one value can see. {tip('receptive field')}",
        ),
        (
            "Stride (px)",
            stride,
            f"From one output's field to the next: the effective stride. {tip('effective stride')} {tip('stride')}",
        ),
        ("Padding (px)", padding, f"How far the first output's field begins outside the image. {tip('padding')}"),
        ("Output", shape(field.output) or "no map", "Height × width of the layer's map."),
        ("Kind", field.status, "local: a box of pixels. global: the whole image. unavailable: cannot be told."),
    )


def _picture(row: Row, subject, weights: Weights) -> None:
    """The box on the image."""
    st.markdown(f"**What one value of {escaped(row.key)} can see**")
    if subject is None:
        st.info("Upload an image above, or choose a data set.", icon=":material/image:")
        return
    pixels = subject.pixels(weights.image)
    field, unit = row.field, data.middle(row.field)
    if field.size and field.output:
        figure = plots.box_on_image(pixels if len(pixels) in (1, 3) else pixels[:1], field, unit)
        told = f"a box of {data.pair(field.size)} pixels around the middle"
    else:
        figure = plots.whole_image(pixels if len(pixels) in (1, 3) else pixels[:1])
        told = "all of it" if field.status == "global" else "unknown"
    alt = f"{subject.said} with the receptive field of layer {row.key}: {told}"
    chart(figure, key="receptive-box", alt=alt)
    if field.size and field.output:
        top, left, bottom, right = field.box(*unit)
        who = "value" if field.status == "local" else "the local path of value"
        outside = 1 - data.share_inside(field, weights.image[1:])
        grey = f" {outside:.0%} of it is padding (grey)." if outside >= 0.005 else ""
        st.caption(
            f"Blue: {who} ({unit[0]}, {unit[1]}) of the map sees {data.span('rows', top, bottom)}, "
            f"{data.span('columns', left, right)}.{grey}"
            + (" Dotted: its neighbour to the right." if plots.has_neighbour(field, unit) else "")
        )
    elif field.status == "global":
        st.caption("Dashed: every value can depend on the whole image; no local path is left.")


def _effect(row: Row, weights: Weights) -> None:
    """The measured effective field, at once where that is quick, else on a click."""
    st.markdown("**How much each pixel matters, measured**")
    field = row.field
    if not field.size or not field.output:
        st.info("There is no map here whose single value could be followed back: choose an earlier layer.")
        return
    if not data.is_quick(weights, row) and not st.toggle(
        "Measure it, in a few seconds",
        key="effect",
        bind="query-params",
        help="Takes the gradient of one value with respect to the input. This network is too large to do it at once; "
        "while it is on, every layer that you choose is measured.",
    ):
        return
    with st.spinner("Taking gradients …", show_time=True):
        found = data.effect_of(weights, row)
        measured = data.measured(weights, row)
    figure = data.effect_figure(weights, row)
    alt = f"Gradient of one value of layer {row.key}; 95 % of it lies within {found.radius:.1f} pixels"
    chart(figure, key="receptive-effect", alt=alt)
    larger = field.exceeds(*weights.image[1:])
    computed = "The computed field is larger than the image." if larger else "Dashed: the computed field."
    st.caption(
        f"Circle: 95 % of the gradient lies within **{found.radius:.1f} px** of its centre. {computed} "
        f"Colours follow the square root. With {escaped(weights.said)}, mean of four random images."
        + _checked(field, measured)
    )


def _checked(field, measured: tuple[int, int] | None) -> str:
    """What the measurement of the size says beside the computed one."""
    if measured is None:
        return ""
    upper = " at most" if "at most" in field.note else ""
    verdict = "as computed" if measured == field.size else f"{data.pair(field.size)}{upper} was computed"
    return f" Measured size on a linear copy: {data.pair(measured)} px, {verdict}."


def _note(row: Row) -> None:
    if row.field.note:
        st.caption(f"{escaped(row.key)}: {escaped(row.field.note)}.")


def _depth(rows: list[Row], row: Row, found) -> None:
    if not any(each.field.size for each in rows):
        return
    st.subheader("Field over depth", anchor=False)
    figure = plots.over_depth([each.field for each in rows], found.input[1:], rows.index(row))
    chart(figure, key="receptive-depth", alt=f"Receptive field of each of the {len(rows)} layers")
