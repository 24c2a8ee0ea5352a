"""The Training page before and after a run: what it will cost, which rate suits it, how right the prediction was."""

import threading

import pytest

from cvcore import paths
from cvcore.training.estimates import estimates
from cvcore.training.runs import RunStore
from tests.pages.helpers import button, checked, figure, metrics, numbers, train_queued, widget


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr("cvcore.training.estimates.SETTLE", 0.0)
    monkeypatch.setattr("cvcore.ui.training.preflight.is_loaded", lambda: True)
    estimates._found.clear()
    yield
    wait_for_estimates()


def wait_for_estimates() -> None:
    for thread in threading.enumerate():
        if thread.name == "preflight":
            thread.join()


def line(app) -> str:
    return next((each.value for each in app.markdown if "parameters" in each.value), "")


def labels(app) -> list[str]:
    return [each.label for each in app.button]


class TestCost:
    def test_parameters_and_memory_stand_there_at_once(self, page):
        app = page("training", data="digits", model="lenet5")
        assert line(app) == "**61.7 k** parameters · **14.5 MB**"
        widget(app.selectbox, "Network").set_value("perceptron")
        checked(app.run())
        assert line(app).startswith("**7.85 k** parameters")

    def test_a_click_adds_the_time_and_other_epochs_need_no_other_timing(self, page):
        app = page("training", data="digits", model="perceptron")
        button(app, "Estimate time").click()
        checked(app.run())
        wait_for_estimates()
        checked(app.run())
        assert "an epoch" in line(app) and "in all" in line(app)
        assert "Estimate time" not in labels(app)
        widget(app.number_input, "Epochs").set_value(50)
        checked(app.run())
        assert "an epoch" in line(app)

    def test_it_comes_by_itself_where_nothing_trains(self, page, monkeypatch):
        monkeypatch.setattr("cvcore.ui.training.preflight.AUTOMATIC", True)
        app = page("training", data="digits", model="perceptron")
        wait_for_estimates()
        checked(app.run())
        assert "an epoch" in line(app)

    def test_while_a_run_waits_it_needs_a_click(self, page, monkeypatch):
        monkeypatch.setattr("cvcore.ui.training.preflight.AUTOMATIC", True)
        app = page("training", data="digits", model="lenet5")
        widget(app.number_input, "Epochs").set_value(1)
        button(app, "Train").click()
        checked(app.run())
        wait_for_estimates()
        widget(app.selectbox, "Network").set_value("mlp")
        assert "Estimate time" in labels(checked(app.run()))

    def test_a_network_that_does_not_fit_has_no_cost(self, page):
        app = page("training", data="digits", model="alexnet")
        assert "14.5 MB" not in line(app)
        checked(app)

    def test_a_network_too_large_to_time_says_so(self, page, monkeypatch):
        monkeypatch.setattr("cvcore.training.estimates.MEMORY_LIMIT", 1e6)
        app = page("training", data="digits", model="perceptron")
        button(app, "Estimate time").click()
        checked(app.run())
        wait_for_estimates()
        assert "time unknown" in line(checked(app.run()))

    def test_afterwards_the_prediction_stands_beside_what_it_took(self, page):
        app = page("training", data="digits", model="perceptron")
        button(app, "Estimate time").click()
        checked(app.run())
        wait_for_estimates()
        checked(app.run())
        button(app, "Train").click()
        checked(app.run())
        train_queued()
        app = checked(app.run())
        (run,) = RunStore(paths.runs_dir()).list()
        (told,) = [each.value for each in app.caption if each.value.startswith("Predicted")]
        predicted = len(run.history) * run.predicted["seconds_per_epoch"]
        took = sum(epoch.seconds for epoch in run.history)
        assert f"({took / predicted - 1:+.0%})".replace("%", " %") in told
        assert "Training time" in metrics(app)


class TestRate:
    def test_find_shows_a_curve_and_use_writes_the_rate_into_the_form(self, page):
        app = page("training", data="digits", model="perceptron")
        before = widget(app.number_input, "Learning rate").value
        button(app, "Find learning rate").click()
        checked(app.run())
        assert not app.error
        curve = figure(app, 0)
        assert curve["layout"]["xaxis"]["type"] == "log"
        assert "nats" in curve["layout"]["yaxis"]["title"]["text"]
        use = next(each for each in app.button if each.label.startswith("Use "))
        rate = float(use.label.removeprefix("Use "))
        assert rate in [numbers(trace["x"])[0] for trace in curve["data"] if trace["name"].startswith("suggestion")]
        use.click()
        checked(app.run())
        assert widget(app.number_input, "Learning rate").value == rate != before
        assert any(each.label.startswith("Use ") for each in app.button)  # the curve is still true of the form
        assert not RunStore(paths.runs_dir()).list()

    def test_another_network_hides_the_curve_and_close_puts_it_away(self, page):
        app = page("training", data="digits", model="perceptron")
        button(app, "Find learning rate").click()
        checked(app.run())
        assert "Close" in labels(app)
        widget(app.selectbox, "Network").set_value("mlp")
        checked(app.run())
        assert "Close" not in labels(app)
        widget(app.selectbox, "Network").set_value("perceptron")
        checked(app.run())
        button(app, "Close").click()
        assert "Close" not in labels(checked(app.run()))

    def test_what_does_not_fit_is_one_line_and_the_page_goes_on(self, page):
        app = page("training", data="digits", model="alexnet")
        button(app, "Find learning rate").click()
        checked(app.run())
        assert len(app.error) == 1 and "alexnet" in app.error[0].value.lower()
        assert "Train" in labels(app)
