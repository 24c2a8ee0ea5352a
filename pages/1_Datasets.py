"""Datasets: look at the images before anything is trained on them."""

import importlib

import streamlit as st

from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.ui import data as ui_data
from cvcore.ui.datasets import overview, own
from cvcore.ui.datasets.originals import picture
from cvcore.ui.frame import body, errors_as_lines, escaped, frame, metric_row
from cvcore.ui.numbers import shape

# each is a module of cvcore.ui.datasets with a function show(dataset, split); imported when it is looked at
SECTIONS = {
    "Images": "browse",
    "Statistics": "statistics",
    "Quality": "quality",
    "Map": "map",
    "Transforms": "transforms",
    "Filters": "filters",
    "Damage": "damage",
}


def main() -> None:
    frame("Datasets", "See what a network will learn from: the pictures first, the numbers beside them.")
    with errors_as_lines():
        entry, size, fit = choose_set()
        about(entry)
        if entry.origin.download_bytes and entry.origin.source is None:  # not here, or an archive to be unpacked
            if entry.state == "on disk":
                with errors_as_lines(), st.spinner(f"Unpacking {entry.title} (once) …", show_time=True):
                    entry.origin.prepare()
            if entry.origin.source is None:
                offer_download(entry)
                return
        if entry.state == "missing":
            st.warning(f"{entry.origin.problem}, or remove the set.", icon=":material/folder_off:")
            return
        with body(f"{entry.name}-{size}-{fit}"):
            dataset = ui_data.opened(entry.name, size, fit)
            own.tell_refused(entry.name)
            section, split = choose_view(dataset)
            numbers(dataset)
            show(section, dataset, split)


def choose_set() -> tuple[catalog.Entry, int, str]:
    """The chosen set with the size in pixels and the fit that its images are brought to."""
    asked = st.query_params.get("data")
    if asked and asked not in catalog.names():
        st.warning(f"There is no data set {asked!r} here (any more).", icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Data set",
            catalog.names(),
            key="data",
            bind="query-params",
            help="Bundled sets are made on first use; the others are read from the data folder or downloaded.",
            width=320,
        )
        entry = catalog.entry(name)
        with st.popover("Options", icon=":material/tune:"):
            size, fit = ui_data.working_size()
        overview.button()
        own.add_button()
        if entry.is_own:
            own.remove_button(entry)
    return entry, size, fit


def about(entry: catalog.Entry) -> None:
    """What the set is, from where, under which licence, and how much of the disk it takes."""
    size = ui_data.size_on_disk(entry.name)
    on_disk = f" On disk, with decoded images: {size / 1e6:,.0f} MB." if size >= 500_000 else ""
    st.caption(
        f"**{escaped(entry.title)}.** {escaped(entry.about)} Source: {entry.source}. Licence: {entry.licence}.{on_disk}"
    )


def offer_download(entry: catalog.Entry) -> None:
    """Say what the download costs; fetch on a click, with progress."""
    st.info(
        f"{entry.title} is not on this machine: {entry.train + entry.test:,} images in {entry.classes} classes. "
        f"It needs a download of {entry.download_mb:,.0f} MB.",
        icon=":material/download:",
    )
    if st.button(f"Download {entry.download_mb:,.0f} MB", type="primary"):
        with ui_data.progress_bar(f"Downloading {entry.title}", "MB", 1e6) as bar:
            catalog.download(entry.name, bar)
        st.rerun()
    st.caption("A download that is interrupted goes on where it stopped. Nothing is ever downloaded without a click.")


def choose_view(dataset: Dataset) -> tuple[str, str]:
    """The section of the page and the split it shows."""
    left, right = st.columns([5, 1.2], vertical_alignment="bottom")
    section = left.pills(
        "Look at",
        list(SECTIONS),
        default="Images",
        required=True,
        key="view",
        bind="query-params",
        help="Seven ways to look at the same images.",
        wrap=True,
    )
    split = right.segmented_control(
        "Split",
        list(dataset.splits),
        default="train",
        required=True,
        key="split",
        bind="query-params",
        help="Training images teach the network; test images are looked at once, at the end.",
    )
    return section, split


def numbers(dataset: Dataset) -> None:
    """How many images, of what size."""
    names = {"train": "Training images", "val": "Validation images", "test": "Test images"}
    metric_row(
        *((names[split], f"{len(images):,}", "") for split, images in dataset.splits.items()),
        ("Classes", f"{len(dataset.classes)}", ""),
        ("Image size (px)", shape(dataset.image_shape), "Channels × height × width; 1 channel is grey, 3 are colour."),
    )


def show(section: str, dataset: Dataset, split: str) -> None:
    """The chosen section."""
    module = importlib.import_module(f"cvcore.ui.datasets.{SECTIONS[section]}")
    if section == "Transforms":
        module.show(dataset, split, lambda part, index: picture(dataset, part, index))
    else:
        module.show(dataset, split)


main()
