"""A network's graph as DOT, the language of Graphviz, which the browser draws."""

from html import escape
from math import prod

from cvcore.analysis.graph import Box, Edge, Graph, Part, View, family
from cvcore.plots.style import ACCENT, CATEGORIES
from cvcore.ui.numbers import shape, short

# one colour for each family of layers; joins are dark, what only reshapes is grey
COLOURS = {
    "convolution": CATEGORIES[0],
    "linear": CATEGORIES[3],
    "attention": CATEGORIES[5],
    "normalisation": CATEGORIES[4],
    "activation": CATEGORIES[1],
    "pooling": CATEGORIES[2],
    "join": "#6B7280",
    "other": "#9AA0A8",
}
MANY = 150  # arrows: from here up labels that need a place of their own take tens of seconds to arrange
CLOSED = "closed module"
SIGNS = {"add": "+", "cat": "⧺", "mul": "×"}
DIRECTIONS = {"top to bottom": "TB", "left to right": "LR"}
FONT_SIZE = 9  # Streamlit's own for all letters of a graph, 0.6 of the app's font size: boxes must be made for it
SKIP = {False: ACCENT, True: CATEGORIES[4]}  # the accent is too dark for thin lines on dark
INK = {False: "#1F2328", True: "#E6E8EB"}
QUIET = {False: "#5F6670", True: "#A3AAB3"}
FRAME = {False: "#C4C9D0", True: "#4A525D"}
PANEL = {False: "#F1F3F5", True: "#262C34"}


def families(view: View) -> list[str]:
    """The families of layers that the view shows, in the legend's order, and "closed module" where there is one."""
    present = {CLOSED if box.layers else family(box.type) for box in view.boxes if box.type not in ("input", "output")}
    return [name for name in (*COLOURS, CLOSED) if name in present]


def dot(graph: Graph, view: View, *, dark: bool = False, direction: str = "TB") -> str:
    """DOT text of the `view` of a graph: open modules are frames, closed ones are boxes that tell what is inside.

    `direction` is "TB" or "LR". Edges carry the shape of the tensor, once for each; skip connections are in the accent
    colour.
    """
    ids = {box.name: f"n{number}" for number, box in enumerate(view.boxes)}
    font = f'fontname="Helvetica" fontsize={FONT_SIZE}'
    lines = [
        "digraph {",
        f'rankdir={direction} bgcolor="transparent" ranksep=0.28 nodesep=0.22 {font} fontcolor="{QUIET[dark]}"',
        f'node [shape=box style="filled,rounded" margin="0.11,0.06" height=0.2 {font} fontcolor="{INK[dark]}"]',
        f'edge [{font} fontcolor="{QUIET[dark]}" color="{QUIET[dark]}" arrowsize=0.5]',
        *_frames(view, ids, dark),
        *_edges(view.edges, ids, dark, traced=graph.traced),
        "}",
    ]
    return "\n".join(lines)


def _frames(view: View, ids: dict[str, str], dark: bool) -> list[str]:
    """All boxes, each within the frames of the open modules around it."""
    parts = {part.path: part for part in view.parts}
    number_of = {path: number for number, path in enumerate(parts)}
    lines: list[str] = []
    standing: tuple[str, ...] = ()  # frames that are begun
    for box in view.boxes:
        around = tuple(path for path in box.around if path in parts)
        shared = next((i for i, pair in enumerate(zip(standing, around, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(standing), len(around)) if shared is None else shared
        lines += ["}"] * (len(standing) - shared)
        for path in around[shared:]:
            lines.append(_frame(parts[path], number_of[path], dark))
        standing = around
        lines.append(_box(box, ids[box.name], dark))
    return lines + ["}"] * len(standing)


def _frame(part: Part, number: int, dark: bool) -> str:
    title = f"<b>{escape(part.path)}</b>  {escape(part.type)}{f'  {short(part.params)}' if part.params else ''}"
    tooltip = f"{escape(part.path)}: {escape(part.type)}, {part.params:,} parameters"
    return (
        f"subgraph cluster{number} {{ label=<{title}> labeljust=l margin=10 style=rounded "
        f'color="{FRAME[dark]}" tooltip="{tooltip}"'
    )


def _box(box: Box, key: str, dark: bool) -> str:
    """One node: what it is called within its frame, its type, what comes out of it, and its parameters."""
    tooltip = escape(f"{box.name}: {box.type}{_sizes(box.output)}, {box.params:,} parameters", quote=True)
    if box.type in ("input", "output"):
        label, colour, fill = f"<b>{box.type}</b>{_line(shape(box.output))}", FRAME[dark], "transparent"
    elif box.layers:
        label, colour, fill = _closed(box), QUIET[dark], PANEL[dark]
    else:
        colour = COLOURS[family(box.type)]
        label, fill = _layer(box), f"{colour}{'55' if dark else '2B'}"
    return f'{key} [label=<{label}> fillcolor="{fill}" color="{colour}" tooltip="{tooltip}"]'


def _closed(box: Box) -> str:
    joins = "".join(f", {count} {name}" for name, count in box.joins)
    return f"<b>{escape(_local(box))}</b>  {escape(box.type)}{_line(_facts(box))}{_line(f'{box.layers} steps{joins}')}"


def _layer(box: Box) -> str:
    if box.type in SIGNS:
        return f"<b>{SIGNS[box.type]}</b> {box.type}  {shape(box.output)}"
    name = _local(box)
    title = escape(box.type) if name.partition("#")[0] == box.type else f"<b>{escape(name)}</b>  {escape(box.type)}"
    return f"{title}{_line(_facts(box))}"


def _facts(box: Box) -> str:
    """What comes out and how many parameters are inside: "64×56×56 · 74.0 k"."""
    return " · ".join(fact for fact in (shape(box.output), short(box.params) if box.params else "") if fact)


def _line(text: str) -> str:
    return f"<br/>{escape(text)}" if text else ""


def _local(box: Box) -> str:
    """Its name without that of the frame it stands in."""
    return box.name.removeprefix(f"{box.around[-1]}.") if box.around else box.name


def _sizes(sizes: tuple[int, ...]) -> str:
    return f", output {shape(sizes)} ({prod(sizes):,} values)" if sizes else ""


def _edges(edges: tuple[Edge, ...], ids: dict[str, str], dark: bool, *, traced: bool) -> list[str]:
    """The arrows. A tensor that flows to many is labelled where it flows first; the others tell it when pointed at."""
    lines, labelled = [], set()
    label = "label" if len(edges) <= MANY else "xlabel"
    for edge in edges:
        told = shape(edge.shape)
        marks = [f'tooltip="{told}"' if told else "style=dashed"]
        if told and (edge.source, edge.shape) not in labelled:
            marks.append(f'{label}=" {told} "')
            labelled.add((edge.source, edge.shape))
        if edge.skip and traced:
            marks.append(f'color="{SKIP[dark]}" penwidth=2')
        lines.append(f"{ids[edge.source]} -> {ids[edge.target]} [{' '.join(marks)}]")
    return lines
