"""Pipelines that are known by name: those of the tutorials, of torchvision's weights, and a start for any images."""

from dataclasses import dataclass
from functools import cache

from cvcore.data.transforms.kinds import Value
from cvcore.data.transforms.steps import Pipeline, Step
from cvcore.errors import ConfigError, unknown_name

LARGE = 128  # pixels; from this shorter side on, images are photographs rather than small icons


@dataclass(frozen=True)
class Preset:
    """A pipeline with its name, what it is called on a page, and what to know about it."""

    name: str
    title: str
    about: str
    pipeline: Pipeline


def _step(name: str, **params: Value) -> Step:
    return Step(name, params)


RESIZE, CROP, FLIP = _step("Resize", size=256), _step("CenterCrop", size=224), _step("RandomHorizontalFlip")
TO_TENSOR, IMAGENET = _step("ToTensor"), _step("Normalize")
HALF_COLOUR = _step("Normalize", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
HALF = _step("Normalize", mean=0.5, std=0.5)

_PRESETS = (
    Preset(
        "mnist",
        "Perceptron and small CNNs on MNIST: ToTensor only",
        "Bytes become 0..1 and nothing else: enough for small grey digits.",
        (TO_TENSOR,),
    ),
    Preset(
        "cifar10",
        "LeNet on CIFAR-10: values in −1..1",
        "Normalize with 0.5 and 0.5 turns 0..1 into −1..1.",
        (TO_TENSOR, HALF_COLOUR),
    ),
    Preset(
        "cats-dogs",
        "VGG-16 features of cats and dogs",
        "How ImageNet weights expect a photograph: shorter side 256, middle 224×224, ImageNet's mean and deviation.",
        (RESIZE, CROP, TO_TENSOR, IMAGENET),
    ),
    Preset(
        "hymenoptera-published",
        "AlexNet on ants and bees: as published",
        "Neither a crop nor Normalize, though the weights come from ImageNet: images of different shapes fit no batch.",
        (_step("Resize", size=224), TO_TENSOR),
    ),
    Preset(
        "hymenoptera-corrected",
        "AlexNet on ants and bees: corrected",
        "With the crop and the normalisation that the weights were trained with.",
        (RESIZE, CROP, TO_TENSOR, IMAGENET),
    ),
    Preset(
        "resnext50",
        "ResNeXt-50 from scratch: square 224×224",
        "Scales both sides to 224, which distorts all but square images.",
        (_step("Resize", size=(224, 224)), TO_TENSOR, IMAGENET),
    ),
    Preset(
        "lenet5",
        "LeNet-5 on MNIST: ToTensor only",
        "The network pads the 28×28 digits itself, in its first convolution.",
        (TO_TENSOR,),
    ),
    Preset(
        "vgg-finetune-train",
        "VGG-16 fine-tuning: training",
        "The middle 256×256, of it a random 224×224, half of them mirrored.",
        (RESIZE, _step("CenterCrop", size=256), _step("RandomCrop", size=224), FLIP, TO_TENSOR, IMAGENET),
    ),
    Preset(
        "vgg-finetune-validation",
        "VGG-16 fine-tuning: validation as published",
        "Ten crops of an image that was first scaled to a square, which distorts it.",
        (_step("Resize", size=(256, 256)), _step("TenCrop", size=224), TO_TENSOR, IMAGENET),
    ),
    Preset(
        "vgg-finetune-validation-corrected",
        "VGG-16 fine-tuning: validation corrected",
        "Ten crops of an image that keeps its proportions.",
        (RESIZE, _step("TenCrop", size=224), TO_TENSOR, IMAGENET),
    ),
    Preset(
        "vgg-paper-train",
        "VGG paper, training: scale jitter",
        "Shorter side drawn from 256 to 512, of it a random 224×224, half mirrored. The paper shifts colours too.",
        (_step("ScaleJitter"), _step("RandomCrop", size=224), FLIP, TO_TENSOR, IMAGENET),
    ),
)
PRESETS = {preset.name: preset for preset in _PRESETS}


def preset(name: str) -> Preset:
    """The tutorials' preset called `name`, or that of a torchvision weight. Raises ConfigError if there is none."""
    if name in PRESETS:
        return PRESETS[name]
    if "_Weights." in name:
        about = "What torchvision itself does to an image before these weights see it. Nothing is downloaded for this."
        return Preset(name, name.replace("_Weights.", " · "), about, from_weights(name))
    raise ConfigError(unknown_name("preset", name, PRESETS, "; or weights, such as ResNet50_Weights.IMAGENET1K_V2"))


def suggested(size: tuple[int, int], channels: int) -> Preset:
    """A first pipeline to train on images of `size` (height, width): gentle random changes, and values around 0."""
    side = min(size)
    if side >= LARGE:
        steps = [_step("RandomResizedCrop", size=224, scale=(0.35, 1.0)), FLIP, _step("ColorJitter")]
        scaling = IMAGENET if channels == 3 else HALF
    else:
        shift = _step("RandomCrop", size=size if size[0] != size[1] else side, padding=max(1, side // 8))
        steps = [FLIP, shift, _step("ColorJitter")] if channels == 3 else [_step("RandomRotation"), shift]
        scaling = HALF_COLOUR if channels == 3 else HALF
    return Preset(
        "suggested",
        "A start for these images",
        "Gentle random changes that leave the class as it is, then values around 0.",
        (*steps, TO_TENSOR, scaling),
    )


@cache
def weight_names() -> tuple[str, ...]:
    """Names of all weights of torchvision's classifiers, such as "ResNet50_Weights.IMAGENET1K_V2", sorted."""
    from torchvision import models

    enums = [models.get_model_weights(name) for name in models.list_models(module=models)]
    return tuple(sorted(str(weights) for enum in enums for weights in enum))


def from_weights(name: str) -> Pipeline:
    """What torchvision does to an image before the weights called `name` see it, read off these weights.

    Raises ConfigError if there are no such weights, or their transform is not the usual one for classification.
    """
    from torchvision import models
    from torchvision.transforms._presets import ImageClassification

    if name not in weight_names():
        raise ConfigError(unknown_name("weights", name, weight_names()))
    made = models.get_weight(name).transforms()
    if not isinstance(made, ImageClassification):
        raise ConfigError(f"{name}: its transform {type(made).__name__} is unknown here; choose other weights")
    resize = _step(
        "Resize",
        size=tuple(made.resize_size),
        interpolation=made.interpolation.value,
        antialias=made.antialias is not False,
    )
    crop = _step("CenterCrop", size=tuple(made.crop_size))
    return (resize, crop, TO_TENSOR, _step("Normalize", mean=tuple(made.mean), std=tuple(made.std)))
