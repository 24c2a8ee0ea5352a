"""The editable list of a pipeline's steps. The steps live in the session; widgets only change them."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cvcore.data.transforms.kinds import KINDS, Param
from cvcore.data.transforms.steps import Pipeline, Step, inserted, summary
from cvcore.data.transforms.trace import State
from cvcore.errors import ConfigError
from cvcore.ui.frame import errors_as_lines

MAX_STEPS = 12


def pipeline(prefix: str) -> Pipeline:
    """The steps as they are now."""
    return tuple(step for _, step in _rows(prefix))


def is_empty(prefix: str) -> bool:
    """Whether nothing was put in yet, not even an empty list."""
    return _key(prefix) not in st.session_state


def replace(prefix: str, steps: Sequence[Step]) -> None:
    """Put `steps` in the place of all that are there. Steps that stay keep their widgets."""
    rows = dict(_rows(prefix))
    numbers = {id(step): number for number, step in rows.items()}
    new = []
    for step in steps:
        number = numbers.pop(id(step), None)
        if number is None:
            number = st.session_state[f"{prefix}-made"] = st.session_state.get(f"{prefix}-made", 0) + 1
        new.append((number, step))
    st.session_state[_key(prefix)] = tuple(new)
    st.session_state.pop(_problem(prefix), None)


def add(prefix: str, step: Step) -> None:
    """Put `step` where it belongs."""
    replace(prefix, inserted(pipeline(prefix), step))


def draw(prefix: str, states: Sequence[State] | None) -> None:
    """The steps with their controls; `states` are those before the first step and after each, None if none can run."""
    for position, (number, step) in enumerate(_rows(prefix)):
        with st.container(horizontal=True, horizontal_alignment="distribute", gap="xsmall", wrap=False):
            told = [summary(step)]
            if states and states[position].text != states[position + 1].text:
                told.append(f"→ {states[position + 1].text}")
            st.markdown(f"**{step.name}**  \n:small[:gray[{' '.join(told)}]]")
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content", wrap=False):
                _edit(prefix, number, step)
                _move(prefix, position, -1, "Up", ":material/arrow_upward:")
                _move(prefix, position, 1, "Down", ":material/arrow_downward:")
                _remove_button(prefix, number, step)
    if _problem(prefix) in st.session_state:
        with errors_as_lines():
            raise st.session_state.pop(_problem(prefix))
    full = len(_rows(prefix)) >= MAX_STEPS
    st.selectbox(
        "Add a step",
        list(KINDS),
        index=None,
        key=f"{prefix}-add",
        placeholder=f"at most {MAX_STEPS} steps" if full else "choose a step …",
        disabled=full,
        format_func=lambda name: name,
        help=f"At most {MAX_STEPS} steps: remove one first." if full else "It goes where it belongs; move it at will.",
        on_change=_add_chosen,
        args=(prefix,),
    )


def _edit(prefix: str, number: int, step: Step) -> None:
    """A popover with what the step does and its parameters."""
    help_ = f"What {step.name} does, and its values."
    with st.popover("Edit", type="tertiary", key=f"{prefix}-{number}-edit", help=help_), st.container(width=290):
        st.caption(step.kind.about)
        for param in step.kind.params:
            _control(f"{prefix}-{number}-{param.name}", param, step.values[param.name], (prefix, number, param))


def _control(key: str, param: Param, value: Any, args: tuple) -> None:
    """The widget for one parameter; every change is written back into the step."""
    common = {"key": key, "help": f"`{param.name}`: {param.about}", "on_change": _changed, "args": args}
    match param.kind:
        case "bool":
            st.toggle(param.label, value, **common)
        case "choice":
            st.segmented_control(param.label, param.choices, default=value, **common)
        case "int":
            st.number_input(param.label, int(param.low), int(param.high), value, **common)
        case "float":
            low, high, step = float(param.low), float(param.high), 0.05 if param.high <= 1 else 1.0
            st.slider(param.label, low, high, float(value), step, **common)
        case "span" if param.is_whole:
            st.slider(param.label, int(param.low), int(param.high), value, **common)
        case "span":
            st.slider(param.label, float(param.low), float(param.high), value, 0.01, **common)
        case "values":
            st.text_input(param.label, _text(value), **common)
        case "size":
            _size_control(key, param, value, common)


def _text(value: tuple[float, ...]) -> str:
    return ", ".join(f"{each:g}" for each in value)


def _size_control(key: str, param: Param, value: tuple[int, ...], common: dict) -> None:
    """One number or two, and the choice between them."""
    one = "Shorter side" if "shorter" in param.about else "Square"
    form = one if len(value) == 1 else "Height × width"
    st.segmented_control(
        "Size given as", [one, "Height × width"], default=form, required=True, **{**common, "key": f"{key}-form"}
    )
    labels = ["Height (px)", "Width (px)"] if len(value) == 2 else [f"{one} (px)"]
    for label, each, end in zip(labels, value, ("first", "second"), strict=False):
        own = {**common, "key": f"{key}-{end}-{len(value)}"}
        st.number_input(label, int(param.low), int(param.high), each, **own)


def _read(key: str, param: Param, old: Any) -> Any:
    """What the widget of `param` holds, as Step takes it."""
    state = st.session_state
    if param.kind == "values":
        try:
            return tuple(float(each) for each in state[key].replace(";", ",").split(","))
        except ValueError as error:
            raise ConfigError(
                f"{param.label}: given {state[key]!r}, it should be numbers with commas between them, as 0.5, 0.5, 0.5"
            ) from error
    if param.kind != "size":
        return state[key]
    numbers = [state.get(f"{key}-{end}-{len(old)}", each) for end, each in zip(("first", "second"), old, strict=False)]
    pair = state[f"{key}-form"] == "Height × width"
    return (numbers[0], numbers[-1]) if pair else (numbers[0],)


def _changed(prefix: str, number: int, param: Param) -> None:
    """Take over what the widget of `param` holds; what is not allowed is said, and the old value comes back."""
    rows = dict(_rows(prefix))
    if number not in rows:
        return
    key, old = f"{prefix}-{number}-{param.name}", rows[number].values[param.name]
    try:
        rows[number] = rows[number].having(**{param.name: _read(key, param, old)})
    except ConfigError as error:
        st.session_state[_problem(prefix)] = error
        st.session_state[key] = _text(old) if param.kind == "values" else old
    st.session_state[_key(prefix)] = tuple(rows.items())


def _move(prefix: str, position: int, by: int, label: str, icon: str) -> None:
    """A button that lets a step change places with its neighbour."""
    number, step = _rows(prefix)[position]
    ends = not 0 <= position + by < len(_rows(prefix))
    edge = "first" if by < 0 else "last"
    st.button(
        "",
        icon=icon,
        key=f"{prefix}-{number}-{label.lower()}",
        type="tertiary",
        disabled=ends,
        help=f"{step.name} is the {edge} step" if ends else f"Move {step.name} {label.lower()}",
        on_click=_swap,
        args=(prefix, position, position + by),
    )


def _remove_button(prefix: str, number: int, step: Step) -> None:
    st.button(
        "",
        icon=":material/close:",
        key=f"{prefix}-{number}-remove",
        type="tertiary",
        help=f"Remove {step.name}",
        on_click=_remove,
        args=(prefix, number),
    )


def _swap(prefix: str, one: int, other: int) -> None:
    rows = list(_rows(prefix))
    rows[one], rows[other] = rows[other], rows[one]
    st.session_state[_key(prefix)] = tuple(rows)


def _remove(prefix: str, number: int) -> None:
    st.session_state[_key(prefix)] = tuple(row for row in _rows(prefix) if row[0] != number)


def _add_chosen(prefix: str) -> None:
    name = st.session_state[f"{prefix}-add"]
    if name:
        add(prefix, Step(name))
    st.session_state[f"{prefix}-add"] = None


def _rows(prefix: str) -> tuple[tuple[int, Step], ...]:
    """Steps with a number each that no other step of this list ever had: the keys of their widgets hang on it."""
    return st.session_state.get(_key(prefix), ())


def _key(prefix: str) -> str:
    return f"{prefix}-steps"


def _problem(prefix: str) -> str:
    return f"{prefix}-problem"
