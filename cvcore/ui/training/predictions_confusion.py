"""Confusion: the matrix of a run, or the difference of two, and the images of the cell that was chosen."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from cvcore.analysis import predictions as said
from cvcore.plots import confusion as plots
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import chart, escaped, is_dark
from cvcore.ui.runs import label
from cvcore.ui.training.predictions_runs import Look, number_of, percent, show_sheet

COUNTS, OF_TRUTH, OF_SAID = "images", "% of true class", "% of predicted"
ONE, TWO, DIFFERENCE = "the run", "the other run", "difference"
ALL = "all"
FEW = (20, 50)  # classes in most mistakes, where there are too many to read
MOST_IMAGES = 48
EXPLANATION = """
- **Rows are the truth, columns what the network said.** The diagonal holds the hits; a bright cell off it is a pair of
  classes that the network mixes up, in this direction.
- **% of true class** divides each row by its images: the diagonal is then the recall of each class. **% of predicted**
  divides each column: the diagonal is the precision. A row or column without images stays empty.
- **Difference** is the other run's matrix less the run's. Blue (more) is good on the diagonal and bad off it;
  vermilion (less) the other way round. Rows of counts sum to zero, as both saw the same images.
- Click a cell, or choose true and predicted class, to see its images; the most confident come first. Below each stand
  its number in the split and the probability that the network gave to the class it predicted.
