"""One step: a map before and after ReLU, pooling, BatchNorm or Dropout, in evaluation and in training mode."""

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.plots.inside_steps import step_figure, step_histogram
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_images import Subject, receives
from cvcore.ui.architectures.inside_layers import choose_channel, choose_layer, effect_of, maps_text, number, percent
from cvcore.ui.architectures.inside_maps import limit_of
from cvcore.ui.architectures.inside_weights import Weights, anatomy_of
from cvcore.ui.frame import chart, is_dark, metric_row
from cvcore.ui.glossary import tip

KINDS = {"activation": "Activation", "pooling": "Pooling", "batchnorm": "BatchNorm", "dropout": "Dropout"}
EXPLANATION = {
    "activation": """
An **activation** changes every value by itself, in both modes alike. **ReLU** keeps what is positive and sets the rest
to exactly 0; the fold at 0 is what lets layers do more together than one linear layer could. **Tanh** and **sigmoid**
squeeze large values into a fixed range, where their slope, and with it the gradient, is almost 0.
""",
    "pooling": """
**Pooling** replaces each window by its largest value or its mean, in both modes alike. It has no weights and works on
each channel by itself. The map becomes smaller, what lies behind it cheaper, and the exact place of a feature is
forgotten. Max pooling raises the mean of a map, average pooling keeps it.
""",
    "batchnorm": """
**BatchNorm** (Ioffe and Szegedy, 2015) subtracts a mean from each channel and divides by a standard deviation, then
applies a learned scale γ and shift β. **In training** mean and variance are those of the batch at hand, over images,
rows and columns: the result for one image depends on the others. Meanwhile running averages are kept. **In evaluation**
those are used instead, so that an image has the same result whatever comes with it. Where the two differ much (tiny
batches, other data), a network that trained well predicts badly. Shown here is this layer alone: the layers before it
run in evaluation mode both times. It runs on a copy, so its running averages do not move.
""",
    "dropout": """
**Dropout** (Srivastava et al., 2014) sets each value to 0 with probability p **in training**, drawn anew for every
image, so that no unit can rely on another one. All others are multiplied by 1 / (1 − p), so that the expected value
stays the same. **In evaluation** it does nothing at all. Forgetting `model.eval()` makes predictions random.
""",
}


