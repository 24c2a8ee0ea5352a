"""Networks with weights that can be reused: runs, torchvision's weights on the disk, files that somebody brought."""

from dataclasses import dataclass

import streamlit as st

from cvcore import paths
from cvcore.data import catalog
from cvcore.errors import CvcoreError
from cvcore.models import zoo
from cvcore.training.run import Run
from cvcore.transfer.sources import hub_folder, is_reusable
from cvcore.ui.data import progress_bar
from cvcore.ui.frame import errors_as_lines, tell_next
from cvcore.ui.runs import label, store

MOST_MB = 600  # of an uploaded file: VGG-16 has 553
ENDINGS = ["pth", "pt", "bin", "safetensors"]


@dataclass(frozen=True)
class Backbone:
    """A network of the zoo and where its weights come from, as a config names it; `learnt` is the set that it has
    learnt, if that is in the catalog, and `channels` how many its images have, empty where nobody knows."""

    title: str
    network: str
    source: str
    learnt: str = ""
    channels: tuple[int, ...] = ()


def backbones() -> list[Backbone]:
    """Finished runs from scratch on a whole set, newest first; then weights of torchvision; then files."""
    return [*map(_of_run, filter(is_reusable, store().list())), *_published(), *_files()]


def _of_run(run: Run) -> Backbone:
    data = run.config.data.name
    try:
        channels = catalog.entry(data).image[:1]
    except CvcoreError:  # a set that is gone
        channels = ()
    return Backbone(label(run), run.config.model.name, run.run_id, data, channels)


def _published() -> list[Backbone]:
    if not any(hub_folder().glob("*.pth")):  # torchvision, which knows their names, takes seconds to be imported
        return []
    from cvcore.transfer import published

    there = [each for each in published.everything() if each.on_disk]
    return [Backbone(f"{each.network} · {each.entry}", _of_zoo(each.network), each.key, "", (3,)) for each in there]


def _of_zoo(network: str) -> str:
    """Our network of that name where there is one, else torchvision's, as configs name them."""
    return zoo.find(network).name


def _files() -> list[Backbone]:
    if not (paths.data_dir() / "weights").is_dir():
        return []
    from cvcore.transfer import weight_files

    there = [each for each in weight_files.kept() if each.network]
    return [Backbone(f"{each.name} · {each.network}", each.network, each.key) for each in there]


@st.dialog("Add weights")
def add() -> None:
    """Fetch weights that torchvision publishes, or bring a file."""
    with st.spinner("Loading torchvision …"):
        from cvcore.transfer import published

    st.markdown("**Trained on ImageNet, from torchvision**")
    known = {each.key: each for each in published.everything()}
    chosen = st.selectbox(
        "Weights",
        list(known),
        index=list(known).index("torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"),
        format_func=lambda key: f"{known[key].network} · {known[key].entry}",
        help="Kept where torch itself keeps them; checked by the digits in the file's name.",
    )
    weights = known[chosen]
    accuracy = f" · top-1 {weights.top1:.1%}" if weights.top1 else ""
    st.caption(f"{weights.size_mb:,.0f} MB{accuracy} · images of {weights.crop} pixels · {weights.state}")
    if not weights.on_disk and st.button(f"Download {weights.size_mb:,.0f} MB", icon=":material/download:"):
        fetch(weights.key)
    st.markdown("**A file of yours**")
    _bring()


def fetch(key: str) -> None:
    """Download the weights that torchvision publishes under this key, with progress, and draw the page again."""
    from cvcore.transfer import published

    weights = published.find(key)
    with errors_as_lines(), progress_bar(f"Downloading weights of {weights.network}", "MB", 1e6) as bar:
        published.fetch(weights, bar)
        tell_next(f"The weights of {weights.network} are here")
        st.rerun()


def _bring() -> None:
    network = st.selectbox(
        "Network",
        [spec.name for spec in zoo.own_models()],
        accept_new_options=True,
        key="brought-network",
        help="The network whose state dict the file holds; any torchvision classifier by its name.",
    )
    file = st.file_uploader(
        "State dict",
        type=ENDINGS,
        max_upload_size=MOST_MB,
        key="brought-file",
        help=f"As torch.save(model.state_dict(), …) or safetensors writes it, at most {MOST_MB} MB. It is never run.",
    )
    if file is None or network is None:
        return
    with errors_as_lines():
        from cvcore.transfer import weight_files
        from cvcore.transfer.start import fit_of

        brought = weight_files.read(file.getvalue(), file.name)
        fit = fit_of(brought.state, zoo.find(network).name)
        for line in (*fit.lines(), *brought.remarks):
            st.caption(line)
        if fit.fits and st.button("Keep these weights", icon=":material/add:", type="primary"):
            weight_files.keep(brought, file.name, zoo.find(network).name)
            tell_next(f"{file.name} can be chosen as a backbone")
            st.rerun()
