"""What a pipeline of transforms makes of an image, and what of it a network receives."""

import random

import streamlit as st

from cvcore.data.dataset import Dataset
from cvcore.data.transforms import pipeline as transforms
from cvcore.data.transforms import presets as transform_presets
from cvcore.data.transforms.presets import Preset
from cvcore.data.transforms.remarks import remarks
from cvcore.data.transforms.steps import Pipeline, is_random, summary
from cvcore.data.transforms.trace import ImpossiblePipelineError, State, trace
from cvcore.ui.datasets import transform_editor, transform_pictures
from cvcore.ui.datasets.transform_pictures import Drawn, Source, Subject
from cvcore.ui.frame import errors_as_lines, metric_row
from cvcore.ui.numbers import shape
from cvcore.ui.preload import wait_for_torch

MAX_RESULTS, MAX_SEED = 12, 99_999
SUGGESTED = "suggested"


def show(dataset: Dataset, split: str, source: Source | None = None) -> None:
    """Build a pipeline, and see an image of `split` beside what the pipeline makes of it.

    `source(split, index)` gives the original picture where the set has files; without it the stored image is used.
    """
    if not len(dataset.split(split)):
        st.caption(f"The {split} split has no images.")
        return
    wait_for_torch()
    _section(dataset, split, source)


@st.fragment
def _section(dataset: Dataset, split: str, source: Source | None) -> None:
    with errors_as_lines():
        prefix = f"transforms-{dataset.name}"
        left, right = st.columns([3, 4], gap="medium", vertical_alignment="bottom")
        with right.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
            chosen = _choose_image(prefix, dataset, split, source)
            with left:
                preset = _choose_preset(prefix, *chosen.shape)
            pipeline = transform_editor.pipeline(prefix)
            seeds = _choose_seeds(prefix, is_random(pipeline))
        st.caption(preset.about)
        if source and not chosen.from_file:
            st.caption("The file of this image cannot be read now, so it starts from the smaller stored image.")
        pictures, steps = st.columns([8, 5], gap="large")
        with pictures:
            states, drawn = _show_pictures(prefix, chosen, pipeline, seeds)
        with steps:
            _show_steps(prefix, preset, states)
        if drawn:
            _show_numbers(drawn, len(seeds))
            _show_remarks(pipeline, chosen)
        st.subheader("Code", anchor=False)
        st.code(transforms.code(pipeline), language="python", wrap_lines=True)
        st.caption("`transform(image)` takes a PIL picture, so it can be the `transform=` of torchvision's data sets.")


def _choose_image(prefix: str, dataset: Dataset, split: str, source: Source | None) -> Subject:
    """The image that was chosen by its number."""
    key, count = f"{prefix}-{split}-image", len(dataset.split(split))
    help_ = f"Which image of the {split} split, 0 to {count - 1:,}."
    index = st.number_input("Image", 0, count - 1, key=key, width=78, help=help_)
    st.button(
        "Another image",
        key=f"{key}-another",
        icon=":material/casino:",
        help="Show an image drawn at random.",
        on_click=lambda: st.session_state.update({key: random.randrange(count)}),
    )
    return transform_pictures.subject(dataset, split, index, source)


def _choose_preset(prefix: str, size: tuple[int, int], channels: int) -> Preset:
    """The chosen preset; choosing another one replaces the steps."""
    # kept from the first image on: the next photograph may have another size
    suggested = st.session_state.setdefault(f"{prefix}-{SUGGESTED}", transform_presets.suggested(size, channels))

    def found(name: str) -> Preset:
        return suggested if name == SUGGESTED else transform_presets.preset(name)

    key = f"{prefix}-preset"
    titles = {SUGGESTED: suggested.title, **{name: p.title for name, p in transform_presets.PRESETS.items()}}
    name = st.selectbox(
        "Start from",
        [*titles, *transform_presets.weight_names()],
        key=key,
        persist_state="session",
        format_func=lambda name: titles.get(name) or f"Weights: {name.replace('_Weights.', ' · ')}",
        help="A preset: those of the tutorials, then what each of torchvision's weights expects. Type to search.",
        on_change=lambda: transform_editor.replace(prefix, found(st.session_state[key]).pipeline),
    )
    chosen = found(name)
    if transform_editor.is_empty(prefix):
        transform_editor.replace(prefix, chosen.pipeline)
    return chosen


