"""Remarks on the loop: what is absurd is seen, what is usual is not."""

from typing import get_args

import numpy as np
import pytest

from cvcore.analysis.findings import LEVELS
from cvcore.config import Fault, parse_config
from cvcore.recipes import library
from cvcore.training.faults import FAULTS, fault
from cvcore.training.remarks import Facts, facts_of, is_sorted, remarks
from cvcore.training.review import has_modes, review

MANY = Facts(images=1000, watched=100, sorted_labels=False)


def found(facts: Facts = MANY, data: str = "digits", **train) -> dict[str, str]:
    """{rule: level} of a run with these settings."""
    config = parse_config({"data": {"name": data}, "model": {"name": "lenet5"}, "train": train})
    return {each.rule: each.level for each in remarks(config, facts)}


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9},
        {"optimizer": "sgd", "lr": 0.001, "momentum": 0.9, "batch_size": 16},
        {"optimizer": "sgd", "lr": 1.0},
        {"lr": 1e-5},
        {"lr": 0.01, "schedule": "onecycle"},
        {"schedule": "step", "step_size": 3},
        {"schedule": "multistep", "milestones": (5, 8)},
        {"schedule": "plateau", "plateau_patience": 2},
        {"schedule": "cosine", "warmup": 1},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"patience": 3, "label_smoothing": 0.1, "clip": 1.0, "augment": ("rotate", "shift", "zoom")},
        {"selection": "last"},
    ],
)
def test_usual_settings_get_no_remark(train):
    assert found(**train) == {}


@pytest.mark.parametrize("recipe", [each for each in library.pairs() if each.role == "corrected"])
def test_corrected_recipes_get_no_remark(recipe):
    assert remarks(recipe.config) == ()


@pytest.mark.parametrize(
    ("train", "rule", "level"),
    [
        ({"lr": 0.5}, "learning-rate", "caution"),
        ({"lr": 5e-7}, "learning-rate", "caution"),
        ({"lr": 1e-8}, "learning-rate", "mistake"),
        ({"optimizer": "rmsprop", "lr": 0.5}, "learning-rate", "caution"),
        ({"optimizer": "sgd", "lr": 5.0, "momentum": 0.9}, "learning-rate", "caution"),
        ({"optimizer": "sgd", "lr": 1e-6}, "learning-rate", "mistake"),
        ({"schedule": "step", "step_size": 10}, "schedule-beyond-run", "caution"),
        ({"schedule": "step", "step_size": 8, "warmup": 2}, "schedule-beyond-run", "caution"),
        ({"schedule": "multistep", "milestones": (10, 20)}, "schedule-beyond-run", "caution"),
        ({"schedule": "multistep", "milestones": (5, 20)}, "schedule-beyond-run", "note"),
        ({"schedule": "plateau", "plateau_patience": 9}, "schedule-beyond-run", "caution"),
        ({"selection": "test"}, "selection-on-test", "caution"),
        ({"warmup": 6}, "long-warmup", "caution"),
        ({"batch_size": 600}, "large-batch", "caution"),
        ({"patience": 10}, "idle-patience", "note"),
        ({"augment": ("flip",)}, "mirrored-characters", "caution"),
        ({"weight_decay": 0.5}, "heavy-weight-decay", "caution"),
        ({"label_smoothing": 0.7}, "heavy-smoothing", "caution"),
    ],
)
def test_what_is_absurd_is_seen(train, rule, level):
    assert found(**train) == {rule: level}


def test_a_step_of_the_whole_run_moves_a_weight_by_hardly_anything():
    config = library.find("hymenoptera-alexnet-append").config
    (finding,) = [each for each in remarks(config) if each.rule == "learning-rate"]
    # 245 images, one at a time, 700 epochs: 171,500 steps of at most 1e-8 each
    assert "the 171,500 steps of this run move it by 0.0017 at most" in finding.message
    assert finding.where == "train.lr" and "0.0001 to 0.01" in finding.fix


def test_flips_are_fine_for_figures():
    assert found(data="shapes", augment=("flip",)) == {}


