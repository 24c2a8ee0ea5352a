"""The Training page: comparing runs, several seeds, and what can be done with runs in the table."""

from cvcore import paths
from cvcore.config import parse_config
from cvcore.training import bundle, events, notes
from cvcore.training.runs import RunStore
from tests.pages.helpers import button, checked, figure, numbers, train_queued, widget


def made(seed: int, lr: float, accuracy: float, epochs: int = 3) -> str:
    """A finished run with made-up numbers."""
    store = RunStore(paths.runs_dir())
    values = {
        "data": {"name": "digits"},
        "model": {"name": "lenet5"},
        "train": {"seed": seed, "lr": lr, "epochs": epochs},
    }
    run = store.create(parse_config(values))
    events.append(run.path, "model", params=61706, trainable_params=61706, batches=21)
    for epoch in range(1, epochs + 1):
        told = {"train_loss": 1 / epoch, "train_acc": 0.5, "val_loss": 1.1 / epoch, "val_acc": accuracy - 0.1 / epoch}
        events.append(run.path, "epoch", epoch=epoch, **told, lr=lr, seconds=2.0)
    best = {"epoch": epochs, "val_loss": 1.0, "val_acc": accuracy}
    events.append(run.path, "status", status="done", best=best, test={"loss": 1.0, "acc": accuracy})
    return run.run_id


def test_two_settings_with_three_seeds_get_a_verdict_in_words(page):
    ids = [made(seed, lr, base + seed / 1000) for lr, base in ((0.002, 0.90), (0.02, 0.95)) for seed in range(3)]
    app = page("training", section="Compare", run=ids)
    assert not app.error
    said = next(each.value for each in app.markdown if "beyond noise" in each.value)
    # means 90.1 and 95.1, both of standard deviation 0.1: 2.776 · sqrt(2 · 0.01 / 3) = 0.2 points
    assert "learning rate 0.02 is better by 5.0 ± 0.2 points, 3 seeds each: beyond noise" in said.replace("\\", "")
    assert "Welch's t-test" in said
    band = next(line for line in figure(app, 3)["data"] if line.get("fill") == "toself")
    assert len(numbers(band["x"])) == 6


def test_only_what_differs_is_in_the_table_and_the_baseline_is_the_measure(page):
    first, second = made(0, 0.002, 0.90), made(0, 0.02, 0.95)
    app = page("training", section="Compare", run=[first, second])
    assert "change" not in app.dataframe[0].value
    widget(app.selectbox, "Baseline").select_index(1)  # the first run
    table = checked(app.run()).dataframe[0].value
    assert "lr" in table and "batch_size" not in table and "seed" not in table
    assert [round(value, 6) for value in table["change"]] == [5.0, 0.0]  # best first
    assert any("One seed each tells little" in each.value for each in app.caption)


def test_curves_along_steps_and_seconds(page):
    run_id = made(0, 0.002, 0.9)
    app = page("training", section="Compare", run=run_id, along="step")
    assert numbers(figure(app, 0)["data"][0]["x"]) == [21, 42, 63]
    app = page("training", section="Compare", run=run_id, along="seconds")
    assert numbers(figure(app, 0)["data"][0]["x"]) == [2, 4, 6]


def test_several_seeds_are_queued_trained_and_shown(page):
    app = page("training", model="perceptron")
    widget(app.number_input, "Epochs").set_value(1)
    app.run()
    button(app, "Train 3 seeds").click()
    checked(app.run())
    assert not app.error
    assert len(widget(app.multiselect, "Runs in the plots").value) == 3
    train_queued()
    runs = RunStore(paths.runs_dir()).list()
    assert sorted(run.config.train.seed for run in runs) == [0, 1, 2]
    assert {run.status for run in runs} == {"done"}


def test_a_waiting_run_can_be_paused_and_resumed(page):
    app = page("training")
    button(app, "Train").click()
    checked(app.run())
    button(app, "Pause").click()
    checked(app.run())
    assert "was paused before its first epoch ended" in app.warning[0].value
    button(app, "Resume").click()
    checked(app.run())
    assert RunStore(paths.runs_dir()).list()[0].status == "queued"


def test_a_name_stands_in_lists_and_plots(page):
    run_id = made(0, 0.002, 0.9)
    notes.write(RunStore(paths.runs_dir()).find(run_id), name="my best", tags=("a",))
    app = page("training", run=run_id)
    assert "my best" in app.dataframe[-1].value["name"].tolist()
    assert figure(app, 0)["data"][0]["name"] == f"my best · {run_id[-4:]}"


def test_an_export_is_a_run_again(page, tmp_path):
    run_id = made(0, 0.002, 0.9)
    file = bundle.pack(RunStore(paths.runs_dir()).find(run_id), tmp_path)
    RunStore(paths.runs_dir()).delete(run_id)
    bundle.unpack(RunStore(paths.runs_dir()), file)
    app = page("training", run=run_id)
    assert run_id in app.dataframe[-1].value["run"].tolist()


def test_overfitting_is_pointed_out(page):
    store = RunStore(paths.runs_dir())
    values = {"data": {"name": "digits"}, "model": {"name": "lenet5"}, "train": {"epochs": 6}}
    run = store.create(parse_config(values))
    for epoch, val in enumerate([1.0, 0.5, 0.6, 0.7, 0.8, 0.9], start=1):
        told = {"train_loss": 1 / epoch, "train_acc": 0.5, "val_loss": val, "val_acc": 0.5}
        events.append(run.path, "epoch", epoch=epoch, **told, lr=0.1, seconds=1.0)
    best = {"epoch": 2, "val_loss": 0.5, "val_acc": 0.5}
    events.append(run.path, "model", params=1, trainable_params=1, batches=21)
    events.append(run.path, "status", status="done", best=best, test={"loss": 1.0, "acc": 0.5})
    app = page("training", run=run.run_id)
    assert any("validation loss has risen since epoch 2" in each.value for each in app.caption)
