"""Networks on the meta device, where tensors have shapes but no contents, and what is read from them."""

import torch

from cvcore.models import zoo

IMAGE = (3, 224, 224)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def on_meta(name, image=IMAGE, classes=1000):
    with torch.device("meta"):
        return zoo.build(name, image, classes)


def shapes(model):
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}
