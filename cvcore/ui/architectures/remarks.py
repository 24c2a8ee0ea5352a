"""What a reviewer would say of a network: findings with reason and fix, and what was checked."""

import streamlit as st

from cvcore.ui.frame import errors_as_lines, escaped
from cvcore.ui.glossary import tip

# colour, icon and plural of each level, by the names of Streamlit's Markdown
LOOKS = {
    "mistake": ("red", ":material/error:", "mistakes"),
    "caution": ("orange", ":material/warning:", "cautions"),
    "note": ("blue", ":material/info:", "notes"),
}
GOOD = ":green[:material/check:]"
LOSSES = {"cross-entropy": "cross_entropy", "NLL": "nll"}
MAX_BATCH, MAX_CLASSES = 4096, 100_000
WIDTH = 860  # pixels; longer lines are hard to read


@st.cache_data(max_entries=128, show_spinner=False)
def findings_of(name: str, image: tuple[int, int, int], classes: int, loss: str, batch: int, labels: int | None):
    """The findings; the network runs once without contents, which takes a second where it is deep."""
    from cvcore.analysis.lint import lint

    return lint(name, image, classes, loss=loss, batch_size=batch, data_classes=labels)


@st.cache_data(max_entries=1, show_spinner=False)
def rules() -> dict[str, str]:
    """Every rule's short name, and what holds where it finds nothing."""
    from cvcore.analysis.lint import RULES

    return {rule.name: rule.holds for rule in RULES.values()}


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section: how the network is to be trained, what there is to say, and what was checked."""
    with errors_as_lines():
        loss, batch, labels = _controls(classes)
        with st.spinner("Reading the network …"):
            found = findings_of(name, image, classes, loss, batch, labels)
        if found:
            _list(found)
            with st.expander(f"What was checked: {len(rules())} rules", key="read-rules", bind="query-params"):
                _checks({finding.rule for finding in found})
        else:
            st.markdown("#### :green[:material/check_circle:] Nothing to remark on")
            st.markdown(f"All {len(rules())} rules were applied, and none found anything:")
            _checks(set())
        _explain()


def _controls(classes: int) -> tuple[str, int, int | None]:
    """The loss, the batch size, and the number of classes in the data, None for as many as the network has."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        loss = st.segmented_control(
            "Trained with",
            list(LOSSES),
            default="cross-entropy",
            required=True,
            key="train_loss",
            bind="query-params",
            help="The loss. Cross-entropy takes raw logits (nn.CrossEntropyLoss); NLL, the negative log-likelihood, "
            "takes log-probabilities (nn.NLLLoss after LogSoftmax).",
        )
        batch = st.number_input(
            "Batch size",
            1,
            MAX_BATCH,
            32,
            key="train_batch",
            bind="query-params",
            width=120,
            help=f"{tip('batch size')} BatchNorm takes its statistics from them.",
        )
        labels = st.number_input(
            "Classes in the data",
            1,
            MAX_CLASSES,
            None,
            key="data_classes",
            bind="query-params",
            width=150,
            placeholder=f"{classes:,}",
            help="Where the data set has another number of classes than the network has outputs. Empty: the same. "
            f"{tip('class')}",
        )
    return LOSSES[loss], batch, labels


def _list(found) -> None:
    """How many findings of each level, then each with its place, reason and fix."""
    st.markdown(" ".join(_count(level, found) for level in LOOKS))
    for finding in found:
        colour, icon, _ = LOOKS[finding.level]
        place = f"layer `{finding.where}`" if finding.where else "the whole network"
        with st.container(gap=None, width=WIDTH):
            st.markdown(
                f":{colour}[{icon} **{finding.level.capitalize()}**] · {place} · :gray[{finding.rule}]  \n"
                f"{escaped(finding.message)}  \n"
                f":gray[:material/build: Fix:] {escaped(finding.fix)}"
            )


def _count(level: str, found) -> str:
    """A badge such as "2 mistakes"; grey where there are none."""
    colour, icon, plural = LOOKS[level]
    count = sum(finding.level == level for finding in found)
    return f":{colour if count else 'gray'}-badge[{icon} {count} {level if count == 1 else plural}]"


def _checks(broken: set[str]) -> None:
    """Every rule with ✓, or with a mark that it found something."""
    marks = {name: ":gray[:material/chat_bubble:]" if name in broken else GOOD for name in rules()}
    every = [f"{marks[name]} {escaped(holds)}" for name, holds in rules().items()]
    half = -(-len(every) // 2)
    for place, some in zip(st.columns(2), (every[:half], every[half:]), strict=True):
        place.markdown("  \n".join(some))


def _explain() -> None:
    with st.expander("How to read this", key="read-remarks", bind="query-params"):
        st.markdown(
            "A **mistake** is wrong whatever the data. A **caution** runs, and probably not as its author wants. A "
            "**note** is worth knowing; good networks have some too: no published network here gets more than notes at "
            "its own image size. The network runs once without contents, in evaluation mode, and every operation is "
            "recorded with its shapes; each rule is a small function that looks at this record. A rule that finds "
            "nothing is no proof that all is well."
        )
