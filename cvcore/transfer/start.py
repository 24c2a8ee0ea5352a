"""How a run's network begins: at random, or from weights that were learnt before."""

import torch
from torch import nn

from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.models.spec import ImageShape
from cvcore.training.plan import Plan
from cvcore.training.runs import RunStore
from cvcore.transfer.deepen import Copied, deepen
from cvcore.transfer.heads import APPENDED, Headed, head_name, with_head
from cvcore.transfer.sources import THEIRS, is_run, said, weights_of
from cvcore.transfer.strategies import load_body, plan_of
from cvcore.transfer.ways import DEEPEN
from cvcore.transfer.weight_fit import Fit, compare


def bare(config: RunConfig, image_shape: ImageShape, classes: int, weights: dict[str, torch.Tensor]) -> Headed:
    """The run's network with fresh values everywhere; `weights`, its own or those it starts from, tell how many outputs
    the reused network has, where its head stays."""
    if config.transfer is None:
        return Headed(zoo.build(config.model.name, image_shape, classes), "")
    outputs = outputs_of(weights, config.model.name) if config.transfer.head in APPENDED else 0
    network = with_head(config.model.name, image_shape, classes, config.transfer.head, outputs)
    body = network.model.get_submodule(network.body)
    if config.transfer.source.startswith(THEIRS) and hasattr(body, "transform_input"):
        body.transform_input = True  # GoogLeNet and Inception bring ImageNet's normalisation to their own
    return network


def started(config: RunConfig, image_shape: ImageShape, classes: int, store: RunStore) -> tuple[Headed, Plan]:
    """The run's network as it begins, on the current default device, and what of it learns when.

    Raises RunError or ModelError in one line where the weights are not there or do not fit.
    """
    if config.transfer is None:
        network = bare(config, image_shape, classes, {})
        return network, Plan.everything(network.model)
    weights = weights_of(config.transfer.source, store)
    network = bare(config, image_shape, classes, weights)
    return network, reusing(network, weights, config, store)


def reusing(network: Headed, weights: dict[str, torch.Tensor], config: RunConfig, store: RunStore) -> Plan:
    """Give the run's `network` what it takes of `weights`, as its strategy says; what of it learns when.

    Raises ModelError in one line where they do not fit.
    """
    if config.transfer.strategy == DEEPEN:
        _deepened(network, weights, config, store)
    else:
        load_body(network, weights, said(config.transfer.source))
    return plan_of(network, config.transfer)


def copied(config: RunConfig, store: RunStore) -> Copied:
    """What a run whose strategy is "deepen" takes of the shallower network; nothing of its own is allocated."""
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    weights = {name: value.to("meta") for name, value in weights_of(config.transfer.source, store).items()}
    with torch.device("meta"):
        network = bare(config, dataset.image_shape, len(dataset.classes), weights)
        return _deepened(network, weights, config, store)


def _deepened(network: Headed, weights: dict[str, torch.Tensor], config: RunConfig, store: RunStore) -> Copied:
    source = config.transfer.source
    same_classes = is_run(source) and store.find(source).config.data.name == config.data.name
    return deepen(network, weights, (said(source), config.model.label), same_classes)


def restored(config: RunConfig, image_shape: ImageShape, classes: int, weights: dict[str, torch.Tensor]) -> nn.Module:
    """The network of a run that was trained, with its `weights`. Raises RuntimeError where they are not its own."""
    own = {name.removeprefix("body."): value for name, value in weights.items() if name.startswith("body.")}
    network = bare(config, image_shape, classes, own or weights)
    network.model.load_state_dict(weights)
    return network.model


def fit_of(weights: dict[str, torch.Tensor], name: str) -> Fit:
    """How a state dict fits the network `name` of the zoo with as many classes as it gives; nothing is allocated."""
    spec = zoo.find(name)
    first = next((value for value in weights.values() if value.ndim == 4), None)
    channels = first.shape[1] if first is not None else spec.input[0]
    with torch.device("meta"):
        return compare(weights, zoo.build(name, (channels, *spec.input[1:]), outputs_of(weights, name)))


def outputs_of(weights: dict[str, torch.Tensor], name: str) -> int:
    """How many values the network `name` of the zoo gives with these weights: as many as its head has rows. The order
    of a state dict would not tell: files of safetensors are sorted.

    Raises ModelError where they hold no such layer.
    """
    with torch.device("meta"):  # names without values
        head = head_name(zoo.build(name, zoo.find(name).input, 2))
    if f"{head}.weight" not in weights:
        raise ModelError(f"the weights hold no {head}.weight, which gives the classes of {name}: choose others")
    return weights[f"{head}.weight"].shape[0]
