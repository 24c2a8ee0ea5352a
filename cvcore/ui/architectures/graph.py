"""The graph of a network: what feeds what, with modules open or closed."""

import html

import streamlit as st

from cvcore.analysis import graph as graphs
from cvcore.plots import graph as drawing
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import is_dark
from cvcore.ui.glossary import tip

# Streamlit shrinks a drawing to the page's width, which makes a long one unreadable, and sets its letters in a font
# that is wider than the boxes were made for. Here the drawing keeps its size and moves in its own frame.
STYLE = """<style>
.st-key-graph-drawing {overflow-x: auto}
.st-key-graph-drawing div:has(> [data-testid=stGraphVizChart]), .st-key-graph-drawing [data-testid=stElementContainer],
.st-key-graph-drawing [data-testid=stFullScreenFrame] {max-width: none !important; width: max-content !important}
.st-key-graph-drawing svg {max-width: none !important}
.st-key-graph-drawing svg text {font-family: Helvetica, "Liberation Sans", Arial, "Source Sans", sans-serif !important}
</style>"""
EXPLANATION = """
The arrows show where each layer's result goes; the numbers on them are its shape for one image: channels × height ×
width, or tokens × features. A **frame** is a module that is open, a grey box is a closed one with all that is in it.
An arrow in blue is a **skip connection**: it goes around layers that lie on another way to the same place. Residual
networks *add* what they carry (+), dense networks *concatenate* it (⧺), squeeze-and-excitation *multiplies* (×).

The graph is traced with torch.fx: one symbolic image runs through the network's own `forward` in evaluation mode, and
every module and operation that touches it is noted. Sizes that are computed on the way, and weights, are left out.
"""


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section: controls, the drawing, its legend, and the text it is made from."""
    with st.spinner("Tracing …"):
        graph = _graph(name, image, classes)
        usual, example, modules = _choices(name, image, classes)
    detail, open_parts, direction = _controls(usual, example, modules)
    view = graphs.view(graph, graphs.opened(graph, detail) | graphs.with_parents(graph, open_parts))
    if not graph.traced:
        st.info(
            f"torch.fx cannot follow this network ({graph.note}): shown is the tree of its modules, without shapes.",
            icon=":material/account_tree:",
        )
    text = drawing.dot(graph, view, dark=is_dark(), direction=drawing.DIRECTIONS[direction])
    _legend(view)
    if len(view.edges) > drawing.MANY:
        st.caption(f"{len(view.edges)} arrows: the browser may need some seconds to arrange them.")
    st.html(STYLE)
    with st.container(key="graph-drawing"):
        st.graphviz_chart(text, width="content", alt=_alt(graph, view))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download as DOT",
            text,
            f"{_file_name(name)}.dot",
            "text/vnd.graphviz",
            key="graph-dot",
            icon=":material/download:",
            help="The text that this is drawn from; `dot -Tsvg` of Graphviz makes a picture of it.",
        )
        st.caption(_counts(graph, view))
    with st.expander("How to read the graph", key="read-graph", bind="query-params"):
        st.markdown(EXPLANATION)


@st.cache_resource(max_entries=64, show_spinner=False)
def _graph(name: str, image: tuple[int, int, int], classes: int) -> graphs.Graph:
    from cvcore.analysis.graph_trace import graph_of

    return graph_of(name, image, classes)


@st.cache_data(max_entries=64, show_spinner=False)
def _choices(name: str, image: tuple[int, int, int], classes: int) -> tuple[str, list[str], list[str]]:
    """(the level of detail that can be read, the module that is open at first, the modules that can be opened)."""
    graph = _graph(name, image, classes)
    usual, example = graphs.default_detail(graph), graphs.example(graph)
    return usual, [example] if example and usual != "layers" else [], list(graph.parts)


def _controls(usual: str, example: list[str], modules: list[str]) -> tuple[str, list[str], str]:
    """(level of detail, modules to open besides, direction)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        detail = st.segmented_control(
            "Detail",
            list(graphs.DETAILS),
            default=following("detail", usual),
            required=True,
            key="detail",
            bind="query-params",
            help="Stages: the large parts. Blocks: what the parts are made of. Layers: everything that runs. "
            f"{tip('stage')} {tip('layer')}",
        )
        direction = st.segmented_control(
            "Direction",
            list(drawing.DIRECTIONS),
            default="top to bottom",
            required=True,
            key="direction",
            bind="query-params",
            help="Which way the image flows through the drawing.",
        )
        chosen = st.multiselect(
            "Open besides",
            modules,
            default=following("open", example),
            key="open",
            bind="query-params",
            placeholder="a module" if modules else "no modules inside",
            disabled=not modules,
            width=380,
            help="Modules that are shown with what is in them, whatever the level of detail. "
            "Every layer has a name: the path of modules that leads to it.",
        )
    return detail or usual, chosen, direction


def _legend(view: graphs.View) -> None:
    """Which colour is which kind of layer, for the kinds that are there."""
    colours = {**drawing.COLOURS, drawing.CLOSED: drawing.QUIET[is_dark()]}
    swatches = [
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:.8em;height:.8em;border-radius:3px;'
        f'background:{colours[name]}66;border:1.5px solid {colours[name]};margin-right:.35em"></span>'
        f"{html.escape(name)}</span>"
        for name in drawing.families(view)
    ]
    if any(edge.skip for edge in view.edges):
        swatches.append(
            '<span style="white-space:nowrap"><span style="display:inline-block;width:1.2em;height:0;vertical-align:'
            f'middle;border-top:3px solid {drawing.SKIP[is_dark()]};margin-right:.35em"></span>skip connection</span>'
        )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1.2em;font-size:.85em">{"".join(swatches)}</div>')


def _counts(graph: graphs.Graph, view: graphs.View) -> str:
    depth = graphs.depth(graph)
    way = f" The longest way through passes {depth} layers with weights." if depth else ""
    steps = f"{len(graph.nodes):,} nodes and {len(graph.edges):,} edges"
    return f"{steps} in all, drawn as {len(view.boxes):,} boxes and {len(view.edges):,} arrows.{way}"


def _alt(graph: graphs.Graph, view: graphs.View) -> str:
    skips = sum(edge.skip for edge in view.edges)
    boxes = f"{len(view.boxes)} boxes, {len(view.edges)} arrows, {skips} skip connections"
    return f"Graph of {graph.model[:40]} from input to output: {boxes}"


def _file_name(name: str) -> str:
    """The network's name as a file may be called anywhere."""
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in name)[:60]
