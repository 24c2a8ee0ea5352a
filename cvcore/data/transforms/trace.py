"""What a pipeline makes of an image's shape, step by step, without running it; and which pipelines cannot run."""

from dataclasses import dataclass, replace

from cvcore.data.transforms.steps import Pipeline, Step, both_sides
from cvcore.errors import ConfigError

MAX_PIXELS = 16_000_000  # of one image after any step: as float32 in three channels 192 MB


class ImpossiblePipelineError(ConfigError):
    """A pipeline that cannot run on an image; `missing` is the step that would mend it, where there is one."""

    def __init__(self, message: str, missing: Step | None = None) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class State:
    """What there is after a step.

    `sizes` are (height, width) in pixels: one pair, or, where a step draws the size, that of the smallest and that of
    the largest draw. `crops` is 0 while there is one image.
    """

    sizes: tuple[tuple[int, int], ...]
    channels: int
    is_tensor: bool = False
    is_normalized: bool = False
    crops: int = 0

    @property
    def text(self) -> str:
        """The shape as "3×224×224", with crops "10×3×224×224", where the size is drawn "3×256..512×341..682"."""
        sides = ("..".join(map(str, sorted(set(side)))) for side in zip(*self.sizes, strict=True))
        return "×".join([*([str(self.crops)] if self.crops else []), str(self.channels), *sides])


def trace(pipeline: Pipeline, size: tuple[int, int], channels: int) -> list[State]:
    """The state before the first step and after each, for an image of `size` (height, width) in pixels.

    Raises ImpossiblePipelineError, with the step at fault, if the pipeline cannot run on that image or makes no tensor.
    """
    states = [State((size,), channels)]
    for position, step in enumerate(pipeline):
        _check(step, states[-1], pipeline[position + 1 :])
        states.append(_after(step, states[-1]))
        pixels = max(height * width for height, width in states[-1].sizes)
        if pixels > MAX_PIXELS:
            raise ImpossiblePipelineError(
                f"{step.name} would make {states[-1].text} of this image, {pixels / 1e6:,.0f} million pixels; "
                f"at most {MAX_PIXELS // 10**6} million are allowed: choose a smaller size"
            )
    if not states[-1].is_tensor:
        raise ImpossiblePipelineError(
            "the pipeline ends with a picture, and a network needs numbers: add ToTensor", Step("ToTensor")
        )
    return states


def _after(step: Step, state: State) -> State:
    """The state that `step` leaves."""
    values = step.values
    match step.name:
        case "Resize":
            return replace(state, sizes=_distinct(resized(size, values["size"]) for size in state.sizes))
        case "ScaleJitter":
            small, large = state.sizes[0], state.sizes[-1]
            low, high = values["size_range"]
            return replace(state, sizes=_distinct([resized(small, (low,)), resized(large, (high,))]))
        case "CenterCrop" | "RandomCrop" | "RandomResizedCrop":
            return replace(state, sizes=(both_sides(values["size"]),))
        case "FiveCrop" | "TenCrop":
            return replace(state, sizes=(both_sides(values["size"]),), crops=5 if step.name == "FiveCrop" else 10)
        case "Grayscale":
            return replace(state, channels=values["num_output_channels"])
        case "ToTensor":
            return replace(state, is_tensor=True)
        case "Normalize":
            return replace(state, is_normalized=True)
    return state


def _distinct(sizes) -> tuple[tuple[int, int], ...]:
    return tuple(dict.fromkeys(sizes))


def resized(size: tuple[int, int], wanted: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) after Resize: `wanted` itself, or its one number for the shorter side, and the longer in
    proportion, cut to whole pixels as torchvision does.

    >>> resized((375, 500), (224,)), resized((375, 500), (224, 224))
    ((224, 298), (224, 224))
    """
    if len(wanted) == 2:
        return wanted
    height, width = size
    longer = int(wanted[0] * max(size) / min(size))
    return (wanted[0], longer) if height <= width else (longer, wanted[0])


def _check(step: Step, state: State, later: Pipeline) -> None:
    """Raise ImpossiblePipelineError if `step` cannot follow `state`."""
    if step.name == "Normalize":
        _check_normalize(step, state, later)
    elif step.name in ("RandomCrop", "FiveCrop", "TenCrop"):
        _check_crop(step, state)
    if step.name in ("Grayscale", "ColorJitter", "RandAugment") and state.is_normalized:
        raise ImpossiblePipelineError(
            f"{step.name} works on values of 0..1, and Normalize has changed them: move {step.name} above Normalize"
        )


def _check_normalize(step: Step, state: State, later: Pipeline) -> None:
    if not state.is_tensor:
        comes = any(each.name == "ToTensor" for each in later)
        raise ImpossiblePipelineError(
            "Normalize works on a tensor, and here is still a picture: "
            + ("move it below ToTensor" if comes else "add ToTensor before it"),
            None if comes else Step("ToTensor"),
        )
    given = {name: len(step.values[name]) for name in ("mean", "std")}
    if state.channels == 1 and max(given.values()) == 3:
        # torchvision's v2 broadcasts the one channel to three and says nothing; its predecessor refused
        raise ImpossiblePipelineError(
            "Normalize has values for 3 channels and the image there has 1: "
            "add Grayscale with 3 channels before ToTensor, or give one mean and one std",
            Step("Grayscale", {"num_output_channels": 3}),
        )


def _check_crop(step: Step, state: State) -> None:
    wanted, padding = both_sides(step.values["size"]), step.values.get("padding", 0)
    smallest = state.sizes[0]
    if state.crops and step.name != "RandomCrop":
        raise ImpossiblePipelineError(
            f"{step.name} needs one image, and here are {state.crops} crops already: keep only one of the two"
        )
    if wanted[0] > smallest[0] + 2 * padding or wanted[1] > smallest[1] + 2 * padding:
        padded = f" with {padding} px of padding" if padding else ""
        mend = "a smaller crop, a Resize before it" + (", or padding" if step.name == "RandomCrop" else "")
        raise ImpossiblePipelineError(
            f"{step.name} {wanted[0]}×{wanted[1]} px is larger than the image there, {smallest[0]}×{smallest[1]} px"
            f"{' at its smallest' if len(state.sizes) > 1 else ''}{padded}: choose {mend}"
        )
    if state.is_tensor and step.values.get("padding_mode") == "reflect" and padding >= min(smallest):
        raise ImpossiblePipelineError(
            f"{step.name} cannot mirror {padding} px at the edge of a tensor {min(smallest)} px wide: "
            "choose less padding, or move it above ToTensor"
        )
