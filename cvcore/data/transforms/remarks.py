"""Remarks on pipelines that run but do not do what their author probably wants: the slips of tutorials and learners."""

from collections.abc import Iterator
from typing import NamedTuple

from cvcore.data.transforms.steps import Pipeline, Step, both_sides, is_random
from cvcore.data.transforms.trace import State, resized, trace

RESIZING = ("Resize", "RandomResizedCrop", "ScaleJitter")
DISTORTION = 0.02  # relative change of the proportions from which it is worth a remark; rounding to pixels makes less
ENLARGEMENT = 2  # times each side


class _Place(NamedTuple):
    """A step, what it gets and what it leaves."""

    step: Step
    before: State
    after: State


def remarks(pipeline: Pipeline, size: tuple[int, int], channels: int = 3, split: str = "train") -> list[str]:
    """One sentence or two on each doubtful thing, for an image of `size` (height, width) from `split`.

    Raises ImpossiblePipelineError where `trace` does.
    """
    states = trace(pipeline, size, channels)
    places = [_Place(*each) for each in zip(pipeline, states[:-1], states[1:], strict=True)]
    found = [text for place in places for text in _on_step(place)]
    found += _on_split(pipeline, split)
    found += _on_batches(places)
    found += _on_range(pipeline, states[-1])
    return list(dict.fromkeys(found))


def _on_step(place: _Place) -> Iterator[str]:
    """Remarks on one step where it stands."""
    step, before, _ = place
    if "size" in step.values and 244 in step.values["size"]:
        yield f"{step.name} to 244 px: ImageNet networks are trained at 224 px. A slip of the finger?"
    if step.name == "Resize":
        yield from _on_resize(place)
    if step.name == "CenterCrop":
        yield from _on_center_crop(place)
    if step.name == "RandomCrop" and not step.values["padding"] and before.sizes == (both_sides(step.values["size"]),):
        sides = "×".join(map(str, before.sizes[0]))
        yield f"RandomCrop has nothing to choose from: the image is {sides} px already, and there is no padding."
    if step.name == "ColorJitter" and before.channels == 1 and (step.values["saturation"] or step.values["hue"]):
        yield "On a grey image saturation and hue change nothing."
    if step.name == "Grayscale" and step.values["num_output_channels"] == 1 and before.channels == 3:
        yield "Grayscale leaves one channel; networks for colour images expect three. With 3 channels it fits them."
    if before.is_tensor:
        yield from _on_late_step(place)


def _on_resize(place: _Place) -> Iterator[str]:
    step, before, after = place
    wanted, (height, width) = step.values["size"], before.sizes[0]
    sides = f"{height}×{width}"
    if len(wanted) == 2:
        narrower = (wanted[1] / width) / (wanted[0] / height)  # how much the width is scaled, against the height
        change = f"{100 - 100 * narrower:.0f} % narrower" if narrower < 1 else f"{100 - 100 / narrower:.0f} % flatter"
        if abs(narrower - 1) > DISTORTION:
            yield (
                f"Resize to {wanted[0]}×{wanted[1]} px distorts this image of {sides} px: everything in it becomes "
                f"{change}. Resize by the shorter side, then a crop, keeps the proportions."
            )
    times = min(new / old for new, old in zip(after.sizes[0], (height, width), strict=True))
    if times >= ENLARGEMENT:
        yield (
            f"Resize enlarges {sides} px by {times:.2g}: that adds no detail, and a convolution "
            f"costs {times**2:,.0f} times as much."
        )
    if not step.values["antialias"] and not before.is_tensor:
        yield "antialias=False changes nothing here: pictures are always smoothed when they shrink, only tensors not."


def _on_center_crop(place: _Place) -> Iterator[str]:
    wanted, (height, width) = both_sides(place.step.values["size"]), place.before.sizes[0]
    if wanted[0] > height or wanted[1] > width:
        fill = "the mean colour" if place.before.is_normalized else "black"
        yield (
            f"CenterCrop {wanted[0]}×{wanted[1]} px is larger than the image there, {height}×{width} px: "
            f"torchvision fills the rest with {fill}."
        )


def _on_late_step(place: _Place) -> Iterator[str]:
    """Remarks on a step that works on a tensor instead of a picture."""
    step, before, _ = place
    if step.name == "ToTensor":
        yield "The second ToTensor changes nothing."
    if step.name in RESIZING:
        smooth = step.values.get("antialias", True)
        yield (
            f"{step.name} after ToTensor gives slightly other values than on a picture."
            if smooth
            else f"{step.name} of a tensor without antialias: shrinking leaves jagged edges, which weights trained on "
            "smoothed images have not seen."
        )
    if step.name == "RandomRotation" and before.is_normalized:
        yield "After Normalize the corners that RandomRotation fills with 0 have the mean colour instead of black."
    if step.name == "Normalize" and before.is_normalized:
        yield "Normalize twice: the second one shifts and scales what the first has set right."


def _on_split(pipeline: Pipeline, split: str) -> Iterator[str]:
    if split != "train" and is_random(pipeline):
        names = ", ".join(dict.fromkeys(step.name for step in pipeline if step.is_random))
        yield (
            f"Random steps ({names}) on the {split} split: the same image gets another answer every time. "
            "Test with fixed steps, such as Resize and CenterCrop."
        )
    for step in pipeline:
        if step.name in ("FiveCrop", "TenCrop") and split == "train":
            yield f"{step.name} is for testing; in training RandomCrop shows other parts of the image in each epoch."


def _on_batches(places: list[_Place]) -> Iterator[str]:
    """Whether images of other proportions would come out in other sizes."""
    last = next((place for place in reversed(places) if "size" in place.step.values or _jitters(place.step)), None)
    if last is None:
        height, width = places[0].before.sizes[0]
        if height != width:
            yield f"The image keeps its size, {height}×{width} px; where images differ in size, a batch needs a crop."
        return
    crop = "add CenterCrop or RandomCrop after it."
    if _jitters(last.step) and last.step.is_random:
        yield f"ScaleJitter gives every image another size, and a batch needs equal ones: {crop}"
    elif last.step.name == "Resize" and len(last.step.values["size"]) == 1:
        height, width = last.before.sizes[0]
        if height != width:
            sides = "×".join(map(str, resized((height, width), last.step.values["size"])))
            yield (
                f"Resize fixes only the shorter side: this image becomes {sides} px, others differ, and a batch needs "
                f"equal sizes: {crop}"
            )


def _jitters(step: Step) -> bool:
    return step.name == "ScaleJitter"


def _on_range(pipeline: Pipeline, last: State) -> Iterator[str]:
    """Remarks on the values that the network receives."""
    normalizing = [step.values for step in pipeline if step.name == "Normalize"]
    if not normalizing:
        yield (
            "Without Normalize the network receives 0..1 (ToTensor gives 0..1, not −1..1). Weights trained on ImageNet "
            "expect Normalize with mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225."
        )
    for values in normalizing:
        large = [value for value in (*values["mean"], *values["std"]) if value > 1]
        if large:
            yield (
                f"Normalize with {large[0]:g}: a mean or std above 1 belongs to values of 0..255, and ToTensor gives "
                "0..1. Divide it by 255."
            )
        elif min(values["std"]) < 0.02:
            yield (
                f"A standard deviation of {min(values['std']):.4f} stretches 0..1 to a span of "
                f"{1 / min(values['std']):.0f}: right only for weights that were trained so."
            )
