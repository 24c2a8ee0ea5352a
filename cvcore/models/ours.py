"""The table of our own networks: what is known of each, and where its builder is. Does not import torch.

Accuracies are those that torchvision publishes for its first weights of the same network (IMAGENET1K_V1).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from cvcore.models.families import family
from cvcore.models.spec import ModelSpec

DIGITS, SMALL_COLOUR, PHOTO = (1, 28, 28), (3, 32, 32), (3, 224, 224)
LEARN = "Microsoft Learn, Introduction to computer vision with PyTorch"
LECUN = "LeCun et al., Gradient-based learning applied to document recognition"

RESIDUAL = [
    # name, title, module:callable, options, min_side, top1; each has a twin for small images
    ("resnet18", "ResNet-18", "resnet:resnet", {"depth": 18}, 1, 69.758),
    ("resnet34", "ResNet-34", "resnet:resnet", {"depth": 34}, 1, 73.314),
    ("resnet50", "ResNet-50", "resnet:resnet", {"depth": 50}, 1, 76.130),
    ("resnet101", "ResNet-101", "resnet:resnet", {"depth": 101}, 1, 77.374),
    ("resnet152", "ResNet-152", "resnet:resnet", {"depth": 152}, 1, 78.312),
    ("resnet50-v2", "ResNet-50 v2 (pre-activation)", "resnet_v2:ResNetV2", {}, 1, None),
    ("resnext50_32x4d", "ResNeXt-50 (32×4d)", "resnext:resnext50", {}, 1, 77.618),
]


class Network(NamedTuple):
    """One row. `builder` is "module:callable", called with (image_shape, num_classes, **options)."""

    spec: ModelSpec
    builder: str
    options: dict


def own_networks() -> Iterator[Network]:
    """All rows, from the simplest up."""
    yield from _of_the_tutorials()
    yield from _of_imagenet()
    yield from _for_small_images()


def _of_the_tutorials() -> Iterator[Network]:
    rows = [
        # name, title, module:class, paper, year, input, min_side, any_size, summary
        ("perceptron", "Perceptron", "dense:Perceptron", LEARN, None, DIGITS, 1, False,
         "One linear layer: every pixel votes for every class."),
        ("mlp", "Multi-layer perceptron", "dense:MLP", LEARN, None, DIGITS, 1, False,
         "One hidden layer of 100 and a ReLU; still blind to which pixels are neighbours."),
        ("one-conv", "One convolution", "small_conv:OneConv", LEARN, None, DIGITS, 5, False,
         "Nine 5×5 filters slide over the image; a linear layer reads what they find."),
        ("two-conv", "Two convolutions", "small_conv:TwoConv", LEARN, None, DIGITS, 16, False,
         "Convolution and pooling twice: space shrinks, channels grow, parameters stay few."),
        ("lenet-cifar", "LeNet for CIFAR-10", "lenet:LeNetCifar", LEARN, None, SMALL_COLOUR, 32, False,
         "Three convolutions with ReLU and max pooling for small colour images."),
        ("lenet5", "LeNet-5", "lenet:LeNet5", LECUN, 1998, DIGITS, 28, False,
         "The network that read cheques: three convolutions, tanh, average pooling."),
        ("bn-cnn", "CNN with BatchNorm", "bn_cnn:BatchNormCNN", "", None, SMALL_COLOUR, 8, True,
         "Three stages of 3×3 convolution, BatchNorm and ReLU, then a global average: small, quick, accurate."),
    ]  # fmt: skip
    for name, title, builder, paper, year, shape, min_side, any_size, summary in rows:
        spec = ModelSpec(name, title, "ours", paper, year, shape, min_side, any_size, summary)
        yield Network(spec, f"cvcore.models.{builder}", {})


def _of_imagenet() -> Iterator[Network]:
    rows = [
        # name, title, module:callable, options, min_side, top1
        ("alexnet", "AlexNet", "alexnet:AlexNet", {}, 63, 56.522),
        *_vgg("A", 11, 69.020, 70.370),
        *_vgg("B", 13, 69.928, 71.586),
        *_vgg("D", 16, 71.592, 73.360),
        *_vgg("E", 19, 72.376, 74.218),
        *RESIDUAL,
        ("densenet121", "DenseNet-121", "densenet:DenseNet121", {}, 29, 74.434),
        ("mobilenet_v2", "MobileNetV2", "mobilenet_v2:MobileNetV2", {}, 1, 71.878),
    ]
    twins = {name: f"{name}-small" for name, *_ in RESIDUAL}
    for name, title, builder, options, min_side, top1 in rows:
        spec = _photo_spec(name, title, min_side)
        yield Network(replace(spec, top1=top1, small_stem=twins.get(name)), f"cvcore.models.{builder}", options)
    spec = _photo_spec("resnext50-tutorial", "ResNeXt-50, a tutorial's variant", min_side=1)
    yield Network(replace(spec, default_classes=4), "cvcore.models.resnext:resnext50_tutorial", {})


def _photo_spec(name: str, title: str, min_side: int) -> ModelSpec:
    """A network for photographs and the 1000 classes of ImageNet, whose weights take every size."""
    about = family(name)
    return ModelSpec(
        name, title, "ours", about.paper, about.year, PHOTO, min_side, True, about.summary, default_classes=1000
    )


def _vgg(configuration: str, depth: int, top1: float, top1_bn: float) -> Iterator[tuple]:
    """The rows of one of the paper's configurations, without and with BatchNorm."""
    title = f"VGG-{depth} ({configuration})"
    options = {"configuration": configuration}
    yield f"vgg{depth}", title, "vgg:VGG", options, 32, top1
    yield f"vgg{depth}_bn", f"{title} with BatchNorm", "vgg:VGG", {**options, "batch_norm": True}, 32, top1_bn


def _for_small_images() -> Iterator[Network]:
    """The residual networks with a 3×3 first layer and no pooling after it."""
    for name, title, builder, options, min_side, _ in RESIDUAL:
        spec = replace(
            _photo_spec(f"{name}-small", f"{title}, small images", min_side),
            input=SMALL_COLOUR,
            default_classes=10,
            summary=f"{title} with a first layer that keeps the size, 3×3 without pooling, for images of 32×32 or so.",
        )
        yield Network(spec, f"cvcore.models.{builder}", {**options, "small_stem": True})
    for name, title, builder in (
        ("resnext-mini", "ResNeXt for a laptop", "resnext_mini"),
        ("resnext-mini-projected", "ResNeXt for a laptop, a projection on every shortcut", "resnext_mini_projected"),
    ):
        spec = replace(_photo_spec(name, title, min_side=3), input=SMALL_COLOUR, default_classes=10)
        yield Network(spec, f"cvcore.models.resnext:{builder}", {})