def _choose_seeds(prefix: str, random_steps: bool) -> tuple[int, ...]:
    """One seed for each result to show."""
    why = "" if random_steps else " Nothing is random in these steps, so there is one result."
    help_ = f"How many random results to show, 1 to {MAX_RESULTS}.{why}"
    options = {"disabled": not random_steps, "width": 78}
    count = st.number_input("Results", 1, MAX_RESULTS, 8, key=f"{prefix}-results", help=help_, **options)
    help_ = f"The first result is drawn with this seed, each next with the next: same seed, same result.{why}"
    seed = st.number_input("Seed", 0, MAX_SEED, 0, key=f"{prefix}-seed", help=help_, **options)
    return tuple(range(seed, seed + (count if random_steps else 1)))


def _show_steps(prefix: str, preset: Preset, states: list[State] | None) -> None:
    """The steps to edit, and the way back to those of the preset."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False):
        st.subheader("Steps", anchor=False, help="They run from top to bottom; → is the shape that a step leaves.")
        same = transform_editor.pipeline(prefix) == preset.pipeline
        st.button(
            "Reset",
            key=f"{prefix}-reset",
            type="tertiary",
            icon=":material/undo:",
            disabled=same,
            help="These are the steps of the preset." if same else "Changed: back to the steps of the preset.",
            on_click=transform_editor.replace,
            args=(prefix, preset.pipeline),
        )
    transform_editor.draw(prefix, states)


def _show_pictures(
    prefix: str, chosen: Subject, pipeline: Pipeline, seeds: tuple[int, ...]
) -> tuple[list[State] | None, Drawn | None]:
    """Draw the image beside the results, or say what stands in the way; the pipeline's states and what was drawn."""
    try:
        states = trace(pipeline, *chosen.shape)
        drawn = transform_pictures.draw(chosen, pipeline, seeds)
    except ImpossiblePipelineError as error:
        with errors_as_lines():
            raise
        if error.missing:
            st.button(
                f"Add {error.missing.name}, {summary(error.missing)}",
                key=f"{prefix}-mend",
                icon=":material/add:",
                help="Put this step where it belongs.",
                on_click=transform_editor.add,
                args=(prefix, error.missing),
            )
        st.image(transform_pictures.alone(chosen), alt=f"An image of {chosen.dataset.name}, class {chosen.label}")
        return None, None
    results = "a result" if drawn.results == 1 else f"{drawn.results} results"
    st.image(drawn.png, alt=f"An image of {chosen.dataset.name}, class {chosen.label}, and {results} of the pipeline")
    if not is_random(pipeline):
        st.caption("Nothing here is random: the same image always gives the same tensor, so this is all there is.")
    return states, drawn


def _show_numbers(drawn: Drawn, results: int) -> None:
    """What the network receives."""
    of = " Of the first result." if results > 1 else ""
    axes = ("crops × " if len(drawn.shape) == 4 else "") + "channels × height × width"
    metric_row(
        (f"The network receives ({drawn.dtype})", shape(drawn.shape), f"Shape of the tensor: {axes}.{of}"),
        ("Range", f"{_number(drawn.low)} … {_number(drawn.high)}", f"Lowest and highest value of the tensor.{of}"),
        ("Mean", _numbers(drawn.mean), f"Mean of each channel.{of}"),
        ("Standard deviation", _numbers(drawn.std), f"Standard deviation of each channel.{of}"),
    )
    if drawn.clipped:
        st.caption(
            f"{100 * drawn.clipped:.2g} % of the values lie outside 0..1 once Normalize is undone; the pictures show "
            "them cut off at 0 or 1."
        )


def _show_remarks(pipeline: Pipeline, chosen: Subject) -> None:
    found = remarks(pipeline, *chosen.shape, chosen.split)
    if found:
        st.info(found[0] if len(found) == 1 else "\n".join(f"- {text}" for text in found), icon=":material/lightbulb:")


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(map(_number, values))


def _number(value: float) -> str:
    """Three digits or so, with a proper minus.

    >>> _number(-2.1179), _number(123.68)
    ('−2.12', '124')
    """
    return f"{value:.{2 if abs(value) < 10 else 0}f}".replace("-", "−")
