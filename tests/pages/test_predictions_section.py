"""The section on predictions, through Streamlit's AppTest."""

import json
import shutil
import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.data import catalog
from cvcore.training.runs import RunStore
from cvcore.ui.training import predictions_confusion
from tests.pages.helpers import checked, figure, metrics, widget

LENET, PERCEPTRON, GLYPHS = "digits-lenet5", "digits-perceptron", "glyphs-bn-cnn"


def script(ids):
    from cvcore.ui.frame import errors_as_lines
    from cvcore.ui.runs import store
    from cvcore.ui.training import predictions

    with errors_as_lines():
        predictions.show([store().find(run_id) for run_id in ids])


def run_id(start: str) -> str:
    return next(run.run_id for run in RunStore(paths.shipped_runs_dir()).list() if run.run_id.startswith(start))


def opened(*starts: str, **query: str) -> AppTest:
    ids = [run_id(start) if start in (LENET, PERCEPTRON, GLYPHS) else start for start in starts]
    app = AppTest.from_function(script, args=(ids,), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def stored(start: str) -> dict[str, np.ndarray]:
    with np.load(paths.shipped_runs_dir() / run_id(start) / "predictions.npz") as found:
        return dict(found)


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in (*app.markdown, *app.caption, *app.info, *app.error))


@pytest.fixture
def own():
    """A function that makes a run of the user's own from a shipped one, with other predictions or another config."""

    def make(start: str, change=None, config=None, name: str = "") -> str:
        source = paths.shipped_runs_dir() / run_id(start)
        target = paths.runs_dir() / (name or source.name)
        shutil.copytree(source, target)
        if change:
            arrays = stored(start)
            change(arrays)
            np.savez_compressed(target / "predictions.npz", **arrays)
        if config:
            told = json.loads((target / "run.json").read_text(encoding="utf-8"))
            config(told["config"])
            (target / "run.json").write_text(json.dumps(told), encoding="utf-8")
        return target.name

    return make


class TestConfusion:
    def test_the_matrix_is_that_of_the_stored_predictions(self):
        app = opened(LENET)
        arrays = stored(LENET)
        drawn = np.array(figure(app, 0)["data"][0]["text"])
        hits = ((arrays["test_labels"] == 3) & (arrays["test_predictions"] == 3)).sum()
        assert drawn[3, 3] == str(hits)
        assert drawn.shape == (10, 10)

    def test_the_pair_with_most_mistakes_comes_first_as_one_sheet(self):
        app = opened(LENET)
        truth, guess = (widget(app.selectbox, label).value for label in ("True class", "Predicted class"))
        assert truth != guess
        assert f"**{truth}** taken for **{guess}**" in said(app)
        assert len(app.get("image")) == 1

    def test_a_cell_that_is_asked_for(self):
        arrays = stored(LENET)
        hits = np.flatnonzero((arrays["test_labels"] == 4) & (arrays["test_predictions"] == 4))
        surest = hits[np.argsort(-arrays["test_probabilities"][hits, 4], kind="stable")][0]
        app = opened(LENET, truth="4", guess="4")
        of_all = (arrays["test_labels"] == 4).sum()
        assert f"**4** recognised: {len(hits)} of {of_all} test images" in said(app)
        assert f": {surest} · " in app.get("image")[0].proto.imgs[0].alt

    def test_an_empty_cell(self):
        app = opened(LENET, truth="0", guess="7")
        assert "**0** taken for **7**: 0 of" in said(app)
        assert not app.get("image")

    def test_clicking_is_choosing(self, monkeypatch):
        class Selection:
            points = ({"curve_number": 1, "point_index": 2},)

        class State(dict):
            pass

        state = State(chart=type("Chart", (), {"selection": Selection}))
        monkeypatch.setattr(predictions_confusion.st, "session_state", state)
        predictions_confusion._clicked("chart", [(0, 0), (0, 1), (1, 0)], ("cat", "dog"))
        assert (state["truth"], state["guess"]) == ("dog", "cat")

    def test_two_runs_as_a_difference(self):
        app = opened(LENET, PERCEPTRON)
        one, two = stored(LENET), stored(PERCEPTRON)
        hits = [((each["test_labels"] == 8) & (each["test_predictions"] == 8)).sum() for each in (one, two)]
        drawn = figure(app, 0)["data"][0]
        change = int(hits[1]) - int(hits[0])
        assert drawn["text"][8][8] == (f"{change:+}".replace("-", "−") if change else "")
        assert drawn["zmin"] == -drawn["zmax"]
        widget(app.get("button_group"), "Matrix of").set_value("the other run")
        checked(app.run())
        assert figure(app, 0)["data"][0]["text"][8][8] == str(hits[1])

    def test_runs_on_other_classes_cannot_be_compared(self):
        app = opened(LENET, GLYPHS)
        assert widget(app.selectbox, "Compare with").options == ["no other run"]
        assert figure(app, 0)["data"][0]["zmin"] == 0

    def test_many_classes(self):
        app = opened(GLYPHS)
        assert widget(app.selectbox, "Classes").value == "20 in most mistakes"
        assert "20 of 62 classes" in said(app) or "20 of" in said(app)

    def test_shares(self):
        app = opened(LENET, cells="% of true class")
        arrays = stored(LENET)
        recall = (arrays["test_predictions"][arrays["test_labels"] == 5] == 5).mean()
        assert figure(app, 0)["data"][0]["text"][5][5] == f"{100 * recall:.0f}"


