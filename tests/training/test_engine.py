"""The trainer: schedules, mistakes made on purpose, early stopping, and that stopping anywhere changes nothing."""

import io

import numpy as np
import pytest
import torch
from torch import nn

from cvcore.config import TrainConfig
from cvcore.data.dataset import Split
from cvcore.training.batches import Batches
from cvcore.training.loop import Criterion, gives_log_probabilities
from cvcore.training.trainer import Callbacks, Stopped, Trainer

CPU = torch.device("cpu")
IMAGES, CLASSES = 70, 3


def split(count: int = IMAGES, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=count)
    images = random.integers(0, 120, (count, 1, 6, 6)) + 60 * labels[:, None, None, None]
    return Split(images.astype(np.uint8), labels)


def batches(config: TrainConfig, **options) -> Batches:
    shared = {"mean": (0.5,), "std": (0.25,), "device": CPU}
    return Batches(
        split(),
        np.arange(IMAGES),
        config.batch_size,
        **shared,
        generator=torch.Generator().manual_seed(config.seed),
        augment=config.augment,
        chance=torch.Generator().manual_seed(config.seed) if config.augment else None,
    )


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, CLASSES)
    )


def trainer(callbacks: Callbacks | None = None, model: nn.Module | None = None, **settings) -> Trainer:
    config = TrainConfig(**{"epochs": 4, "batch_size": 8, "lr": 0.01, **settings})
    torch.manual_seed(config.seed)
    val = Batches(split(30, 1), np.arange(30), 16, (0.5,), (0.25,), CPU)
    return Trainer(model or network(), batches(config), val, config, callbacks or Callbacks())


def told(found: Trainer) -> list[tuple]:
    return [(e.epoch, e.train_loss, e.train_acc, e.val_loss, e.val_acc, e.lr) for e in found.history]


def same_weights(a: Trainer, b: Trainer) -> bool:
    other = b.model.state_dict()
    return all(torch.equal(value, other[name]) for name, value in a.model.state_dict().items())


RESUMED = {
    "adam": {},
    "onecycle, augmented, clipped": {"schedule": "onecycle", "augment": ("rotate", "erase", "jitter"), "clip": 0.5},
    "nesterov, warm-up, cosine": {
        "optimizer": "sgd", "momentum": 0.9, "nesterov": True, "warmup": 1, "schedule": "cosine",
    },
    "rmsprop, plateau": {"optimizer": "rmsprop", "momentum": 0.5, "schedule": "plateau", "gamma": 0.5},
    "adamw, multistep, smoothed": {
        "optimizer": "adamw", "schedule": "multistep", "milestones": (1, 3), "label_smoothing": 0.1,
    },
    "gradients never zeroed": {"optimizer": "sgd", "lr": 1e-4, "faults": ("grads-never-zeroed", "batch-mean")},
    "bfloat16": {"precision": "bfloat16"},
}  # fmt: skip


@pytest.mark.parametrize("settings", RESUMED.values(), ids=RESUMED)
def test_stopped_after_any_batch_it_goes_on_as_if_nothing_had_been(settings, monkeypatch):
    monkeypatch.setattr("cvcore.training.trainer.LOOK_EVERY", 0)
    whole = trainer(**settings)
    whole.fit()
    for stop_at in (1, 5, 9, 10, 17, 26):  # of 36 batches, 9 an epoch: the first, in the middle, the last of an epoch
        saved, seen = {}, [0]

        def should_stop(seen=seen, stop_at=stop_at) -> str:
            seen[0] += 1
            return "pause" if seen[0] == stop_at else ""

        def keep(state, saved=saved) -> None:
            file = io.BytesIO()
            torch.save(state, file)
            saved["file"] = file

        first = trainer(Callbacks(on_checkpoint=keep, should_stop=should_stop), **settings)
        with pytest.raises(Stopped):
            first.fit()
        torch.manual_seed(999)  # whatever the next process draws before
        second = trainer(**settings)
        saved["file"].seek(0)
        second.load_state(torch.load(saved["file"], weights_only=True))
        second.fit()
        assert told(second) == told(whole)
        assert same_weights(second, whole)


def rates(**settings) -> list[float]:
    """The learning rate of every batch."""
    made = trainer(**settings)
    used, step = [], made.step.optimizer.step
    made.step.optimizer.step = lambda *a, **k: (used.append(made.optimizer.param_groups[0]["lr"]), step(*a, **k))[1]
    made.fit()
    return used


def test_rates_of_every_schedule_by_hand():
    sgd = {"optimizer": "sgd", "lr": 1e-3}
    each = 9  # batches an epoch: 70 images by 8
    assert rates(**sgd) == [1e-3] * 36
    assert rates(**sgd, schedule="step", step_size=2)[::each] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    assert rates(**sgd, schedule="multistep", milestones=(1, 3), gamma=0.5)[::each] == pytest.approx(
        [1e-3, 5e-4, 5e-4, 2.5e-4]
    )
    warm = rates(**sgd, warmup=1)
    assert warm[:9] == pytest.approx([1e-3 * step / 10 for step in range(1, 10)])
    assert warm[9:] == [1e-3] * 27
    # after a warm-up of one epoch the cosine has three: (1 + cos(pi k / 3)) / 2
    assert rates(**sgd, warmup=1, schedule="cosine")[9::9] == pytest.approx([1e-3, 0.75e-3, 0.25e-3])
    cycle = rates(**sgd, schedule="onecycle")
    assert cycle[0] == pytest.approx(1e-3 / 25)  # torch's default: the highest over 25
    assert max(cycle) == pytest.approx(1e-3, rel=0.01)
    assert np.argmax(cycle) == pytest.approx(0.3 * 36, abs=1.5)
    assert cycle[-1] < 1e-5


