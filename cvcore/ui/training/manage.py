"""All runs: a table to choose from, and what can be done with those that are chosen."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.training import bundle, notes
from cvcore.training.run import Run
from cvcore.ui.frame import errors_as_lines, escaped, tell_next
from cvcore.ui.runs import label, run_table, store

MOST_SHOWN = 8  # runs in the plots


def show(runs: Sequence[Run]) -> None:
    """The table; rows that are ticked can be shown, named, exported and deleted."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("All runs", anchor=False)
        _import()
    known = {run.run_id for run in runs}
    chosen = [run for run in run_table(runs, key="all-runs") if run.run_id in known]
    if not chosen:
        st.caption("Tick rows to show, name, export or delete runs.")
        return
    own = [run for run in chosen if not run.shipped]
    with st.container(horizontal=True):
        st.button("Show these", icon=":material/show_chart:", on_click=_show, args=([run.run_id for run in chosen],))
        if len(chosen) == 1:
            _annotate(chosen[0])
            _export(chosen[0])
        _delete(own, len(chosen))


def _show(run_ids: list[str]) -> None:
    st.session_state["runs"] = run_ids[:MOST_SHOWN]


def _annotate(run: Run) -> None:
    written = notes.read(run)
    with st.popover(
        "Name and notes",
        icon=":material/edit:",
        disabled=run.shipped,
        help="Runs that came with the app cannot be written on." if run.shipped else None,
    ):
        name = st.text_input("Name", written.name, key=f"name-{run.run_id}", help="Stands in plots and lists.")
        tags = st.text_input(
            "Tags", ", ".join(written.tags), key=f"tags-{run.run_id}", help="Words to find it by, with commas between."
        )
        note = st.text_area("Note", written.note, key=f"note-{run.run_id}", help="What you want to remember.")
        if st.button("Save", type="primary", key=f"save-{run.run_id}"):
            notes.write(run, name=name, tags=tuple(tags.split(",")), note=note)
            st.rerun()


def _export(run: Run) -> None:
    """The run as one file. It is packed when the button is pressed, and not on every rerun."""
    st.download_button(
        "Export",
        lambda: _packed(run),
        file_name=f"{run.run_id}{bundle.ENDING}",
        mime="application/zip",
        icon=":material/download:",
        help="The whole run as one file: config, history, weights, predictions. Import takes it, here or elsewhere.",
        on_click="ignore",
    )


def _packed(run: Run) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return bundle.pack(run, Path(folder)).read_bytes()


def _delete(own: Sequence[Run], chosen: int) -> None:
    names = ", ".join(escaped(label(run)) for run in own)
    with st.popover(
        "Delete",
        icon=":material/delete:",
        disabled=not own,
        help=None if own else "Runs that came with the app stay.",
    ):
        st.markdown(f"Delete for good: {names}." + (" Runs that came with the app stay." if len(own) < chosen else ""))
        if st.button(f"Delete {len(own)}", type="primary", key="delete-runs"):
            done = 0
            with errors_as_lines():
                for run in own:
                    store().delete(run.run_id)
                    done += 1
            if done == len(own):
                tell_next(f"Deleted {done} run{'s' * (done > 1)}.")
                st.rerun()


def _import() -> None:
    with st.popover("Import", icon=":material/upload:", help="A run that was exported, as one file."):
        file = st.file_uploader("Run as a file", type="zip", key="import-run", help=f"It ends with {bundle.ENDING}.")
        if file is None or st.session_state.get("imported") == file.file_id:
            return
        st.session_state["imported"] = file.file_id  # once, and not with every rerun while it lies there
        try:
            run = bundle.unpack(store(), file)
        except CvcoreError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        tell_next(f"Imported {label(run)}.")
        st.session_state["shown_runs"] = [run.run_id]
        st.session_state.pop("runs", None)
        st.rerun()
