"""What differs, what repeats, and verdicts: against scipy's own test and a calculation by hand."""

import math

import pytest
from scipy import stats

from cvcore.config import parse_config
from cvcore.errors import ConfigError
from cvcore.training import events
from cvcore.training.comparison import Verdict, band, differing, grouped, seeds_from, verdict


def config(**train):
    return parse_config({"data": {"name": "digits"}, "model": {"name": "lenet5"}, "train": train})


def test_only_what_differs_is_told():
    found = differing([config(), config(lr=0.1, seed=1), config(lr=0.1)])
    assert found == {"lr": [0.002, 0.1, 0.1], "seed": [0, 1, 0]}
    assert differing([config(), config()]) == {}


def test_seeds_are_consecutive_and_change_nothing_else():
    found = seeds_from(config(seed=5), 3)
    assert [each.train.seed for each in found] == [5, 6, 7]
    assert differing(found) == {"seed": [5, 6, 7]}
    with pytest.raises(ConfigError, match="seeds: given 0, choose 1 to 100"):
        seeds_from(config(), 0)


def test_verdict_by_hand():
    # means 91 and 95, both of variance 1 over 3 seeds: standard error sqrt(1/3 + 1/3), 4 degrees of freedom,
    # whose 97.5 % quantile is 2.7764 in every table of Student's t
    found = verdict([0.90, 0.91, 0.92], [0.94, 0.95, 0.96])
    assert found.difference == pytest.approx(4)
    assert found.margin == pytest.approx(2.7764 * math.sqrt(2 / 3), abs=1e-3)
    assert found.p == pytest.approx(stats.ttest_ind([94, 95, 96], [90, 91, 92], equal_var=False).pvalue)
    assert found.text("A", "B") == "B is better by 4.0 ± 2.3 points, 3 seeds each: beyond noise"
    assert "Welch's t-test, p = 0.008" in found.test


def test_a_small_difference_is_within_noise():
    found = verdict([0.90, 0.92], [0.91, 0.93, 0.90])
    assert not found.is_beyond_noise
    assert found.text("A", "B").endswith("2 and 3 seeds: within noise")


def test_one_seed_gives_no_verdict_and_no_spread_is_said():
    assert verdict([0.9], [0.8, 0.9]) is None
    found = verdict([0.9, 0.9], [0.8, 0.8])
    assert found.text("A", "B") == "A is better by 10.0 ± 0.0 points, 2 seeds each: beyond noise"
    assert found.test.startswith("no spread")
    assert not Verdict(0.0, 0.0, (2, 2), math.nan).is_beyond_noise


def test_a_false_alarm_is_as_rare_as_said():
    import numpy as np

    random = np.random.default_rng(0)
    alarms = sum(verdict(*random.normal(0.9, 0.01, (2, 3))).is_beyond_noise for _ in range(1000))
    assert alarms < 70  # 5 % of 1,000, and two standard deviations


def test_runs_that_repeat_each_other_are_one_group(store):
    runs = []
    for seed, lr in ((0, 0.1), (1, 0.2), (1, 0.1), (0, 0.2)):
        run = store.create(config(seed=seed, lr=lr))
        for epoch in (1, 2):
            told = {"train_loss": 1.0, "train_acc": 0.5, "val_loss": 1.1, "val_acc": seed / 2 + epoch / 10}
            events.append(run.path, "epoch", epoch=epoch, **told, lr=lr, seconds=1.0)
        events.append(run.path, "status", status="done", best={}, test={"acc": seed / 2, "loss": 1})
        runs.append(store.find(run.run_id))
    groups = grouped(runs)
    assert [[(run.config.train.lr, run.config.train.seed) for run in group.runs] for group in groups] == [
        [(0.1, 0), (0.1, 1)],
        [(0.2, 0), (0.2, 1)],
    ]
    assert groups[0].accuracies.tolist() == [0, 0.5]
    found = band(groups[0].runs, "val_acc")
    assert found.epochs == [1, 2]
    assert found.mean == pytest.approx([0.35, 0.45])
    assert found.low == pytest.approx([0.1, 0.2]) and found.high == pytest.approx([0.6, 0.7])
