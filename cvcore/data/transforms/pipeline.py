"""Pipelines of image transforms: built with torchvision, written as code, and run to see what a network receives."""

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cvcore.data.transforms.steps import Pipeline, Step
from cvcore.data.transforms.trace import ImpossiblePipelineError, trace

if TYPE_CHECKING:
    import torch

# The transforms draw from torch's one global generator. Who runs a pipeline seeds it and gives it back, one at a time.
_GLOBAL_GENERATOR = threading.Lock()
CLIP_TOLERANCE = 1e-4  # how far beyond 0..1 rounding alone may carry a value


class _Name(str):
    """Something that is written without quotes and looked up when built, such as torch.float32."""


@dataclass(frozen=True)
class _Call:
    """One constructor call: written into the code, and made when the pipeline is built."""

    target: str
    args: tuple = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        given = [_literal(value) for value in self.args]
        return f"{self.target}({', '.join(given + [f'{name}={_literal(value)}' for name, value in self.kwargs])})"

    def made(self) -> Callable:
        args = [_resolved(value) for value in self.args]
        return _lookup(self.target)(*args, **{name: _resolved(value) for name, value in self.kwargs})


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, _Name) else repr(value)


def _resolved(value: Any) -> Any:
    return _lookup(value) if isinstance(value, _Name) else value


def _lookup(name: str) -> Any:
    """What `name` stands for in the code: a member of torch or of v2, or ScaleJitter."""
    import torch
    from torchvision.transforms import v2

    from cvcore.data.transforms.scale_jitter import ScaleJitter

    return attrgetter(name)(_Namespace(torch=torch, v2=v2, ScaleJitter=ScaleJitter))


class _Namespace:
    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


def _calls(step: Step) -> list[_Call]:
    """The constructor calls that make up `step`."""
    if step.name == "ToTensor":
        scale = _Call("v2.ToDtype", (_Name("torch.float32"),), (("scale", True),))
        return [_Call("v2.ToImage"), scale]
    if step.name == "ScaleJitter":
        return [_Call("ScaleJitter", step.values["size_range"])]
    args, kwargs = [], []
    for param in step.kind.params:
        value = step.values[param.name]
        if param.quiet and value == param.default:
            continue
        if param.name == "interpolation":
            value = _Name(f"v2.InterpolationMode.{value.upper()}")
        if param.kind == "size":
            args.append(value[0] if len(value) == 1 else value)
        else:
            kwargs.append((param.name, value))
    return [_Call(f"v2.{step.name}", tuple(args), tuple(kwargs))]


def _stacks(pipeline: Pipeline) -> bool:
    """Whether several crops come out, which must be stacked to one tensor."""
    return any(step.name in ("FiveCrop", "TenCrop") for step in pipeline)


def build(pipeline: Pipeline) -> Callable[[Image.Image], "torch.Tensor"]:
    """The pipeline as one torchvision transform: picture in, tensor [C, H, W] out, of crops [crops, C, H, W].

    Raises ImpossiblePipelineError if it is empty. Whether it fits an image is asked of `trace`.
    """
    if not pipeline:
        raise ImpossiblePipelineError("the pipeline has no steps: add ToTensor", Step("ToTensor"))
    import torch
    from torchvision.transforms import v2

    made = [call.made() for step in pipeline for call in _calls(step)]
    return v2.Compose([*made, torch.stack] if _stacks(pipeline) else made)


def code(pipeline: Pipeline) -> str:
    """Python code that makes the same transform, imports included, ready to paste."""
    lines = [call.text for step in pipeline for call in _calls(step)]
    if _stacks(pipeline):
        lines.append("torch.stack")
    own = ""
    if any(step.name == "ScaleJitter" for step in pipeline):
        from cvcore.data.transforms.scale_jitter import ScaleJitter

        own = f"\n\n{inspect.getsource(ScaleJitter)}\n"
    body = "".join(f"    {line},\n" for line in lines)
    torch_line = "import torch\n" if own or any("torch." in line for line in lines) else ""
    return f"{torch_line}from torchvision.transforms import v2\n{own}\ntransform = v2.Compose([\n{body}])\n"


@dataclass(frozen=True)
class Result:
    """What comes out of a pipeline for one image.

    `tensor` is what the network receives: float32 [C, H, W], of crops [crops, C, H, W]; `low`, `high` over all its
    values, `mean` and `std` (population) per channel. `pictures` show it (one, or one a crop) with every Normalize
    undone; `clipped` is the share of values, 0..1, that then lay outside 0..1 and were cut off.
    """

    tensor: "torch.Tensor"
    pictures: tuple[Image.Image, ...]
    clipped: float
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> str:
        """The tensor's type as "float32"."""
        return str(self.tensor.dtype).removeprefix("torch.")


def as_photo(image: Image.Image) -> Image.Image:
    """`image` as grey ("L") or RGB; any other mode becomes RGB, as torchvision's folder loader does."""
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def size_and_channels(image: Image.Image) -> tuple[tuple[int, int], int]:
    """((height, width) in pixels, channels) of a grey or RGB picture."""
    return (image.height, image.width), len(image.getbands())


def run(pipeline: Pipeline, image: Image.Image, seed: int) -> Result:
    """What the network receives of `image`, with random steps drawn from `seed`; torch's own state stays as it was.

    The same as `torch.manual_seed(seed); build(pipeline)(image)`. Raises ImpossiblePipelineError if the
    pipeline cannot run on it.
    """
    import torch

    image = as_photo(image)
    trace(pipeline, *size_and_channels(image))
    transform = build(pipeline)
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which would seed GPUs too
        try:
            tensor = transform(image).as_subclass(torch.Tensor)
        except (ValueError, RuntimeError, TypeError, IndexError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ImpossiblePipelineError(
                f"torchvision refuses this pipeline: {reason}; change or remove a step"
            ) from error
    shown = unnormalized(tensor, pipeline)
    outside = (shown < -CLIP_TOLERANCE) | (shown > 1 + CLIP_TOLERANCE)
    per_channel = tensor.movedim(-3, 0).flatten(1)
    return Result(
        tensor=tensor,
        pictures=tuple(map(_picture, shown if shown.ndim == 4 else shown[None])),
        clipped=outside.float().mean().item(),
        low=tensor.min().item(),
        high=tensor.max().item(),
        mean=tuple(per_channel.mean(1).tolist()),
        std=tuple(per_channel.std(1, correction=0).tolist()),
    )


def unnormalized(tensor: "torch.Tensor", pipeline: Pipeline) -> "torch.Tensor":
    """`tensor` [..., C, H, W] with every Normalize of the pipeline undone, the last one first; not clipped."""
    for step in reversed(pipeline):
        if step.name == "Normalize":
            mean, std = (tensor.new_tensor(step.values[name]).view(-1, 1, 1) for name in ("mean", "std"))
            tensor = tensor * std + mean
    return tensor


def _picture(image: "torch.Tensor") -> Image.Image:
    """A picture of float [C, H, W], C = 1 or 3, on the scale 0..1; what lies outside is clipped."""
    pixels = (image.clamp(0, 1) * 255).round().byte().numpy()
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
