"""Every page through Streamlit's AppTest: what it shows at first sight, what its controls do, how it refuses."""

import subprocess
import sys

import pytest

from cvcore import paths
from cvcore.training.runs import RunStore
from cvcore.training.worker import is_alive
from tests.pages.helpers import (
    HOME,
    PAGES,
    ROOT,
    button,
    checked,
    figure,
    metrics,
    numbers,
    train_queued,
    widget,
)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_with_its_title_and_no_error(page, name):
    app = page(name)
    assert len(app.title) == 1
    assert not app.error


class TestHome:
    def test_shows_the_shipped_runs(self, page):
        table = page("home").dataframe[0].value
        assert set(table["network"]) == {"lenet5", "perceptron", "bn-cnn"}
        assert (table["test"] > 90).all()


class TestTraining:
    def test_the_first_visit_shows_curves(self, page):
        app = page("training")
        assert len(app.get("plotly_chart")) == 2
        assert len(numbers(figure(app, 0)["data"][0]["y"])) >= 12
        assert len(app.dataframe[-1].value) == 4

    def test_train_then_look_then_train_again_is_cached(self, page):
        app = page("training")
        widget(app.number_input, "Epochs").set_value(2)
        widget(app.selectbox, "Network").set_value("perceptron")
        checked(app.run())
        button(app, "Train").click()
        checked(app.run())
        assert not app.error
        assert len(app.dataframe[-1].value) == 5
        train_queued()
        checked(app.run())
        assert len(numbers(figure(app, 1)["data"][0]["y"])) == 2
        assert "Test accuracy (%)" in metrics(app)

        button(app, "Train").click()
        checked(app.run())
        assert app.info[0].value.startswith("Cached: these settings were trained on")

        button(app, "Train again").click()
        checked(app.run())
        assert app.dataframe[-1].value["status"].iloc[0] == "in progress"

    @pytest.mark.parametrize(
        ("label", "value", "message"),
        [
            ("Learning rate", -1.0, "Learning rate: given -1.0, it should be greater than 0"),
            ("Epochs", 0, "Epochs: given 0"),
            ("Batch size", 5000, "given 5000, but digits has 1295 images"),
        ],
    )
    def test_bad_numbers_are_one_line_and_start_nothing(self, page, label, value, message):
        app = page("training")
        widget(app.number_input, label).set_value(value)
        app.run()
        button(app, "Train").click()
        checked(app.run())
        assert [message in each.value.replace("\\", "") for each in app.error] == [True]
        assert len(app.dataframe[-1].value) == 4

    def test_a_network_that_does_not_fit_is_one_line(self, page):
        app = page("training", model="lenet-cifar")
        button(app, "Train").click()
        checked(app.run())
        assert "lenet-cifar does not fit 1×28×28" in app.error[0].value

    def test_several_runs_are_overlaid_in_their_own_colours(self, page):
        app = page("training")
        runs = widget(app.multiselect, "Runs in the plots")
        ids = [run.run_id for run in RunStore(paths.runs_dir(), paths.shipped_runs_dir()).list()]
        runs.set_value(ids)
        checked(app.run())
        lines = [line for line in figure(app, 0)["data"] if line.get("showlegend")]
        assert len(lines) == 4
        assert len({line["line"]["color"] for line in lines}) == 4

    def test_an_interrupted_run_can_be_resumed(self, page):
        app = page("training")
        widget(app.number_input, "Epochs").set_value(2)
        app.run()
        button(app, "Train").click()
        checked(app.run())
        for ticket in (paths.runs_dir() / ".queue").glob("0*"):
            ticket.unlink()
        for events in paths.runs_dir().glob("*/events.jsonl"):
            with events.open("a") as file:
                file.write('{"event": "status", "status": "running", "time": 1.0}\n')
        checked(app.run())
        assert "was interrupted before its first epoch ended" in app.warning[0].value
        button(app, "Resume").click()
        checked(app.run())
        train_queued()
        checked(app.run())
        assert app.dataframe[-1].value["status"].iloc[0] == "done"

    def test_a_waiting_run_can_be_cancelled(self, page):
        app = page("training")
        button(app, "Train").click()
        checked(app.run())
        button(app, "Cancel").click()
        checked(app.run())
        assert app.dataframe[-1].value["status"].iloc[0] == "cancelled"


class TestTransfer:
    def test_three_strategies_on_twenty_digits(self, page):
        app = page("transfer")
        assert any("These 20 labelled images" in each.value for each in app.caption)
        widget(app.number_input, "Epochs").set_value(30)
        app.run()
        button(app, "Train all").click()
        checked(app.run())
        assert not app.error
        train_queued()
        checked(app.run())
        (bars,) = figure(app, 0)["data"]
        assert bars["y"] == ["From scratch", "Cached features", "Fine-tuned"]
        scratch, _, finetuned = numbers(bars["x"])
        assert finetuned > scratch + 3  # points: what the page is there to show

    def test_no_backbone_says_what_to_do(self, page, monkeypatch, tmp_path):
        monkeypatch.setattr("cvcore.ui.runs.default_store", lambda: RunStore(tmp_path / "empty"))
        app = page("transfer")
        assert "train one on the Training page" in app.info[0].value


@pytest.mark.parametrize("name", PAGES)
def test_a_runs_folder_that_cannot_be_written_leaves_the_pages_to_look_at(page, monkeypatch, tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CVCORE_RUNS", str(tmp_path / "file"))
    monkeypatch.setattr("cvcore.ui.runs.ensure_worker", is_alive)  # asks for the queue's folder, starts nothing
    app = page(name)
    assert all("cannot write to" in error.value for error in app.error)
    if name in ("home", "training"):
        assert len(app.dataframe[-1].value) == 4  # the shipped runs


@pytest.mark.parametrize("name", ["home", "datasets"])
def test_pages_without_networks_do_not_load_torch(name):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({str(HOME)!r}, default_timeout=60); "
        f"page = {PAGES[name]!r}; page and app.switch_page(page); app.run(); "
        "assert not app.exception and len(app.title) == 1; "
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
