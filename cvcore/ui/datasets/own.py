"""Your own images: a folder on this machine, or a zip; and taking a set off the list."""

import os
from pathlib import Path

import streamlit as st

from cvcore.data import catalog, own
from cvcore.ui.data import progress_bar
from cvcore.ui.frame import choose, errors_as_lines, tell_next

LAYOUTS = """One folder for each class, `cats/… dogs/…`; or `train/` and `val/` (or `test/`) with such folders inside;
or files named `cat.1.jpg`, `dog.1.jpg`. Without a split of its own, a fifth of each class is kept for testing."""


def add_button() -> None:
    """A button that opens the form for one's own images."""
    if st.button("Add your images", icon=":material/add_photo_alternate:", key="own-add", help="A folder or a zip."):
        _form()


@st.dialog("Add your own images", width="medium")
def _form() -> None:
    st.markdown(LAYOUTS)
    if folders_allowed():
        with errors_as_lines():
            _add_folder()
    with errors_as_lines():
        _add_zip()


def _add_folder() -> None:
    folder = st.text_input(
        "Folder on this machine",
        placeholder="/home/me/photos",
        key="own-folder",
        help="The images stay where they are; nothing in the folder is changed.",
    )
    if st.button("Add the folder", type="primary", disabled=not folder, key="own-add-folder"):
        _go_to(own.add_folder(Path(folder), taken=catalog.built_in_names()))


def _add_zip() -> None:
    uploaded = st.file_uploader(
        "or a zip of them" if folders_allowed() else "A zip of them",
        type="zip",
        key="own-zip",
        help="It is unpacked into the data folder of this app, where everybody who uses this server can see it.",
    )
    if uploaded and st.button("Unpack the zip", type="primary", key="own-add-zip"):
        _unpack(uploaded)


def _unpack(uploaded) -> None:
    with progress_bar(f"Unpacking {uploaded.name}") as bar:
        name, _ = own.add_zip(uploaded, uploaded.name, catalog.built_in_names(), lambda share: bar(share, 1.0))
    _go_to(name)


def _go_to(name: str) -> None:
    """Show the set called `name`."""
    choose(data=name)
    st.rerun()


def folders_allowed() -> bool:
    """Whether this visitor may name folders: one who sits at this machine, where the server is not a hosted one."""
    return st.context.ip_address is None and not os.environ.get("CVCORE_HOSTED")


def tell_refused(name: str) -> None:
    """What was not unpacked of the zip that became the set `name`."""
    refused = own.refused(name)
    if not refused:
        return
    count = "1 file of the zip was" if len(refused) == 1 else f"{len(refused):,} files of the zip were"
    with st.expander(f"{count} not unpacked", icon=":material/info:"):
        st.dataframe([{"File": member, "Reason": reason} for member, reason in refused], hide_index=True)


def remove_button(entry: catalog.Entry) -> None:
    """A button that takes one's own set off the list, once it is confirmed."""
    unpacked = own.sets().get(entry.name, {}).get("unpacked")
    what = "Its unpacked copy is deleted." if unpacked else "Your files stay where they are."
    with st.popover("Remove", icon=":material/delete:", help=what):
        st.markdown(f"Take **{entry.name}** off the list? {what}")
        if st.button("Remove", type="primary", key=f"own-remove-{entry.name}"):
            own.forget(entry.name)
            tell_next(f"{entry.name} is off the list.")
            _go_to("digits")