"""


def show(looks: Sequence[Look]) -> None:
    """The view."""
    one, two = looks[0], looks[1] if len(looks) > 1 else None
    if two is not None and len(one.said) != len(two.said):
        st.caption("The two runs held out different numbers of images, so only shares of their matrices are compared.")
    if not len(one.said):
        st.info(f"There are no {one.what} images.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which, values, mistakes_only, shown = _controls(one, two)
    left, right = st.columns([1.15, 1], gap="large")
    with right:
        truth, guess = _choose_cell(one)
    with left:
        _matrix(one, two, which, values, mistakes_only, shown, (truth, guess))
    with right:
        for each in looks if which == DIFFERENCE else [two if which == TWO else one]:
            _images(each, truth, guess, name=label(each.run) if which == DIFFERENCE else "")
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _controls(one: Look, two: Look | None) -> tuple[str, str, bool, np.ndarray | None]:
    """(which matrix, in which values, whether without hits, labels of the classes shown; None: all, in blocks)."""
    which = ONE
    if two is not None:
        which = st.segmented_control(
            "Matrix of",
            [DIFFERENCE, ONE, TWO],
            default=DIFFERENCE,
            required=True,
            key="matrix",
            bind="query-params",
            help="Difference: the other run's matrix less the run's.",
        )
    values = st.segmented_control(
        "Cells",
        [COUNTS, OF_TRUTH, OF_SAID],
        default=COUNTS,
        required=True,
        key="cells",
        bind="query-params",
        help="Counts, or shares of each row (recall on the diagonal) or of each column (precision on the diagonal).",
    )
    mistakes_only = which != DIFFERENCE and st.toggle(
        "Mistakes only",
        key="mistakes",
        bind="query-params",
        help="Leave out the hits on the diagonal: the colours then tell mistakes apart.",
    )
    return which, values, mistakes_only, _choose_classes(one)


def _choose_classes(one: Look) -> np.ndarray | None:
    count = len(one.names)
    if count <= FEW[0]:
        return np.arange(count)
    options = [f"{few} in most mistakes" for few in FEW if few < count] + [ALL]
    chosen = st.selectbox(
        "Classes",
        options,
        index=options.index(following("classes", options[0], options)),
        key="classes",
        bind="query-params",
        help=f"Cells carry numbers up to {plots.MOST_NUMBERS} classes. All of more than {plots.MOST_CELLS} are summed "
        "in blocks of neighbours.",
        width=190,
    )
    if chosen == ALL:
        return np.arange(count) if count <= plots.MOST_CELLS else None
    return said.hardest_classes(one.matrix, int(chosen.split()[0]))


def _choose_cell(one: Look) -> tuple[int, int]:
    """(true, predicted) labels of the chosen cell; the one with most mistakes unless another is asked for."""
    names = list(one.names)
    first = (said.most_confused(one.matrix, 1) or [(0, 0)])[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = [
            st.selectbox(
                text,
                names,
                index=names.index(following(key, names[default], names)),
                key=key,
                bind="query-params",
                help=explanation,
                width=150,
            )
            for text, key, default, explanation in (
                ("True class", "truth", first[0], "What the images show. Or click a cell of the matrix."),
                ("Predicted class", "guess", first[1], "What the network said. Or click a cell of the matrix."),
            )
        ]
    truth, guess = (names.index(name) if name in names else place for name, place in zip(chosen, first, strict=True))
    return truth, guess


def _matrix(
    one: Look,
    two: Look | None,
    which: str,
    values: str,
    mistakes_only: bool,
    shown: np.ndarray | None,
    cell: tuple[int, int],
) -> None:
    looks = (
        [one, two] if which == DIFFERENCE and two is not None else [two if which == TWO and two is not None else one]
    )
    unequal = which == DIFFERENCE and len({len(each.said) for each in looks}) > 1
    values = OF_TRUTH if unequal and values == COUNTS else values
    blocks = 1 if shown is not None else -(-len(one.names) // plots.MOST_CELLS)
    parts = [_cells(each.matrix, values, shown, blocks) for each in looks]
    counts = sum(_picked(each.matrix, shown, blocks) for each in looks)
    drawn = plots.Cells(
        parts[1] - parts[0] if which == DIFFERENCE and two is not None else parts[0],
        counts,
        _names(one.names, shown, blocks),
        percent=values != COUNTS,
    )
    labels = np.arange(len(one.names)) if shown is None else shown
    frame = None
    if blocks == 1 and cell[0] in labels and cell[1] in labels:
        frame = (int(np.searchsorted(labels, cell[0])), int(np.searchsorted(labels, cell[1])))
    if which == DIFFERENCE and two is not None:
        figure = plots.difference_figure(drawn, dark=is_dark(), chosen=frame, clickable=blocks == 1)
    else:
        figure = plots.confusion_figure(drawn, chosen=frame, mistakes_only=mistakes_only, clickable=blocks == 1)
    pairs = [(int(labels[row]), int(labels[column])) for row, column in plots.clickable_cells(counts)]
    key = f"confusion-{which.replace(' ', '-')}-{one.run.run_id[-6:]}-{len(labels)}"
    chart(
        figure,
        key=key,
        alt=f"Confusion matrix ({which}) of {label(looks[-1].run)} on {one.what} images; a click shows a cell's images",
        **({"on_select": partial(_clicked, key, pairs, one.names), "selection_mode": "points"} if blocks == 1 else {}),
    )
    _say_what_is_left_out(one, shown, blocks)


def _picked(matrix: np.ndarray, shown: np.ndarray | None, blocks: int) -> np.ndarray:
    return said.in_blocks(matrix, blocks) if shown is None else matrix[np.ix_(shown, shown)]


def _cells(matrix: np.ndarray, values: str, shown: np.ndarray | None, blocks: int) -> np.ndarray:
    """The values to draw. Shares are of whole rows and columns, also where only some classes are shown."""
    if values == COUNTS:
        return _picked(matrix, shown, blocks).astype(np.float64)
    axis = 1 if values == OF_TRUTH else 0
    if blocks > 1:
        return 100 * said.shares(said.in_blocks(matrix, blocks), axis)
    return 100 * _picked(said.shares(matrix, axis), shown, blocks)


def _names(names: tuple[str, ...], shown: np.ndarray | None, blocks: int) -> tuple[str, ...]:
    if shown is not None:
        return tuple(names[each] for each in shown)
    return tuple(f"{names[start]} …" for start in range(0, len(names), blocks))


def _say_what_is_left_out(one: Look, shown: np.ndarray | None, blocks: int) -> None:
    if blocks > 1:
        st.caption(
            f"Each cell sums {blocks}×{blocks} neighbouring classes. Choose fewer classes to click single cells."
        )
    elif len(shown) < len(one.names):
        st.caption(f"{len(shown)} of {len(one.names):,} classes: those in most mistakes of the run.")
    empty = [name for name, images in zip(one.names, one.matrix.sum(axis=1), strict=True) if not images]
    if empty:
        more = f" and {len(empty) - 5:,} more" if len(empty) > 5 else ""
        st.caption(f"Without {one.what} images: {escaped(', '.join(empty[:5]))}{more}.")


def _clicked(key: str, pairs: list[tuple[int, int]], names: tuple[str, ...]) -> None:
    points = [
        point["point_index"] for point in st.session_state[key].selection.points if point.get("curve_number", 1) == 1
    ]
    if points and points[-1] < len(pairs):  # a second click unselects the cell, which changes nothing here
        truth, guess = pairs[points[-1]]
        st.session_state.update(truth=names[truth], guess=names[guess])


def _images(found: Look, truth: int, guess: int, name: str) -> None:
    """The images of the cell as one sheet."""
    places = said.in_cell(found.said, truth, guess)
    true, predicted = (escaped(found.names[each]) for each in (truth, guess))
    of_all = int(found.matrix[truth].sum())
    if name:
        st.markdown(f":small[{escaped(name)}]")
    what = f"**{true}** recognised" if truth == guess else f"**{true}** taken for **{predicted}**"
    if not of_all:
        st.info(f"There are no {found.what} images of {true}.", icon=":material/info:")
        return
    st.markdown(f"{what}: {len(places):,} of {of_all:,} {found.what} images ({100 * len(places) / of_all:.3g} %)")
    if not len(places):
        return
    shown = places[:MOST_IMAGES]
    captions = [f"{number_of(found, place)} · {percent(found.said.confidence[place])}" for place in shown]
    said_to_be = f"{found.names[truth]} that were said to be {found.names[guess]}"
    alt = f"{len(shown)} images of {said_to_be}: {', '.join(captions[:8])}"
    show_sheet(found, shown, captions, columns=6, tile=80, alt=alt)
    if len(shown) < len(places):
        st.caption(f"The {len(shown)} most confident.")
