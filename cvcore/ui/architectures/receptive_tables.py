"""Receptive fields in tables: which layers see more than the image, in several networks, and all layers of one."""

import pandas as pd
import streamlit as st

from cvcore.models import zoo
from cvcore.ui.architectures import receptive_data as data
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.receptive_data import Row
from cvcore.ui.frame import chart, escaped
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

MOST_NETWORKS = 6  # one colour each
COMPARED = ("resnet18", "vgg16", "mobilenet_v2", "bn-cnn")  # beside the page's network, where they take the image


def limits(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The layers past the image, of several networks."""
    st.subheader("Layers that see more than the image", anchor=False)
    label = zoo.find(name).label
    usual = [each for each in COMPARED if each != name and data.takes(each, image)]
    others = st.multiselect(
        f"Beside {label}",
        [each for each in data.names() if each != name],
        default=following("past", usual[: MOST_NETWORKS - 1]),
        max_selections=MOST_NETWORKS - 1,
        placeholder="Choose networks",
        key="past",
        bind="query-params",
        help=f"Up to {MOST_NETWORKS - 1} others, on images of {shape(image)} as chosen above.",
    )
    with st.spinner("Following the graphs …"):
        found = [data.limits_of(each, image, classes) for each in (name, *others)]
    for each in found:
        if each.reason:
            st.caption(escaped(each.reason))
    shown = [each for each in found if each.with_field]
    if not shown:
        return
    past = [f"{each.model} from layer {each.first.name}" for each in shown if each.past]
    alt = f"Field over depth of {len(shown)} networks, image of {shape(image[1:])} pixels; past it: {', '.join(past)}"
    chart(data.limits_figure((name, *others), image, classes), key="receptive-limits", alt=alt)
    st.caption(
        "A circle: from here on, dotted, a layer's field is larger than the image. Such a layer brings no new "
        "surroundings, and most of what its values at the border can see is padding. It still computes; where most "
        "layers lie past the image, fewer or later strides often serve better."
    )
    st.dataframe(
        pd.DataFrame([_limit_row(each) for each in shown]),
        key=f"receptive-limit-table-{len(shown)}",
        hide_index=True,
        placeholder="–",
        column_config={
            "network": st.column_config.TextColumn("Network", help="Its name in the list above"),
            "first": st.column_config.TextColumn(
                "First layer past the image", help=f"Whose field is larger than the image. {tip('layer')}"
            ),
            "depth": st.column_config.NumberColumn("At depth (%)", format="%.0f", help="Of the network's layers"),
            "field": st.column_config.TextColumn("Its field (px)", help="Height × width"),
            "past": st.column_config.NumberColumn(
                "Layers past", help=f"Layers whose field exceeds the image. {tip('layer')}"
            ),
            "layers": st.column_config.NumberColumn(
                "Of layers", help=f"Layers that have a local field. {tip('layer')}"
            ),
            "largest": st.column_config.TextColumn("Largest field (px)", help="Height × width"),
        },
    )


def _limit_row(found) -> dict:
    first = found.first
    return {
        "network": found.model,
        "first": first.name if first else "none",
        "depth": 100 * (found.past[0] + 1) / len(found.layers) if first else None,
        "field": data.pair(first.size) if first else "–",
        "past": len(found.past),
        "layers": len(found.with_field),
        "largest": data.pair(found.largest.size),
    }


def layers(rows: list[Row], found) -> None:
    """All layers in running order."""
    st.subheader("All layers", anchor=False)
    height, width = found.input[1:]
    frame = pd.DataFrame(
        {
            "layer": [row.key for row in rows],
            "type": [row.field.type for row in rows],
            "output": [shape(row.field.output) for row in rows],
            "field": [data.pair(row.field.size) for row in rows],
            "stride": [data.pair(row.field.stride) for row in rows],
            "padding": [data.pair(row.field.padding) for row in rows],
            "kind": [row.field.status for row in rows],
            "past": [row.field.exceeds(height, width) for row in rows],
            "note": [row.field.note for row in rows],
        }
    )
    st.dataframe(
        frame,
        key=f"receptive-layers-{found.model}",  # another network, other column widths
        hide_index=True,
        height="content" if len(frame) <= 16 else 460,
        column_config={
            "layer": st.column_config.TextColumn(
                "Layer", help=f"Its name inside the network; #2: its second run. {tip('layer')}"
            ),
            "type": st.column_config.TextColumn("Type", help="The class of the module"),
            "output": st.column_config.TextColumn("Output", help="Height × width of its map"),
            "field": st.column_config.TextColumn("Field (px)", help=f"Height × width. {tip('receptive field')}"),
            "stride": st.column_config.TextColumn("Stride (px)", help=f"{tip('effective stride')} {tip('stride')}"),
            "padding": st.column_config.TextColumn(
                "Padding (px)", help=f"How far the first field leaves the image. {tip('padding')}"
            ),
            "kind": st.column_config.TextColumn("Kind", help="local, global or unavailable"),
            "past": st.column_config.CheckboxColumn("Past the image", help="The field is larger than the image"),
            "note": st.column_config.TextColumn("Note", help="What there is to say of how its field was found"),
        },
    )
