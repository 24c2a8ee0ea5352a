import pytest
import torch
from torch import nn

from cvcore.config import TrainConfig
from cvcore.training.optim import Schedule, make_optimizer


def rates(epochs: int, **settings) -> list[float]:
    """The learning rate of each epoch."""
    config = TrainConfig(optimizer="sgd", lr=1.0, epochs=epochs, **settings)
    optimizer = make_optimizer(nn.Linear(1, 1).parameters(), config)
    schedule = Schedule(optimizer, config, 1)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_batch()
        schedule.after_epoch(1.0)
    return found


def test_schedules_by_hand():
    assert rates(3) == [1, 1, 1]
    assert rates(5, schedule="step", step_size=2, gamma=0.1) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    # cosine: (1 + cos(pi k / 4)) / 2 for k = 0..3
    assert rates(4, schedule="cosine") == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-5)


def test_frozen_parameters_are_left_out():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    (group,) = make_optimizer(layer.parameters(), TrainConfig()).param_groups
    assert [parameter is layer.weight for parameter in group["params"]] == [True]


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_settings_reach_the_optimizer(name, kind):
    momentum = {"momentum": 0.9} if name == "sgd" else {}
    optimizer = make_optimizer(
        nn.Linear(1, 1).parameters(), TrainConfig(optimizer=name, lr=0.3, weight_decay=0.01, **momentum)
    )
    assert type(optimizer) is kind
    assert optimizer.defaults["lr"] == 0.3
    assert optimizer.defaults["weight_decay"] == 0.01
    assert optimizer.defaults.get("momentum", 0) == momentum.get("momentum", 0)
