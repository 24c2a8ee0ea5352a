"""Whether a typed network can be trained: one output a class, weights, and a gradient that reaches them.

Importing this imports torch.
"""

from math import prod

import torch
from torch.nn import functional as F

from cvcore.errors import ModelError
from cvcore.models.fit import first_sentence, image_text
from cvcore.models.parsing.layers import settings, written
from cvcore.models.parsing.parse import Layer
from cvcore.models.parsing.shapes import BATCH, Passed, assemble, make_all, send


def check(network: Layer, image_shape: tuple[int, int, int], num_classes: int) -> None:
    """Raises ModelError in one line where the network cannot be trained on such images; allocates nothing."""
    made = make_all(network)
    passed = send(made, image_shape)
    _check_outputs(passed, num_classes)
    if not any(True for each in made for _ in each.module.parameters()):
        raise network.error("the network has no weights to train: put an nn.Linear or nn.Conv2d into it")
    with torch.device("meta"):
        model = assemble(network).train()
        labels = torch.zeros(BATCH, dtype=torch.long)
        try:
            F.cross_entropy(model(torch.empty(BATCH, *image_shape)), labels).backward()
        except (RuntimeError, ValueError) as error:
            if "inplace operation" in str(error):
                raise ModelError(
                    "the network cannot be trained: a layer with inplace=True overwrites what the gradient of the "
                    "layer before it needs; remove inplace=True"
                ) from error
            raise ModelError(f"the network cannot be trained: {first_sentence(error)}") from error


def _check_outputs(passed: list[Passed], num_classes: int) -> None:
    """Raises TextError, at the layer that decides it, unless there is one output a class."""
    last = passed[-1]
    out = last.leaves
    if out == (num_classes,):
        return
    if len(out) > 1:
        count = prod(out)
        more = "" if count == num_classes else f" and nn.Linear({count}, {num_classes})"
        raise last.layer.error(
            f"the network gives {image_text(out)} for an image, but one number a class is needed: "
            f"end it with nn.Flatten(){more}"
        )
    wrong = f"the network gives {out[0]} {'value' if out[0] == 1 else 'values'}, but there are {num_classes} classes"
    for each in reversed(passed):
        if each.layer.kind == "Linear" and settings(each.layer)["out_features"] == out[0]:
            raise each.layer.error(f"{wrong}: out_features={num_classes} in {written(each.layer)}")
        if each.arrives != out:
            break
    raise last.layer.error(f"{wrong}: end it with nn.Linear({out[0]}, {num_classes})")
