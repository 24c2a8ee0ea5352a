import pytest
import torch

from cvcore.errors import ConfigError
from cvcore.models import zoo
from cvcore.training.device import WORTH_THREADS, choose_device, rough_mult_adds, use_threads_for


@pytest.fixture(autouse=True)
def threads_given_back():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_mult_adds_of_lenet5_by_hand():
    # 28·28·6·25 + 10·10·16·6·25 + 120·16·25 + 120·84 + 84·10, and no biases
    by_hand = 117_600 + 240_000 + 48_000 + 10_080 + 840
    assert rough_mult_adds(zoo.build("lenet5", (1, 28, 28), 10), torch.zeros(1, 1, 28, 28)) == by_hand


def test_small_networks_get_one_thread_and_the_network_stays_as_it_was():
    model = zoo.build("bn-cnn", (1, 28, 28), 10).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    use_threads_for(model, torch.zeros(1, 1, 28, 28))
    assert torch.get_num_threads() == 1
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_large_work_gets_all_threads():
    model = zoo.build("bn-cnn", (3, 32, 32), 10)
    one = rough_mult_adds(model, torch.zeros(1, 3, 32, 32))
    images = torch.zeros(int(WORTH_THREADS / one) + 2, 3, 32, 32)
    torch.set_num_threads(1)
    use_threads_for(model, images)
    from cvcore.training import device

    assert torch.get_num_threads() == device._ALL_THREADS


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("CVCORE_DEVICE", "cpu")
    assert choose_device() == torch.device("cpu")
    monkeypatch.setenv("CVCORE_DEVICE", "gpu")
    with pytest.raises(ConfigError, match="CVCORE_DEVICE: given 'gpu'"):
        choose_device()
