"""Take away: a finished run as weights, as a script that repeats it, as a folder that tests itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.training.run import Run
from cvcore.ui.frame import escaped
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.runs import store
from cvcore.ui.training import finished

if TYPE_CHECKING:
    from cvcore.export.folder import Export


def show(runs: Sequence[Run]) -> None:
    """Three things to download, each made when its button is pressed; the script to read; the same as commands."""
    run = finished.choose(runs, "away-run")
    if run is None:
        return
    wait_for_torch()
    export = _export(run.run_id, run.when, run)
    places = st.columns(3, gap="large")
    with places[0]:
        _weights(run, export)
    with places[1]:
        text = _script(run, export)
    with places[2]:
        _folder(run, export)
    if text:
        with st.expander(f"Read the script: {len(text.splitlines())} lines"):
            st.code(text, language="python", height=480)
    st.caption("The same on the command line, into a new folder:")
    st.code(f"python -m cvcore export {run.run_id} --out my-folder", language="bash")


@st.cache_resource(max_entries=4, show_spinner="Loading the network …")
def _export(run_id: str, when: float, _run: Run) -> Export:
    from cvcore.export.folder import Export

    return Export(_run, store())


@st.cache_data(max_entries=16, show_spinner="Writing the script …")
def _script_text(run_id: str, when: float, _export: Export) -> tuple[str, tuple[str, ...], int]:
    """(train.py, names of the code files beside it, bytes of the images that it needs). Raises CvcoreError."""
    files = _export.script_files()
    return files["train.py"].decode(), tuple(name for name in files if name != "train.py"), _export.data_bytes


def _weights(run: Run, export: Export) -> None:
    from cvcore.export.weights import missing_for_onnx

    st.markdown("**Weights**")
    st.caption(
        f"Those of epoch {run.end['best']['epoch']}, the best. safetensors holds numbers and no code; .pt is what "
        "torch.save writes of a state_dict."
    )
    name = run.run_id
    _button("weights.safetensors", export.safetensors, f"{name}.safetensors", "application/octet-stream")
    _button("weights.pt", export.state_dict, f"{name}.pt", "application/octet-stream")
    if reason := missing_for_onnx():
        st.caption(f"{escaped(reason.partition(': ')[0])}: `{reason.partition(': ')[2]}`")
        return
    if st.toggle("As ONNX, for other programs", key="away-onnx", help="Traces the network, which takes seconds"):
        content = _onnx(run.run_id, run.when, export)  # before the button: what cannot be written says so here
        _button("model.onnx", lambda: content, f"{name}.onnx", "application/octet-stream")


@st.cache_data(max_entries=2, show_spinner="Writing ONNX …")
def _onnx(run_id: str, when: float, _export: Export) -> bytes:
    return _export.onnx()


def _script(run: Run, export: Export) -> str:
    """The script's text, or none where there is none."""
    from cvcore.export.folder import MOST_DATA

    st.markdown("**Script**")
    try:
        text, beside, size = _script_text(run.run_id, run.when, export)
    except CvcoreError as error:
        st.caption(escaped(f"{error}."))
        return ""
    large = size > MOST_DATA
    images = f"too many for a download, {size / 1e6:,.0f} MB" if large else f"{size / 1e6:,.1f} MB before packing"
    others = f", {', '.join(f'`{name}`' for name in beside)}" if beside else ""
    st.caption(
        f"Repeats the run without this app, and reaches the same accuracy. `train.py`{others} and the run's images, "
        f"`data.npz` ({images})."
    )
    if large:
        st.caption("The command below writes the images too, with `--data`.")
    _button("train.py and its images" if not large else "train.py", lambda: _script_zip(export, large), "repeat.zip")
    return text


def _script_zip(export: Export, large: bool) -> bytes:
    from cvcore.export.folder import zipped

    files = export.script_files()
    return zipped(files if large else {**files, "data.npz": export.data()}, f"repeat-{export.run.run_id}")


def _folder(run: Run, export: Export) -> None:
    st.markdown("**Folder that tests itself**")
    st.caption(
        "Weights, the network as plain code, pre-processing, class names, ten golden images with the logits that are "
        "expected, and `verify.py`, which tells whoever receives it whether all agree to 1e-4."
    )
    _button("The whole folder", lambda: _folder_zip(export), f"{run.run_id}.zip")


def _folder_zip(export: Export) -> bytes:
    from cvcore.export.folder import all_files, zipped

    return zipped(all_files(export)[0], export.run.run_id)


def _button(label: str, make: Callable[[], bytes], name: str, mime: str = "application/zip") -> None:
    """A button that makes the file when it is pressed, not on every rerun."""
    st.download_button(
        label, make, file_name=name, mime=mime, key=f"away-{label}", on_click="ignore", icon=":material/download:"
    )