def test_a_few_images_may_be_one_batch():
    assert found(Facts(images=20, watched=144, sorted_labels=False), batch_size=20) == {}


class TestUnshuffled:
    @pytest.mark.parametrize(("in_order", "level"), [(True, "mistake"), (None, "caution"), (False, "note")])
    def test_the_order_on_the_disk_decides(self, in_order, level):
        facts = Facts(images=1000, watched=100, sorted_labels=in_order)
        assert found(facts, faults=("unshuffled",)) == {"unshuffled-classes": level}

    def test_is_sorted(self):
        labels = np.random.default_rng(0).integers(0, 10, 1000)
        assert not is_sorted(labels)
        assert is_sorted(np.sort(labels))
        assert not is_sorted(np.array([], dtype=int)) and not is_sorted(np.array([3]))

    def test_facts_of_a_bundled_set_and_of_photographs(self):
        digits = facts_of(parse_config({"data": {"name": "digits"}, "model": {"name": "lenet5"}}))
        assert (digits.images, digits.watched, digits.sorted_labels) == (1437 - 144, 144, False)
        bees = facts_of(library.find("hymenoptera-alexnet-append").config)
        assert (bees.images, bees.watched, bees.sorted_labels) == (245, 153, True)
        few = facts_of(parse_config({"data": {"name": "digits", "per_class": 5}, "model": {"name": "lenet5"}}))
        assert few.images == 50
        assert facts_of(parse_config({"data": {"name": "nowhere"}, "model": {"name": "lenet5"}})) == Facts()


class TestFaults:
    def test_each_is_told_in_words(self):
        assert set(FAULTS) == set(get_args(Fault))
        for text in FAULTS.values():
            assert text.title and text.wrong.endswith(".") and text.matters.endswith(".") and text.fix

    @pytest.mark.parametrize("name", sorted(set(get_args(Fault)) - {"unshuffled", "schedule-not-stepped"}))
    def test_each_is_a_mistake(self, name):
        assert found(faults=(name,)) == {name: "mistake"}
        assert fault(name).name == name

    @pytest.mark.parametrize(
        ("name", "facts", "train"),
        [
            ("schedule-not-stepped", MANY, {}),
            ("saves-last", MANY, {"selection": "last"}),
            ("batch-mean", Facts(images=640, watched=128), {"batch_size": 64}),
            ("eval-for-ever", Facts(images=1000, has_modes=False), {}),
        ],
    )
    def test_one_that_costs_nothing_here_is_a_note(self, name, facts, train):
        assert found(facts, faults=(name,), **train) == {name: "note"}

    def test_a_schedule_that_is_there_and_not_stepped(self):
        assert found(faults=("schedule-not-stepped",), schedule="cosine") == {"schedule-not-stepped": "mistake"}


class TestReview:
    def test_network_and_loop_together_mistakes_first(self):
        findings = review(library.find("mnist-mlp").config)
        assert {"softmax-dim", "selection-on-test", "unshuffled-classes"} <= {each.rule for each in findings}
        assert [each.level for each in findings] == sorted((e.level for e in findings), key=LEVELS.index)
        assert all(set(each.to_json()) == {"level", "rule", "where", "message", "fix"} for each in findings)

    def test_loss_auto_suits_a_network_that_ends_in_log_softmax(self):
        text = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))"
        config = parse_config({"data": {"name": "digits"}, "model": {"name": text}})
        assert [each for each in review(config) if each.rule == "softmax-before-loss"] == []

    def test_layers_that_behave_otherwise_in_training(self):
        assert has_modes("bn-cnn", (1, 28, 28)) is True
        assert has_modes("alexnet", (3, 224, 224)) is True  # Dropout
        assert has_modes("lenet5", (1, 28, 28)) is False
        assert has_modes("lenet-cifar", (1, 8, 8)) is None  # it cannot be built
        rules = {each.rule: each.level for each in review(library.find("mnist-lenet5").config)}
        assert (rules["eval-for-ever"], rules["batch-mean"]) == ("note", "note")  # 60,000 and 10,000 are whole batches