def test_a_plateau_drops_the_rate():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES))
    settings = {"optimizer": "sgd", "lr": 1e-12, "schedule": "plateau", "gamma": 0.5, "plateau_patience": 1}
    # nothing is learnt at such a rate: after the first epoch none is better, and patience lets one pass
    assert rates(model=model, **settings, epochs=6)[::9] == pytest.approx([1e-12] * 3 + [5e-13] * 2 + [2.5e-13])


def test_a_schedule_that_is_not_stepped_stays_at_its_first_rate():
    assert set(rates(schedule="step", step_size=1, faults=("schedule-not-stepped",))) == {0.01}
    assert set(rates(schedule="cosine")) != {0.01}


def test_clipping_bounds_the_gradient():
    made = trainer(optimizer="sgd", lr=1.0, clip=0.01, epochs=1)
    norms = []
    step = made.step.optimizer.step

    def watched(*a, **k):
        norms.append(torch.cat([p.grad.flatten() for p in made.model.parameters()]).norm().item())
        return step(*a, **k)

    made.step.optimizer.step = watched
    made.fit()
    assert max(norms) <= 0.01 + 1e-6
    assert len(norms) == 9


def test_early_stopping_waits_for_its_patience():
    made = trainer(epochs=50, lr=1e-9, patience=3)
    made.fit()
    assert len(made.history) == made.best.epoch + 3 < 50
    assert len(trainer(epochs=5, lr=1e-9).fit()) == 5


class TestLoss:
    def test_log_probabilities_are_recognised(self):
        images = torch.randn(4, 3)
        assert gives_log_probabilities(nn.LogSoftmax(1), images)
        for other in (nn.Identity(), nn.Softmax(1), nn.LogSoftmax(0)):
            assert not gives_log_probabilities(other, images)

    def test_nll_of_log_probabilities_is_cross_entropy_of_logits(self):
        logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
        assert torch.allclose(Criterion(nll=True)(logits.log_softmax(1), labels), Criterion()(logits, labels))

    def test_smoothing_by_hand(self):
        # logits 0: every class has probability 1/2, so the loss is log 2 whatever the target
        assert Criterion(label_smoothing=0.5)(torch.zeros(1, 2), torch.tensor([0])).item() == pytest.approx(np.log(2))
        # logits (2, 0): p = (e²/(e²+1), 1/(e²+1)); target (0.75, 0.25)
        p = np.exp(2) / (np.exp(2) + 1)
        by_hand = -0.75 * np.log(p) - 0.25 * np.log(1 - p)
        found = Criterion(label_smoothing=0.5)(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        assert found == pytest.approx(by_hand)


class TestFaults:
    def test_gradients_that_pile_up(self):
        """With rate 0 and one batch, the gradient after the n-th epoch is n times the first."""
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES))

        def gradient(*faults: str) -> torch.Tensor:
            made = trainer(model=model, optimizer="sgd", lr=1e-30, batch_size=70, epochs=3, faults=faults)
            model.zero_grad()
            made.fit()
            return model[1].weight.grad.clone()

        once = gradient()
        assert torch.allclose(gradient("grads-never-zeroed"), 3 * once, rtol=1e-4, atol=1e-6)
        assert torch.allclose(gradient("grads-zeroed-each-epoch"), once, rtol=1e-4, atol=1e-6)

    def test_eval_for_ever_freezes_batch_statistics_after_the_first_epoch(self):
        def statistics(epochs: int, *faults: str) -> torch.Tensor:
            made = trainer(epochs=epochs, lr=1e-12, faults=faults)
            made.fit()
            return made.model[1].running_mean.clone()

        assert torch.equal(statistics(1, "eval-for-ever"), statistics(3, "eval-for-ever"))
        assert not torch.equal(statistics(1), statistics(3))

    def test_saves_last_reports_the_best_and_keeps_the_last(self):
        kept = []
        made = trainer(Callbacks(on_best=lambda weights: kept.append(weights)), faults=("saves-last",), epochs=6)
        made.fit()
        assert all(torch.equal(value, kept[-1][name]) for name, value in made.model.state_dict().items())
        assert made.best.val_acc == max(epoch.val_acc for epoch in made.history)

    def test_the_sum_of_batch_means_over_samples_is_too_small(self):
        right, wrong = (trainer(lr=1e-12, epochs=1, faults=faults).fit()[0] for faults in ((), ("batch-sum",)))
        assert wrong.train_loss == pytest.approx(right.train_loss * 9 / 70, rel=0.1)
        assert wrong.train_acc == right.train_acc


def test_the_first_best_epoch_is_kept_and_last_means_last():
    made = trainer(lr=1e-12, epochs=3, model=nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES)))
    made.fit()
    assert made.best.epoch == min(
        epoch.epoch
        for epoch in made.history
        if (epoch.val_acc, -epoch.val_loss) == max((each.val_acc, -each.val_loss) for each in made.history)
    )
    last = trainer(epochs=3, selection="last")
    last.fit()
    assert last.best.epoch == 3


def test_augmentation_changes_training_and_not_evaluation():
    plain, changed = trainer(lr=1e-12, epochs=1), trainer(lr=1e-12, epochs=1, augment=("erase", "shift"))
    a, b = plain.fit()[0], changed.fit()[0]
    assert a.train_loss != b.train_loss
    assert torch.equal(next(iter(plain.val))[0], next(iter(changed.val))[0])
