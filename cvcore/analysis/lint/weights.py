"""Rules on where parameters sit: in one huge layer, in shortcuts that need none, or where nothing reaches them."""

from collections.abc import Iterator
from math import prod

from cvcore.analysis.lint.finding import BATCH_NORMS, PASSING, Remark, View, note, plural, rule, some
from cvcore.analysis.lint.ops import Op

SHARE = 0.5  # of all parameters in fully connected layers: worth a note
BLOCK = 64  # operations: no residual block has more


@rule("large-linear", "Fully connected layers hold less than half of the parameters")
def large_linear(view: View) -> Iterator[Remark]:
    """Only of networks that flatten a map of a convolution: after an average the layer is as small as it can be."""
    linears = [op for op in view.ops if op.is_linear and len(op.arrived) == 2]
    total = sum(p.numel() for p in view.model.parameters())
    if not linears or not any(op.is_conv for op in view.ops):
        return
    map_ = _map_before(linears[0])
    if map_ is None or prod(map_.shape[2:]) == 1:
        return
    sizes = {op.where: sum(p.numel() for p in op.module.parameters()) for op in linears}
    share = sum(sizes.values()) / total
    if share > SHARE:
        where = max(sizes, key=sizes.get)
        layer = next(op.module for op in linears if op.where == where)
        yield note(
            where,
            f"Fully connected layers hold {100 * share:.0f} % of the {total:,} parameters, this one alone "
            f"{layer.in_features:,}·{layer.out_features:,}: much memory, and easily overfitted.",
            f"nn.AdaptiveAvgPool2d(1) before nn.Flatten(), and in_features={map_.shape[1]} in layer "
            f"{linears[0].where or '(network)'}: one value a channel instead of a map",
        )


def _map_before(op: Op) -> Op | None:
    """What made the map that a fully connected layer reads, through reshapes and dropouts; None where it reads none."""
    source = op.source
    while source is not None and source.kind in PASSING and len(source.shape) < 4:
        source = source.source
    return source if source is not None and len(source.shape) > 2 else None


@rule("idle-parameters", "Every parameter has a part in the output")
def idle_parameters(view: View) -> Iterator[Remark]:
    idle = view.trace.idle
    if idle:
        owners = list(dict.fromkeys(name.rpartition(".")[0] for name in idle))
        count = sum(p.numel() for p in idle.values())
        share = 100 * count / sum(p.numel() for p in view.model.parameters())
        yield note(
            owners[0],
            f"{plural(count, 'parameter')} ({share:.2g} %) of {some(owners)} "
            "have no part in the output: they are stored and never trained.",
            "remove them, or use them in forward",
        )


@rule("needless-projection", "Shortcuts project only where shapes differ")
def needless_projection(view: View) -> Iterator[Remark]:
    adds = [op for op in view.ops if op.kind == "add" and len(op.inputs) == 2]
    convs = [conv for add in adds for conv in [_needless(*add.inputs) or _needless(*reversed(add.inputs))] if conv]
    if convs:
        count = sum(p.numel() for conv in convs for p in conv.module.parameters())
        yield note(
            convs[0].where,
            f"{len(convs):,} of {plural(len(adds), 'shortcut')} ({some([conv.where for conv in convs])}) project "
            f"with a convolution although its input and output have the same shape: {count:,} parameters, and no "
            "identity path for the gradient (He et al., 2016, find the identity best).",
            "the input itself as shortcut, where stride is 1 and channels are equal",
        )


def _needless(shortcut: Op, main: Op) -> Op | None:
    """The 1×1 convolution that is all of a `shortcut`, where its shape says that it could be left out."""
    while shortcut.kind in BATCH_NORMS and shortcut.source:
        shortcut = shortcut.source
    if not shortcut.is_conv or set(shortcut.module.kernel_size) != {1} or shortcut.source is None:
        return None
    same = shortcut.shape == shortcut.arrived
    return shortcut if same and _comes_from(main, shortcut.source) else None


def _comes_from(op: Op, start: Op) -> bool:
    """Whether `start` is among the last operations that led to `op`."""
    seen, waiting = {op}, [op]
    while waiting and len(seen) < BLOCK:
        for source in waiting.pop(0).inputs:
            if source is start:
                return True
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return False
