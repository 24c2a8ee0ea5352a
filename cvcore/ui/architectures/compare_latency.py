"""How long each network takes on this server's CPU, measured when somebody asks for it.

That it was asked for is in the address. Seconds are not: they belong to the machine and its load, so who opens a link
sees them measured anew, here, and not the numbers of another one.
"""

import pandas as pd
import streamlit as st

from cvcore.errors import ModelError
from cvcore.ui.frame import chart, escaped
from cvcore.ui.glossary import tip

RESULTS = "compare-latency"  # in the session: {(network, image, classes, batch): Latency or the line that refuses it}
KEPT = 64
STOPPED = "compare-stopped"  # in the session: what is not to be measured, as somebody pressed Stop


def show(networks: list, colours: list[str], image: tuple[int, int, int], classes: int) -> None:
    """The switch that measures, and what was measured for these networks."""
    st.subheader("Measured speed", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch = st.segmented_control(
            "Images in a batch",
            [1, 8, 32],
            default=1,
            required=True,
            key="batch",
            bind="query-params",
            help=f"How many images pass the network at once. {tip('batch')}",
        )
        wanted = st.toggle(
            "Measure on this CPU",
            key="measured",
            bind="query-params",
            on_change=_go_on,
            help="Times predictions of every network here, some seconds each. Nothing is downloaded. The address keeps "
            "that you asked, not the numbers: they are this machine's.",
        )
    if not wanted:
        st.caption(
            "Mult-adds do not tell seconds: memory traffic, small layers and grouped convolutions cost time too. "
            "Measure to see."
        )
        return
    keys = [(each.name, image, classes, batch or 1) for each in networks]
    results = st.session_state.setdefault(RESULTS, {})
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
    if len(known) < len(networks):
        st.button(
            "Measure the rest", icon=":material/timer:", key="compare-go-on", on_click=_go_on, help="It was stopped."
        )


def _go_on() -> None:
    """Callback: measure what was stopped."""
    st.session_state[STOPPED] = set()


def _stop(keys: list[tuple]) -> None:
    """Callback: do not begin these again by yourself."""
    st.session_state[STOPPED] = set(keys)


def _measure(networks: list, keys: list[tuple], results: dict) -> None:
    """Measure the networks that are not yet, in turn. Stop, or any other control, ends it: what is done is kept."""
    stopped = st.session_state.get(STOPPED, set())
    missing = [pair for pair in zip(networks, keys, strict=True) if pair[1] not in results and pair[1] not in stopped]
    if not missing:
        return
    from cvcore.analysis.latency import measure

    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Measuring …", width=420)
        st.button(
            "Stop",
            key="compare-stop",
            icon=":material/stop:",
            on_click=_stop,
            args=(keys,),
            help="Keep what is measured so far.",
        )
    for number, (each, key) in enumerate(missing):

        def told(done: int, total: int, number: int = number, label: str = each.label) -> None:
            share = (number + done / total) / len(missing)
            bar.progress(share, text=f"{escaped(label)}: run {done} of at most {total}")

        bar.progress(number / len(missing), text=f"{escaped(each.label)}: building and warming up")
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
            "network": st.column_config.TextColumn("Network", help="With random weights, in evaluation mode"),
            "median": st.column_config.NumberColumn(
                "Median (ms a batch)", format="%.3g", help=f"Half of the runs were faster. {tip('batch')}"
            ),
            "quartiles": st.column_config.TextColumn(
                "Quartiles (ms)",
                alignment="right",
                help="A quarter of the runs was faster than the first, a quarter slower than the second",
            ),
            "image": st.column_config.NumberColumn(
                "ms an image", format="%.3g", help="Median, divided by the images in a batch"
            ),
            "rate": st.column_config.NumberColumn(
                "Images a second", format="%.3g", help="Images in a batch, divided by the median"
            ),
            "runs": st.column_config.NumberColumn(
                "Timed passes", help=f"After those that warm up. {tip('forward pass')}"
            ),
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