def show(weights: Weights, subject: Subject) -> None:
    """The view."""
    steps = anatomy_of(weights).steps
    found = {kind: label for kind, label in KINDS.items() if any(step.kind == kind for step in steps)}
    if not found:
        st.info(
            "This network has no activation, pooling, BatchNorm or Dropout that is a layer of its own: choose another.",
            icon=":material/info:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = choose_layer(weights)
        step = _nearest(weights, chosen, found)
        seed = 0
        if step.kind == "dropout":
            seed = st.number_input(
                "Dropout seed",
                0,
                2**31 - 1,
                key="inside-drop",
                bind="query-params",
                help="Decides what is dropped.",
                width=130,
            )
        place = st.container(width="content")
    if step != chosen:
        st.caption(f"{chosen.key} is a {chosen.type}. Shown is the nearest step of the chosen kind, **{step.key}**.")
    effect, batch = effect_of(weights, subject, step.key, seed)
    is_vector = effect.before[0].size == 1
    channel = 0
    if not is_vector:
        from cvcore.analysis.inside.anatomy import strongest_first

        with place:
            channel = choose_channel(len(effect.before), int(strongest_first(effect.evaluation)[0]))
    before, evaluation, training = (
        _square(maps) if is_vector else maps[channel] for maps in (effect.before, effect.evaluation, effect.training)
    )
    what = f"all {len(effect.before):,} values" if is_vector else f"channel {channel:,}"
    _pictures(step, effect, (before, evaluation, training), what)
    values = (before, evaluation, training)
    _metrics(step, effect, values)
    if effect.normalisation is not None:
        _normalisation(step, effect.normalisation, channel, batch)
    if is_vector:
        st.caption("This layer works on a vector: its values are drawn row by row, as a square without meaning.")
    st.caption(receives(subject, weights))
    with st.expander("What this shows", key="read-inside", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION[step.kind])


def _nearest(weights: Weights, chosen, found: dict[str, str]):
    """The step to show: of the kind that is asked for, else of the chosen layer's own kind or of that nearest to it."""
    from cvcore.analysis.inside.activations import nearest

    steps = anatomy_of(weights).steps
    first = nearest(steps, chosen, lambda step: bool(step.kind))
    label = st.segmented_control(
        "Nearest step",
        list(found.values()),
        default=following("inside-kind", found[first.kind], list(found.values())),
        required=True,
        key="inside-kind",
        bind="query-params",
        help="Which kind of step is shown: the one nearest to the chosen layer, in running order.",
    )
    kind = next((kind for kind, text in found.items() if text == label), first.kind)
    return nearest(steps, chosen, lambda step: step.kind == kind)


def _pictures(step, effect, values: tuple[np.ndarray, ...], what: str) -> None:
    """The map before and after on one scale, and the histograms."""
    from cvcore.analysis.inside.anatomy import shared_histogram

    before, evaluation, training = values
    if effect.is_same:
        shown, names = [before, evaluation], ["Before", "After, in both modes alike"]
    else:
        shown, names = [before, evaluation, training], ["Before", "After, evaluation", "After, training"]
    limit = max(limit_of(each) for each in shown)
    signed = any(bool(np.nanmin(each) < 0) for each in shown)
    figure = step_figure(shown, names, limit=limit, signed=signed, dark=is_dark())
    alt = f"{what} before and after {step.key}"
    chart(figure, key="inside-step", alt=alt)
    edges, counts = shared_histogram(*shown)
    chart(step_histogram(edges, counts, names), key="inside-histogram", alt=f"Histograms of {alt}")


def _metrics(step, effect, values: tuple[np.ndarray, ...]) -> None:
    before, evaluation, training = values
    rows = [
        ("Step", step.type, f"Its name in the network: {step.key}"),
        ("Before", maps_text(effect.before.shape), f"{_range(before)} in what is shown"),
        (
            "After",
            maps_text(effect.evaluation.shape),
            f"Evaluation {_range(evaluation)}, training {_range(training)}",
        ),
    ]
    if effect.dropping is not None:
        dropping = effect.dropping
        rows += [
            (
                "Dropped in training",
                percent(dropping.dropped),
                f"p = {dropping.p:g}, {effect.before.size:,} values",
            ),
            ("All others", f"× {number(dropping.factor)}", f"1 / (1 − {dropping.p:g}) = {number(dropping.factor)}"),
        ]
    elif step.kind == "activation":
        rows += [
            ("Negative before", percent(float(np.mean(before < 0))), "Share of the values shown"),
            ("Zeros after", percent(float(np.mean(evaluation == 0))), "Share of values that are exactly 0"),
        ]
    else:
        rows += [
            ("Mean before", number(float(np.nanmean(before))), "Of what is shown"),
            ("Mean after", _both(effect, evaluation, training, np.nanmean), "Evaluation, training where it differs"),
        ]
    metric_row(*rows)


def _both(effect, evaluation: np.ndarray, training: np.ndarray, measure) -> str:
    first, second = number(float(measure(evaluation))), number(float(measure(training)))
    return first if effect.is_same else f"{first} | {second}"


def _normalisation(step, numbers, channel: int, batch: int) -> None:
    """The statistics of the channel, and the formula with them put in."""
    rows = [("this batch", numbers.batch_mean, numbers.batch_var, "training")]
    if numbers.running_mean is not None:
        rows.append(("running averages", numbers.running_mean, numbers.running_var, "evaluation"))
        rows.append(("running averages after this batch", numbers.moved_mean, numbers.moved_var, "not kept here"))
    st.dataframe(
        pd.DataFrame(
            [
                {"statistics": name, "mean": mean[channel], "variance": var[channel], "used in": used}
                for name, mean, var, used in rows
            ]
        ),
        hide_index=True,
        width="content",
        column_config={
            "statistics": st.column_config.TextColumn(
                f"Channel {channel:,}: statistics of", width=230, help=f"What they are taken over. {tip('channel')}"
            ),
            "mean": st.column_config.NumberColumn("Mean μ", format="%.4g", help="Is subtracted from each value"),
            "variance": st.column_config.NumberColumn(
                "Variance σ²", format="%.4g", help="Values are divided by its root"
            ),
            "used in": st.column_config.TextColumn("Used in", help="The mode in which these are used"),
        },
    )
    images = "1 image" if batch == 1 else f"{batch} images"
    momentum = "" if numbers.momentum is None else f" Momentum {numbers.momentum:g}: its share in the running averages."
    st.caption(f"The batch: {images}, {numbers.values:,} values a channel.{momentum}")
    gamma, beta = (1.0, 0.0) if numbers.weight is None else (numbers.weight[channel], numbers.bias[channel])
    lines = []
    for used, mean, var in [("training", *rows[0][1:3])] + [(row[3], *row[1:3]) for row in rows[1:2]]:
        lines.append(
            f"{used}: y = (x {_added(-mean[channel])}) / √({number(var[channel])} + {number(numbers.eps)}) "
            f"· {number(gamma)} {_added(beta)}"
        )
    st.markdown("y = (x − μ) / √(σ² + ε) · γ + β, with the numbers of this channel  \n" + "  \n".join(lines))


def _square(maps: np.ndarray) -> np.ndarray:
    """The values of a vector [F, 1, 1] row by row in a grid that is about square; what is left over is empty."""
    values = maps.ravel()
    side = int(np.ceil(np.sqrt(len(values))))
    rows = -(-len(values) // side)
    return np.pad(values.astype(np.float32), (0, rows * side - len(values)), constant_values=np.nan).reshape(rows, side)


def _added(value: float) -> str:
    """
    >>> _added(-0.5), _added(0.0)
    ('− 0.5', '+ 0')
    """
    return f"{'−' if value < 0 else '+'} {number(abs(value))}"


def _range(values: np.ndarray) -> str:
    return f"{number(float(np.nanmin(values)))} … {number(float(np.nanmax(values)))}"
