"""Ways to reuse a network's weights: which of its layers learn, when, and how fast."""

from collections.abc import Iterable

import torch
from torch import nn

from cvcore.config import TransferConfig
from cvcore.errors import ModelError
from cvcore.training.plan import Group, Plan
from cvcore.transfer.heads import Headed, head_name
from cvcore.transfer.weight_fit import put

MOST = 0.8  # share of a network's layers from which on a part of it is no block
KEPT = ("features", "frozen")  # strategies that leave the backbone as it came


def load_body(network: Headed, weights: dict[str, torch.Tensor], name: str) -> None:
    """Give `network` all of `weights`, which are called `name`, but those of the head, which keeps its fresh start.

    Raises ModelError, and changes nothing, where they belong to another network.
    """
    body = network.model.get_submodule(network.body)
    fresh = {} if network.body else {key: value for key, value in body.state_dict().items() if network.is_fresh(key)}
    given = {key: value for key, value in weights.items() if network.body or not network.is_fresh(key)}
    try:
        put({**given, **fresh}, body, name)
    except ModelError as error:
        raise ModelError(f"{error}, or the strategy deepen for a deeper one") from error


def blocks(network: Headed) -> list[tuple[str, tuple[nn.Parameter, ...]]]:
    """(name, parameters) of each block of the backbone, from the image up; each parameter is in just one of them."""
    parameters = dict(network.model.named_parameters())
    return [
        (block, tuple(parameters[name] for name in names)) for block, names in by_block(network, parameters).items()
    ]


def by_block(network: Headed, names: Iterable[str]) -> dict[str, list[str]]:
    """Those of the network's parameters and buffers that are in its backbone, by block, from the image up.

    Blocks are the parts to which the network's author gave names; a part that is most of it is told by its own parts.
    What the network owns itself is the block "own".
    """
    start = f"{network.body}." if network.body else ""
    body = network.model.get_submodule(network.body)
    opened = _opened(body, head_name(body) if network.body else network.head)
    found: dict[str, list[str]] = {}
    for name in names:
        if not network.is_fresh(name):
            parts = name.removeprefix(start).split(".")[:-1]
            deep = next((end for end in range(1, len(parts)) if ".".join(parts[:end]) not in opened), len(parts))
            found.setdefault(start + (".".join(parts[:deep]) or "own"), []).append(name)
    return found


def _opened(body: nn.Module, head: str) -> set[str]:
    """Names of the parts that are no block but hold several: those around the head, and those that are most of it."""
    layers = [name for name, module in body.named_modules() if any(True for _ in module.parameters(recurse=False))]
    opened = {head.rsplit(".", end)[0] for end in range(1, head.count(".") + 1)}
    for name, _ in body.named_modules():
        inside = sum(each.startswith(f"{name}.") for each in layers)
        if name and inside and (name == "features" or inside > MOST * len(layers)):
            opened.add(name)
    return opened


def plan_of(network: Headed, transfer: TransferConfig) -> Plan:
    """What of the network learns when, as the strategy says; what never learns is frozen here.

    features and frozen: the head alone; finetune: everything, alike; discriminative: the backbone at `factor` of the
    head's rate; warmup-finetune: the head for `unfreeze` epochs, then everything at `factor`; gradual: every `unfreeze`
    epochs the next block from the top joins, at `factor`; deepen: everything, alike, as in the paper.
    """
    head = Group("head", tuple(p for name, p in network.model.named_parameters() if network.is_fresh(name)))
    body = blocks(network)
    _check_groups(network.model, [head.parameters, *(parameters for _, parameters in body)])
    whole = tuple(parameter for _, parameters in body for parameter in parameters)
    after, factor = transfer.unfreeze, transfer.factor
    if transfer.strategy in KEPT:
        for parameter in whole:
            parameter.requires_grad_(False)
        return Plan((head,), moving=transfer.statistics == "moving")
    if transfer.strategy == "discriminative":
        return Plan((head, Group("backbone", whole, factor=factor)))
    if transfer.strategy == "warmup-finetune":
        return Plan((head, Group("backbone", whole, since=after + 1)), lowered_from=after + 1, lowered=factor)
    if transfer.strategy == "gradual":
        down = enumerate(reversed(body), start=1)
        return Plan((head, *(Group(name, each, since=1 + after * turn, factor=factor) for turn, (name, each) in down)))
    return Plan.everything(network.model)


def _check_groups(model: nn.Module, groups: list[tuple[nn.Parameter, ...]]) -> None:
    """Raises ModelError unless every parameter is in exactly one group: none may be forgotten, none learn twice."""
    grouped = [id(parameter) for group in groups for parameter in group]
    if sorted(grouped) != sorted(id(parameter) for parameter in model.parameters()):
        raise ModelError(f"the layers of {type(model).__name__} cannot be told apart: choose finetune without groups")
