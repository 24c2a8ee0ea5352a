"""What is known of each family of networks: title, paper, year, and one sentence. Does not import torch."""

from typing import NamedTuple


class Family(NamedTuple):
    """What all networks whose name starts alike have in common."""

    title: str
    paper: str
    year: int
    summary: str


# The longest matching start of a name decides. Titles and years are those of the papers torchvision itself cites.
FAMILIES = {
    "alexnet": Family(
        "AlexNet",
        "Krizhevsky, One weird trick for parallelizing convolutional neural networks",
        2014,
        "Five convolutions and three large linear layers: the network that made deep learning famous, in a later form.",
    ),
    "convnext": Family(
        "ConvNeXt",
        "Liu et al., A ConvNet for the 2020s",
        2022,
        "A ResNet modernised step by step with ideas from vision transformers: 7×7 depthwise convolutions, LayerNorm.",
    ),
    "densenet": Family(
        "DenseNet",
        "Huang et al., Densely connected convolutional networks",
        2016,
        "Each layer receives the outputs of all layers before it in its block, so features are reused.",
    ),
    "efficientnet_b": Family(
        "EfficientNet",
        "Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks",
        2019,
        "Depth, width and image size grow together by one rule, from B0 to B7.",
    ),
    "efficientnet_v2": Family(
        "EfficientNetV2",
        "Tan and Le, EfficientNetV2: smaller models and faster training",
        2021,
        "EfficientNet searched again for training speed; early stages use ordinary instead of depthwise convolutions.",
    ),
    "googlenet": Family(
        "GoogLeNet",
        "Szegedy et al., Going deeper with convolutions",
        2014,
        "Inception blocks: filters of several sizes side by side, with 1×1 convolutions to keep them cheap.",
    ),
    "inception_v3": Family(
        "Inception v3",
        "Szegedy et al., Rethinking the Inception architecture for computer vision",
        2015,
        "Inception blocks whose large filters are factorised into small and one-dimensional ones.",
    ),
    "maxvit": Family(
        "MaxViT",
        "Tu et al., MaxViT: multi-axis vision transformer",
        2022,
        "Convolution, attention within windows and attention across a coarse grid in every block.",
    ),
    "mnasnet": Family(
        "MNASNet",
        "Tan et al., MnasNet: platform-aware neural architecture search for mobile",
        2018,
        "Found by a search that weighed accuracy against the time measured on a telephone.",
    ),
    "mobilenet_v2": Family(
        "MobileNetV2",
        "Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks",
        2018,
        "Inverted residual blocks: expand with 1×1, filter depthwise, project back to few channels.",
    ),
    "mobilenet_v3": Family(
        "MobileNetV3",
        "Howard et al., Searching for MobileNetV3",
        2019,
        "MobileNetV2 refined by search, with squeeze-and-excitation and hard-swish.",
    ),
    "regnet": Family(
        "RegNet",
        "Radosavovic et al., Designing network design spaces",
        2020,
        "Widths of the blocks follow one linear rule, found by studying whole populations of networks.",
    ),
    "resnet": Family(
        "ResNet",
        "He et al., Deep residual learning for image recognition",
        2015,
        "Shortcuts around every block let gradients reach the first layers of very deep networks.",
    ),
    "resnet50-v2": Family(
        "ResNet v2",
        "He et al., Identity mappings in deep residual networks",
        2016,
        "BatchNorm and ReLU stand before each convolution, so that nothing touches the sums of the shortcuts.",
    ),
    "resnext": Family(
        "ResNeXt",
        "Xie et al., Aggregated residual transformations for deep neural networks",
        2016,
        "A ResNet whose 3×3 convolutions are split into many parallel groups (cardinality).",
    ),
    "resnext50-tutorial": Family(
        "ResNeXt",
        "Xie et al., Aggregated residual transformations for deep neural networks",
        2016,
        "ResNeXt-50 as a tutorial published it: a projection on every shortcut makes 15 M more parameters.",
    ),
    "resnext-mini": Family(
        "ResNeXt",
        "Xie et al., Aggregated residual transformations for deep neural networks",
        2016,
        "ResNeXt's grouped blocks, 15 narrow ones, for images of 32×32 or so: trains on a laptop.",
    ),
    "resnext-mini-projected": Family(
        "ResNeXt",
        "Xie et al., Aggregated residual transformations for deep neural networks",
        2016,
        "The laptop's ResNeXt with a projection on every shortcut, as a tutorial builds the large one.",
    ),
    "shufflenet_v2": Family(
        "ShuffleNetV2",
        "Ma et al., ShuffleNet V2: practical guidelines for efficient CNN architecture design",
        2018,
        "Half of the channels pass each block untouched, then channels are shuffled; built for measured speed.",
    ),
    "squeezenet": Family(
        "SqueezeNet",
        "Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters",
        2016,
        "Fire modules: squeeze to few channels with 1×1, then expand with 1×1 and 3×3 side by side.",
    ),
    "swin_v2": Family(
        "Swin Transformer V2",
        "Liu et al., Swin Transformer V2: scaling up capacity and resolution",
        2021,
        "Swin with cosine attention and a position bias that carries over to other window sizes.",
    ),
    "swin": Family(
        "Swin Transformer",
        "Liu et al., Swin Transformer: hierarchical vision transformer using shifted windows",
        2021,
        "Attention inside small windows that shift from layer to layer; space shrinks and channels grow as in a CNN.",
    ),
    "vgg": Family(
        "VGG",
        "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition",
        2014,
        "Nothing but 3×3 convolutions and pooling, deeper than anything before, and three large linear layers.",
    ),
    "vit": Family(
        "Vision Transformer",
        "Dosovitskiy et al., An image is worth 16x16 words: transformers for image recognition at scale",
        2020,
        "Cuts the image into patches, treats them as words, and lets every patch attend to every other.",
    ),
    "wide_resnet": Family(
        "Wide ResNet",
        "Zagoruyko and Komodakis, Wide residual networks",
        2016,
        "A ResNet with twice the channels in the middle of each block.",
    ),
}


def family(name: str) -> Family:
    """The family of one of torchvision's names or ours; a bare one where a newer torchvision has names unknown here."""
    starts = [start for start in FAMILIES if name.startswith(start)]
    if not starts:
        return Family(name, "", 0, "A classifier of torchvision.")
    return FAMILIES[max(starts, key=len)]
