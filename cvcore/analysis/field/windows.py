"""Rules for what slides a window over the map: convolutions, pooling, padding and resizing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cvcore.analysis.field.axis import Axis, pooled
from cvcore.analysis.field.layout import axes_in, is_lone, plain, resized
from cvcore.analysis.field.state import State, Step, UnknownFieldError, reach, rule

AT_MOST = "at most: outputs of a layer that enlarges differ"
UNEVEN = "at most: windows of differing size or spacing"

AxisMove = Callable[[int, Axis], Axis]  # (which of the spatial dimensions, its axis) → the axis afterwards


def each(value: Any, count: int) -> list[int]:
    """One number per spatial dimension, where one may be given for all."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * count if len(values) == 1 else values


def along(step: Step, state: State, count: int, move: AxisMove) -> State:
    """The state after every axis in the last `count` dimensions has made its move."""
    layout, found = list(state.layout), state
    first = len(layout) - count
    for place in range(count):
        dim = layout[first + place]
        if axes_in(dim):
            if not is_lone(dim):
                raise UnknownFieldError(f"{step.name} runs over a rearranged map")
            name = dim[0].axis
            found = replace(found, **{name: move(place, found.axis(name))})
            layout[first + place] = resized(dim, step.shape[first + place])
        else:
            layout[first + place] = plain(step.shape[first + place])
    if len(layout) > count:  # channels
        channels = layout[first - 1]
        if axes_in(channels) and step.name == "convolution":
            raise UnknownFieldError(f"{step.name} runs over a rearranged map")
        if not axes_in(channels):
            layout[first - 1] = plain(step.shape[first - 1])
    return found.with_layout(tuple(layout))


@rule("convolution")
def convolution(step: Step) -> State:
    if step.states.get(step.args["weight"]) is not None:
        raise UnknownFieldError("the kernel itself is computed from the image")
    kernel = step.shape_of("weight")[2:]
    numbers = [each(step.args[name], len(kernel)) for name in ("stride", "padding", "dilation")]

    def move(place: int, axis: Axis) -> Axis:
        stride, padding, dilation = (values[place] for values in numbers)
        if step.args["transposed"]:
            return axis.enlarged(kernel[place], stride, padding, dilation)
        return axis.window(kernel[place], stride, padding, dilation)

    state = along(step, step.state_of("input"), len(kernel), move)
    enlarges = step.args["transposed"] and max(numbers[0]) > 1
    return replace(state, notes=(AT_MOST,)) if enlarges else state


@rule("max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "avg_pool3d", "max_pool3d_with_indices")
def pooling(step: Step) -> State:
    count = 3 if "3d" in step.name else 2
    kernel = each(step.args["kernel_size"], count)
    stride = each(step.args["stride"] or kernel, count)
    padding, dilation = (
        each(step.args.get(name, default), count) for name, default in (("padding", 0), ("dilation", 1))
    )

    def move(place: int, axis: Axis) -> Axis:
        return axis.window(kernel[place], stride[place], padding[place], dilation[place])

    return along(step, step.state_of("self"), count, move)


@rule("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")
def adaptive_pooling(step: Step) -> State:
    state, outputs = step.state_of("self"), each(step.args["output_size"], 2)
    sizes, alike = step.shape_of("self")[-2:], []

    def move(place: int, axis: Axis) -> Axis:
        axis, even = pooled(axis, sizes[place], outputs[place])
        alike.append(even)
        return axis

    found = along(step, state, 2, move)
    lost = [place for place in range(2) if outputs[place] == 1 and axes_in(state.layout[place - 2])]
    if lost:
        layout = tuple(
            plain(1) if place - len(found.layout) + 2 in lost else dim for place, dim in enumerate(found.layout)
        )
        axes = {axis for place in lost for axis in axes_in(state.layout[place - 2])}
        text = f"{'global ' if len(axes) > 1 else ''}{'max' if 'max' in step.name else 'average'} pooling"
        found = replace(found.with_layout(layout), through=reach(text, axes))
    return replace(found, notes=() if all(alike) else (UNEVEN,))


@rule("constant_pad_nd", "reflection_pad2d", "replication_pad2d")
def padding(step: Step) -> State:
    before = step.args.get("pad", step.args.get("padding"))[::2]  # from the last dimension backwards

    def move(place: int, axis: Axis) -> Axis:
        added = before[len(before) - 1 - place]
        return Axis(axis.start - added * axis.stride, axis.size, axis.stride)

    return along(step, step.state_of("self"), len(before), move)


@rule("upsample_nearest2d", "_upsample_nearest_exact2d", "upsample_bilinear2d")
def upsampling(step: Step) -> State:
    argument = "input" if "input" in step.args else "self"
    factors = []
    scales = step.args.get("scale_factors") or [step.args.get("scales_h"), step.args.get("scales_w")]
    for size, output, scale in zip(step.shape_of(argument)[-2:], step.shape[-2:], scales, strict=True):
        if output % size or scale not in (None, output // size) or (step.args.get("align_corners") and output != size):
            raise UnknownFieldError("resizing by a fraction gives every output a window of its own")
        factors.append(output // size)

    def move(place: int, axis: Axis) -> Axis:
        factor = factors[place]
        if factor == 1:
            return axis
        if "nearest" in step.name:
            return axis.enlarged(factor, factor)
        # two neighbours of each output: what a transposed convolution with a tent of this width does
        return axis.enlarged(2 * factor - factor % 2, factor, factor // 2)

    state = along(step, step.state_of(argument), 2, move)
    return replace(state, notes=(AT_MOST,)) if max(factors) > 1 else state


@rule("pixel_unshuffle")
def pixel_unshuffle(step: Step) -> State:
    factor = step.args["downscale_factor"]
    return along(step, step.state_of("self"), 2, lambda _, axis: axis.window(factor, factor))


@rule("pixel_shuffle")
def pixel_shuffle(step: Step) -> State:
    factor = step.args["upscale_factor"]
    state = along(step, step.state_of("self"), 2, lambda _, axis: axis.enlarged(factor, factor))
    return replace(state, notes=(AT_MOST,))
