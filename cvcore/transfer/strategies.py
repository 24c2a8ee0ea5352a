"""Reuse a trained network: its weights with a new head, frozen or free to move."""

from typing import Literal

import torch
from torch import nn

from cvcore.errors import ModelError


def head_name(model: nn.Module) -> str:
    """Dotted name of the head: the last Linear layer, which maps features to classes. Raises ModelError if none."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ModelError(f"{type(model).__name__} has no Linear layer to replace: choose a network that ends in one")
    return linear[-1]


def reuse(model: nn.Module, weights: dict[str, torch.Tensor], strategy: Literal["frozen", "finetune"]) -> nn.Module:
    """`model` with all of `weights` but those of the head, which keeps its own fresh start.

    frozen: only the head learns, the rest stays as it came, BatchNorm statistics too (see loop.train_mode);
    finetune: everything learns. Raises ModelError if the weights belong to another network.
    """
    head = head_name(model)
    body = {name: value for name, value in weights.items() if not name.startswith(f"{head}.")}
    own = {name: value for name, value in model.state_dict().items() if not name.startswith(f"{head}.")}
    wrong = sorted(body.keys() ^ own.keys()) or [name for name in own if own[name].shape != body[name].shape]
    if wrong:
        sizes = " and ".join(str(list(state[wrong[0]].shape)) for state in (body, own) if wrong[0] in state)
        raise ModelError(
            f"the weights do not fit the network at {wrong[0]} ({sizes}): "
            "transfer between sets of the same channels, with a network that takes both image sizes"
        )
    model.load_state_dict(body, strict=False)
    if strategy == "frozen":
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(f"{head}.")
    return model
