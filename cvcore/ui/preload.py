"""Loads torch in the background, so that a page is there at once and torch is ready when it is needed."""

import gc
import importlib
import threading
import time

import streamlit as st

MODULES = (
    "torch",
    "torchvision",
    "torchinfo",
    "torch._dynamo",
    "cvcore.analysis.summary",
    "cvcore.analysis.receptive_field",
    "cvcore.training.check",
)


@st.cache_resource(show_spinner=False)
def _loader() -> threading.Thread:
    thread = threading.Thread(target=_load, name="preload", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for module in MODULES:
        importlib.import_module(module)
    # what was imported stays: take it out of every later collection, which would walk a million objects
    gc.collect()
    gc.freeze()


def start_loading_torch() -> None:
    """Begin to load torch, once a server; returns at once."""
    _loader()


def is_loaded() -> bool:
    """Whether torch is there already."""
    return not _loader().is_alive()


def wait_for_torch() -> None:
    """Return when torch is loaded; a progress line says why the visitor waits."""
    thread = _loader()
    if not thread.is_alive():
        return
    expected, started = 6.0, time.monotonic()
    bar = st.progress(0.0, text="Loading PyTorch, once after the server starts …")
    while thread.is_alive():
        thread.join(0.1)
        bar.progress(
            min(0.97, (time.monotonic() - started) / expected), text="Loading PyTorch, once after the server starts …"
        )
    bar.empty()
