"""How a run's network begins: at random, or from weights that were learnt before."""

import torch
from torch import nn

from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.models import zoo
from cvcore.models.spec import ImageShape
from cvcore.training.plan import Plan
from cvcore.training.runs import RunStore
from cvcore.transfer.deepen import Copied, deepen
from cvcore.transfer.heads import APPENDED, Headed, head_name, with_head
from cvcore.transfer.sources import THEIRS, is_run, said, weights_of
from cvcore.transfer.strategies import load_body, plan_of
from cvcore.transfer.ways import DEEPEN
from cvcore.transfer.weight_fit import Fit, compare, put


def bare(config: RunConfig, image_shape: ImageShape, classes: int, weights: dict[str, torch.Tensor]) -> Headed:
    """The run's network with fresh values everywhere; `weights`, its own or those it starts from, tell how many outputs
    the reused network has, where its head stays."""
    if config.transfer is None:
        return Headed(zoo.build(config.model.name, image_shape, classes), "")
    outputs = 0
    if config.transfer.head in APPENDED:
        with torch.device("meta"):  # nothing is drawn there
            outputs = outputs_of(weights, zoo.build(config.model.name, image_shape, classes)) or classes
    network = with_head(config.model.name, image_shape, classes, config.transfer.head, outputs)
    body = network.model.get_submodule(network.body)
    if config.transfer.source.startswith(THEIRS) and hasattr(body, "transform_input"):
        body.transform_input = True  # GoogLeNet and Inception bring ImageNet's normalisation to their own
    return network


def started(
    config: RunConfig,
    image_shape: ImageShape,
    classes: int,
    store: RunStore,
    first: dict[str, torch.Tensor] | None = None,
) -> tuple[Headed, Plan]:
    """The run's network as it begins, on the current default device, and what of it learns when.

    `first` are all its weights before the first epoch, where a transferred run has kept them: its source need not be
    there then. Raises RunError or ModelError in one line where the weights are not there or do not fit.
    """
    if config.transfer is None:
        network = bare(config, image_shape, classes, {})
        return network, Plan.everything(network.model)
    if first is not None:
        network = own(config, image_shape, classes, first)
        put(first, network.model, "what the run kept of its start")
        return network, plan_of(network, config.transfer)
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


def own(config: RunConfig, image_shape: ImageShape, classes: int, weights: dict[str, torch.Tensor]) -> Headed:
    """The network of a run that was trained, with fresh values; of its `weights` names and shapes count."""
    body = {name.removeprefix("body."): value for name, value in weights.items() if name.startswith("body.")}
    return bare(config, image_shape, classes, body or weights)


def restored(config: RunConfig, image_shape: ImageShape, classes: int, weights: dict[str, torch.Tensor]) -> nn.Module:
    """The network of a run that was trained, with its `weights`. Raises RuntimeError where they are not its own."""
    network = own(config, image_shape, classes, weights)
    network.model.load_state_dict(weights)
    return network.model


def fit_of(weights: dict[str, torch.Tensor], name: str) -> Fit:
    """How a state dict fits the network `name` of the zoo with as many classes as it gives; nothing is allocated."""
    spec = zoo.find(name)
    with torch.device("meta"):
        model = zoo.build(name, spec.input, spec.default_classes)
        first = next((name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)), "")
        weight = weights.get(f"{first}.weight")
        channels = spec.input[0] if weight is None or weight.ndim != 4 else weight.shape[1]
        classes = outputs_of(weights, model) or spec.default_classes
        return compare(weights, zoo.build(name, (channels, *spec.input[1:]), classes))


def outputs_of(weights: dict[str, torch.Tensor], model: nn.Module) -> int | None:
    """How many values a network like `model` gives with these weights, in whatever order they come; None where they
    lack its last layer."""
    weight = weights.get(f"{head_name(model)}.weight")
    return None if weight is None else weight.shape[0]
