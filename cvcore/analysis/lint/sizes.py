"""Rules on sizes: whether shapes fit, what strides skip, how far a layer sees, and how many values a norm averages."""

from collections.abc import Iterator
from math import prod

from cvcore.analysis.lint.finding import (
    BATCH_NORMS,
    Remark,
    View,
    caution,
    layers,
    mistake,
    note,
    rule,
)
from cvcore.models.fit import image_text

NEAR = 0.1  # of the designed side: a size so close to it that it may be a slip of the finger
OVERALL_STRIDE = 32  # of nearly every network that was designed for ImageNet
SMALL = 64  # pixels; networks designed for less are built for whatever image they get


@rule("shapes", "Each layer takes the shape that arrives")
def shapes(view: View) -> Iterator[Remark]:
    failure = view.trace.failure
    if failure is None:
        return
    if failure.unfit:
        yield mistake(failure.where, view.misfit, failure.fix)
    else:
        yield note(
            failure.where,
            f"Its forward needs the numbers of an image, so shapes could be followed only up to here "
            f"({failure.cause}). Rules on the layers after it, the output and the loss were not applied.",
            "no change needed; check the rest yourself",
        )


@rule("input-size", "The image has the size that the network was designed for")
def input_size(view: View) -> Iterator[Remark]:
    if view.designed is None or view.trace.failure or max(view.designed[1:]) < SMALL:
        return
    given, wanted = view.image[1:], view.designed[1:]
    if given == wanted:
        return
    was = f"{image_text(given)} pixels; the network was designed, and its weights trained, for {image_text(wanted)}"
    maps = [op for op in view.ops if op.is_conv and len(op.shape) == 4 and op.arrived[2:] != (1, 1)]
    left = image_text(maps[-1].shape[2:]) if maps else ""
    off = [abs(a - b) / b for a, b in zip(given, wanted, strict=True)]
    if max(off) <= NEAR and any(side % OVERALL_STRIDE for side in given):
        odd = next(side for side in given if side % OVERALL_STRIDE)
        yield caution(
            "",
            f"{was}. {odd} is no multiple of {OVERALL_STRIDE}, the overall stride of most such networks "
            f"(rest {odd % OVERALL_STRIDE}): somewhere a stride leaves pixels out at an edge, or reaches into padding. "
            f"Did you mean {max(wanted)}?",
            f"input {view.image[0]},{wanted[0]},{wanted[1]}",
        )
        return
    if min(given) < min(wanted) / 2 and view.small_stem:
        fix = f"{view.small_stem}, the same network with a first layer for small images"
    else:
        fix = f"resize to {image_text(wanted)} where published weights are used"
    yield note("", f"{was}." + (f" Its last convolution on a map makes {left} values." if left else ""), fix)


@rule("padding-only-weights", "No window that sees hardly anything but padding")
def padding_only_weights(view: View) -> Iterator[Remark]:
    found, idle, total = [], 0, 0
    for op in view.ops:
        if not op.is_conv:
            continue
        kernel_size = op.module.kernel_size
        sides = zip(kernel_size, op.arrived[-len(kernel_size) :], strict=True)  # a batch may be missing
        share = 1 - 1 / prod(kernel if side == 1 else 1 for kernel, side in sides)
        if share:
            found.append(op)
            idle += round(share * op.module.weight.numel())
            total += op.module.weight.numel()
    if found:
        names = layers([op.where for op in found], "convolution")
        yield note(
            found[0].where,
            f"{names}: a window over a map of one value in height or width. The rest of the window sees padding, so "
            f"{idle:,} of {total:,} weights are only multiplied by 0.",
            "larger images, or fewer strides and poolings before",
        )


@rule("skipped-pixels", "No stride larger than its window")
def skipped_pixels(view: View) -> Iterator[Remark]:
    for kind, noun in (("conv", "convolution"), ("maxpool", "max pooling"), ("avgpool", "average pooling")):
        found = [op for op in view.ops if op.kind == kind and op.module is not None and _read(op) < 1]
        if found:
            least = min(found, key=_read)
            usual = " ResNet's shortcuts are so." if kind == "conv" else ""
            yield note(
                found[0].where,
                f"{layers([op.where for op in found], noun)}: a stride larger than the "
                f"window; {least.where} reads {100 * _read(least):.0f} % of its input and skips the rest.{usual}",
                "stride no larger than the kernel; an average pooling before a 1×1 convolution"
                if kind == "conv"
                else "stride no larger than the kernel",
            )


def _read(op) -> float:
    """Share of the input that a window touches; 1 or more where strides are no larger than kernels."""
    sizes = [each if isinstance(each, tuple) else (each, each) for each in (op.module.kernel_size, op.module.stride)]
    return prod(min(1.0, kernel / stride) for kernel, stride in zip(*sizes, strict=False))


@rule("small-field", "The last map sees as much as the object is large")
def small_field(view: View) -> Iterator[Remark]:
    last = view.fields.last_local if view.fields else None
    if last is None or not last.size:
        return
    seen = min(last.size)
    if seen < view.object_side:
        yield note(
            last.name,
            f"A value of the last map sees {image_text(last.size)} pixels, and the object may be {view.object_side} "
            "large: no value sees all of it, only the layers after can put the parts together.",
            "another convolution, a stride or a pooling; fine where parts and texture are enough",
        )


@rule("past-the-image", "No layer whose field is wider than the image")
def past_the_image(view: View) -> Iterator[Remark]:
    rows = view.fields.layers if view.fields else ()
    local = [field for field in rows if field.status == "local" and field.size]
    past = [field for field in local if min(a / b for a, b in zip(field.size, view.image[1:], strict=True)) > 1]
    if past:
        largest = max(past, key=lambda field: min(field.size))
        yield note(
            past[0].name,
            f"From here on, {len(past):,} of {len(local):,} layers have a receptive field wider than the image of "
            f"{image_text(view.image[1:])}, up to {image_text(largest.size)} at {largest.name}: what they see beyond "
            "its edge is padding.",
            "none needed; if such layers are to learn more, larger images or fewer strides early",
        )


@rule("batchnorm-batch-1", "BatchNorm has several values to average")
def batchnorm_batch_1(view: View) -> Iterator[Remark]:
    norms = [op for op in view.ops if op.kind in BATCH_NORMS and op.module is not None]
    if not norms:
        return
    least = min(norms, key=lambda op: prod(op.arrived[2:]))
    values = prod(least.arrived[2:])
    if view.batch_size == 1 and values == 1:
        yield mistake(
            least.where,
            "BatchNorm in a batch of 1 has one value a channel here: it would always become 0, and PyTorch refuses "
            "(Expected more than 1 value per channel when training).",
            "a batch of 2 or more, or nn.GroupNorm",
        )
    elif view.batch_size == 1:
        yield caution(
            least.where,
            f"BatchNorm in a batch of 1 takes mean and variance of a single image ({values:,} values a channel here): "
            "images no longer share a scale in training, but do in evaluation.",
            "a batch of 8 or more, or nn.GroupNorm",
        )
    elif values == 1:
        yield note(
            least.where,
            "BatchNorm has one value a channel and image here: a last batch of one image would stop training with "
            "“Expected more than 1 value per channel”.",
            "drop_last=True in the DataLoader",
        )
