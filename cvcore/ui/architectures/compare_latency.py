"""How long each network takes on this server's CPU, measured when somebody asks for it."""

import pandas as pd
import streamlit as st

from cvcore.errors import ModelError
from cvcore.ui.frame import chart, escaped

RESULTS = "compare-latency"  # in the session: {(network, image, classes, batch): Latency or the line that refuses it}
KEPT = 64


def show(networks: list, colours: list[str], image: tuple[int, int, int], classes: int) -> None:
    """The button that measures, and what was measured for these networks."""
    st.subheader("Measured speed", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch = st.segmented_control(
            "Images in a batch",
            [1, 8, 32],
            default=1,
            required=True,
            key="batch",
            bind="query-params",
            help="How many images pass the network at once.",
        )
        asked = st.button(
            "Measure on this CPU",
            icon=":material/timer:",
            key="compare-measure",
            help="Times predictions of every network here, some seconds each. Nothing is downloaded.",
        )
    keys = [(each.name, image, classes, batch or 1) for each in networks]
    results = st.session_state.setdefault(RESULTS, {})
    if asked:
        _measure(networks, keys, results)
    known = [
        (each, colour, results[key])
        for each, colour, key in zip(networks, colours, keys, strict=True)
        if key in results
    ]
    for _, _, found in known:
        if isinstance(found, str):
            st.warning(escaped(found), icon=":material/memory:")
    measured = [(each, colour, found) for each, colour, found in known if not isinstance(found, str)]
    if measured:
        _draw(measured)
    elif not known:
        st.caption(
            "Mult-adds do not tell seconds: memory traffic, small layers and grouped convolutions cost time too. "
            "Measure to see."
        )


def _measure(networks: list, keys: list[tuple], results: dict) -> None:
    """Measure all networks in turn. The button Stop, or any other control, ends it: what is done is kept."""
    from cvcore.analysis.latency import measure

    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Measuring …", width=420)
        st.button("Stop", key="compare-stop", icon=":material/stop:", help="Keep what is measured so far.")
    for number, (each, key) in enumerate(zip(networks, keys, strict=True)):

        def told(done: int, total: int, number: int = number, label: str = each.label) -> None:
            share = (number + done / total) / len(networks)
            bar.progress(share, text=f"{escaped(label)}: run {done} of at most {total}")

        bar.progress(number / len(networks), text=f"{escaped(each.label)}: building and warming up")
        name, image, classes, batch = key
        try:
            results[key] = measure(name, image, classes, batch=batch, progress=told)
        except ModelError as error:
            results[key] = str(error)
        while len(results) > KEPT:
            del results[next(iter(results))]
    place.empty()


def _draw(measured: list[tuple]) -> None:
    from cvcore.plots.compare import latencies

    labels, found = [each.label for each, _, _ in measured], [each for _, _, each in measured]
    told = "; ".join(f"{label}: {1e3 * each.median:.3g} ms" for label, each in zip(labels, found, strict=True))
    chart(
        latencies(found, labels, [colour for _, colour, _ in measured]),
        key="compare-latencies",
        alt=f"Median time of a batch. {told}",
    )
    table = pd.DataFrame(
        {
            "network": labels,
            "median": [1e3 * each.median for each in found],
            "quartiles": [" – ".join(f"{1e3 * edge:.3g}" for edge in each.spread) for each in found],
            "image": [1e3 * each.median / each.batch for each in found],
            "rate": [each.batch / each.median for each in found],
            "runs": [len(each.seconds) for each in found],
        }
    )
    st.dataframe(
        table,
        key="compare-latency-table",
        hide_index=True,
        column_config={
            "network": st.column_config.TextColumn("Network"),
            "median": st.column_config.NumberColumn("Median (ms a batch)", format="%.3g"),
            "quartiles": st.column_config.TextColumn(
                "Quartiles (ms)",
                alignment="right",
                help="A quarter of the runs was faster than the first, a quarter slower than the second",
            ),
            "image": st.column_config.NumberColumn("ms an image", format="%.3g"),
            "rate": st.column_config.NumberColumn("Images a second", format="%.3g"),
            "runs": st.column_config.NumberColumn("Timed runs"),
        },
    )
    one = found[0]
    threads, images = _counted(one.threads, "thread"), _counted(one.batch, "image")
    st.caption(
        f"CPU of this server, {threads}, float32, {images} a batch, random weights, evaluation mode, after "
        f"{one.warm_up} warm-up runs. Other visitors' work on the server slows it down."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"