class TestOtherViews:
    def test_scores_of_each_class(self):
        app = opened(LENET, predictions="Classes")
        arrays = stored(LENET)
        labels, predicted = arrays["test_labels"], arrays["test_predictions"]
        assert metrics(app)["Accuracy (%)"] == f"{100 * (labels == predicted).mean():.1f}"
        table = app.dataframe[0].value.set_index("class")
        assert table.loc["7", "recall"] == pytest.approx(100 * (predicted[labels == 7] == 7).mean())
        assert table.loc["7", "precision"] == pytest.approx(100 * (labels[predicted == 7] == 7).mean())

    def test_two_runs_side_by_side(self):
        app = opened(LENET, PERCEPTRON, predictions="Classes")
        table = app.dataframe[0].value
        assert table["change"].tolist() == pytest.approx((table["other"] - table["f1"]).tolist())

    def test_mistakes_and_doubts(self):
        app = opened(LENET, predictions="Mistakes")
        arrays = stored(LENET)
        wrong = np.flatnonzero(arrays["test_labels"] != arrays["test_predictions"])
        assert f"{len(wrong)} mistakes in 360 test images" in said(app)
        assert len(app.get("image")) == 2
        table = app.dataframe[0].value
        surest = wrong[arrays["test_probabilities"][wrong].max(1).argmax()]
        assert table["image"].tolist()[0] == f"{surest:,}"
        assert table["confidence"].is_monotonic_decreasing

    def test_calibration_by_hand(self):
        app = opened(LENET, predictions="Calibration")
        arrays = stored(LENET)
        confidence, hit = arrays["test_probabilities"].max(1), arrays["test_labels"] == arrays["test_predictions"]
        gaps = 0.0
        for low in np.arange(15) / 15:
            there = (confidence > low) & (confidence <= low + 1 / 15)
            if there.any():
                gaps += there.mean() * abs(hit[there].mean() - confidence[there].mean())
        assert float(metrics(app)["ECE (%)"]) == pytest.approx(100 * gaps, abs=0.006)

    def test_calibration_of_several(self):
        app = opened(LENET, PERCEPTRON, GLYPHS, predictions="Calibration")
        assert len(app.dataframe[0].value) == 3
        assert len(figure(app, 0)["data"]) == 1 + 2 * 3


class TestWhatIsNotThere:
    def test_a_run_that_is_not_finished(self, own):
        name = own(LENET)
        (paths.runs_dir() / name / "events.jsonl").write_text("", encoding="utf-8")
        app = opened(name)
        assert "is interrupted: what it predicts is known when it is done" in said(app).replace("\\", "")
        assert not app.get("plotly_chart")

    def test_nothing_is_chosen(self):
        assert "Choose a run above" in said(opened())

    def test_a_data_set_that_is_gone_leaves_the_numbers(self, own):
        name = own(LENET, config=lambda config: config["data"].update(name="gone"))
        app = opened(name)
        assert "No pictures" in said(app)
        assert len(figure(app, 0)["data"][0]["text"]) == 10

    def test_images_that_have_changed_are_not_shown(self, own):
        name = own(LENET, config=lambda config: config["data"].update(fingerprint="0" * 64))
        app = opened(name, predictions="Mistakes")
        assert "have changed since" in said(app)
        assert not app.get("image")

    def test_damaged_predictions_are_one_line(self, own):
        name = own(LENET)
        (paths.runs_dir() / name / "predictions.npz").write_bytes(b"PK\x03\x04")
        assert "is damaged: train that run again" in said(opened(name)).replace("\\", "")

    def test_no_mistake_and_no_hit(self, own):
        def perfect(arrays):
            arrays["test_predictions"] = arrays["test_labels"]

        app = opened(own(LENET, perfect), predictions="Mistakes")
        assert "No mistake on 360 test images" in said(app)

    def test_diverged(self, own):
        def diverge(arrays):
            arrays["test_probabilities"] = np.full_like(arrays["test_probabilities"], np.nan)
            arrays["test_predictions"] = np.zeros_like(arrays["test_predictions"])

        name = own(LENET, diverge)
        assert "360 images have no finite probability" in said(opened(name, predictions="Calibration"))
        for view in ("Confusion", "Classes", "Mistakes"):
            opened(name, predictions=view)

    def test_a_thousand_classes_with_few_images(self, own):
        def grow(arrays):
            random = np.random.default_rng(0)
            wide = random.dirichlet(np.full(1_000, 0.01), 360).astype(np.float32)
            arrays["test_probabilities"], arrays["test_predictions"] = wide, wide.argmax(1)
            arrays["test_labels"] = np.where(random.random(360) < 0.7, wide.argmax(1), random.integers(0, 1_000, 360))

        name = own(LENET, grow)
        app = opened(name)
        assert "20 of 1,000 classes" in said(app)
        assert "Without test images: " in said(app) and " more" in said(app)
        whole = opened(name, classes="all")
        heat = figure(whole, 0)["data"][0]
        assert "text" not in heat
        assert "Each cell sums 5×5 neighbouring classes" in said(whole)
        assert len(whole.get("plotly_chart")[0].proto.spec) < 1_000_000
        assert "The 30 classes with the lowest F1" in said(opened(name, predictions="Classes"))


def test_a_rerun_is_quick():
    app = opened(LENET, PERCEPTRON)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        app.run()
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0  # measured: some 0.05 s on a machine at rest


def test_validation_images_that_were_not_written_down(own):
    def forget(arrays):
        for name in [each for each in arrays if each.endswith("_indices")]:
            del arrays[name]

    app = opened(own(LENET, forget), split="validation images")
    digits = catalog.open_dataset("digits")
    assert digits.val is None
    assert "did not write down which images" in said(app)
    assert len(figure(app, 0)["data"][0]["text"]) == 10
