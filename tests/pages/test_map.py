"""The map of a set through Streamlit's AppTest: what is there at first sight, what its controls do, how it refuses."""

import base64
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.errors import ConfigError
from cvcore.ui.datasets import map_jobs
from cvcore.ui.datasets.map_jobs import TsneJob

ROOT = Path(__file__).resolve().parents[2]
LENET = "digits-lenet5-d5bfe282d590"


def script(name: str, split: str) -> None:
    from cvcore.data import catalog
    from cvcore.ui.datasets import map as section
    from cvcore.ui.frame import errors_as_lines

    with errors_as_lines():
        section.show(catalog.open_dataset(name), split)


def opened(name: str = "digits", split: str = "test") -> AppTest:
    return checked(AppTest.from_function(script, args=(name, split), default_timeout=120).run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    assert not app.error, [error.value for error in app.error]
    return app


def widget(widgets, label: str):
    return next(each for each in widgets if each.label == label)


def drawn(app: AppTest) -> dict:
    """What the canvas was given."""
    return json.loads(app.get("bidi_component")[0].proto.json)


def choose_run(app: AppTest, run_id: str) -> AppTest:
    widget(app.selectbox, "Map of").select(run_id)
    return finished(app.run())


def finished(app: AppTest) -> AppTest:
    """The page once what it waits for is there; in a browser it looks by itself."""
    deadline = time.monotonic() + 120
    while any(each.label.startswith("Back to") for each in app.button) and time.monotonic() < deadline:
        app.run()
    return app


def agreements(app: AppTest) -> dict[str, float]:
    return {each.label: float(each.value) for each in app.metric}


def words(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown)


class TestAtFirstSight:
    def test_pca_of_the_pixels_without_a_click(self):
        app = opened()
        scene = drawn(app)
        assert len(scene["x"]) == len(scene["index"]) == 360
        assert scene["classes"] == list("0123456789")
        assert len({tuple(mark) for mark in scene["marks"].values()}) == 10
        assert "Map of 360 test images of digits, PCA of pixels" in scene["alt"]
        assert scene["axes"][0].endswith("% of the variance")

    def test_a_thousand_of_many_with_every_class_in_its_share(self):
        scene = drawn(opened(split="train"))
        assert len(scene["x"]) == 1000
        assert max(scene["label"].count(label) for label in range(10)) <= 110  # 1,437 images, 146 of a class at most

    def test_what_is_sent_is_small(self):
        assert len(base64.b64decode(drawn(opened(split="train"))["sheet"]["src"].split(",")[1])) < 500_000

    def test_torch_is_not_loaded(self):
        code = (
            "import sys; from tests.pages.test_map import opened, drawn;"
            "assert drawn(opened())['x']; assert 'sklearn' in sys.modules; sys.exit('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr[-2000:]

    def test_how_to_read_it(self):
        text = words(opened())
        assert "straight projection" in text
        assert "of the variance" in text


class TestControls:
    def test_tsne_says_what_it_keeps(self):
        app = opened()
        app.session_state["map-method"] = "t-SNE"
        checked(finished(app.run()))
        assert "near neighbours together" in words(app)
        assert "perplexity" in words(app)
        assert drawn(app)["axes"] is None
        assert not app.button  # the way back stands there only while it computes

    def test_features_of_a_trained_run_separate_better(self):
        app = opened()
        pixels = agreements(app)
        checked(choose_run(app, LENET))
        features = agreements(app)
        assert features["In the full space"] > pixels["In the full space"] + 5
        assert features["On this map"] > pixels["On this map"] + 20
        delta = widget(app.metric, "On this map").delta
        assert float(delta) == pytest.approx(features["On this map"] - pixels["On this map"], abs=0.11)
        assert "PCA of the features of lenet5" in drawn(app)["alt"]

    def test_on_its_own_training_images_it_says_so(self):
        app = opened(split="train")
        checked(choose_run(app, LENET))
        assert "learnt from these very images" in words(app)

    def test_runs_of_another_size_are_not_offered(self):
        pixels, *options = widget(opened("shapes").selectbox, "Map of").options
        assert pixels == "pixels"
        assert [" · shapes · " in option for option in options] == [True]  # and none on grey images

    def test_runs_on_the_same_set_come_first(self):
        for name in ("digits", "glyphs"):
            pixels, *options = widget(opened(name).selectbox, "Map of").options
            assert pixels == "pixels"
            # of the shipped ones, all on grey images of 28×28, the perceptron has no features but the pixels
            assert [f" · {name} · " in option for option in options] == [True, False]

    def test_the_number_of_images(self):
        app = opened(split="train")
        box = widget(app.selectbox, "Images")
        assert box.options == ["100", "250", "500", "1,000", "1,437 (all)"]
        box.select(100)
        assert len(drawn(checked(app.run()))["x"]) == 100

    def test_of_many_classes_those_chosen_have_a_colour(self):
        app = opened("glyphs")
        assert list(drawn(app)["marks"]) == list("012345")
        widget(app.multiselect, "Classes in colour").set_value([35, 2])
        assert set(drawn(checked(app.run()))["marks"]) == {"2", "35"}
        widget(app.multiselect, "Classes in colour").set_value([])
        assert drawn(checked(app.run()))["marks"] == {}


def damaged_run(tmp_path, monkeypatch) -> None:
    """A finished run on digits among the user's own, whose weights cannot be read."""
    shutil.copytree(paths.shipped_runs_dir() / LENET, tmp_path / "own" / LENET)
    (tmp_path / "own" / LENET / "best.pt").write_bytes(b"not weights")
    monkeypatch.setenv("CVCORE_RUNS", str(tmp_path / "own"))
    map_jobs._features_job.clear()  # what other tests computed with the shipped one


def test_a_run_that_cannot_be_read_is_one_line_and_the_controls_stay(tmp_path, monkeypatch):
    damaged_run(tmp_path, monkeypatch)
    app = choose_run(opened(), LENET)
    assert not app.exception
    assert "is damaged" in app.error[0].value
    shutil.copy(paths.shipped_runs_dir() / LENET / "best.pt", tmp_path / "own" / LENET / "best.pt")
    assert "lenet5" in drawn(checked(finished(app.run())))["alt"]  # mended, it is tried again


class TestWhileItComputes:
    def test_pca_is_shown_and_the_way_back_stops_what_waits(self):
        with TsneJob.turn:  # somebody else's map computes
            app = opened("glyphs")
            app.session_state["map-method"] = "t-SNE"
            checked(app.run())
            assert "Meanwhile: PCA of pixels." in [each.value for each in app.caption]
            assert "PCA of pixels" in drawn(app)["alt"]
            checked(widget(app.button, "Back to PCA").click().run())
            assert app.session_state["map-method"] == "PCA"
            assert not app.button
        app.session_state["map-method"] = "t-SNE"
        checked(finished(app.run()))
        assert "t-SNE of pixels" in drawn(app)["alt"]

    def test_features_can_be_stopped_and_tried_again(self, monkeypatch):
        go_on = threading.Event()

        def slow(run, images, indices, on_progress):
            go_on.wait(60)
            on_progress(0.5)
            return np.random.default_rng(0).normal(size=(len(indices), 4)).astype(np.float32)

        monkeypatch.setattr("cvcore.training.features.features", slow)
        map_jobs._features_job.clear()
        app = opened()
        widget(app.selectbox, "Map of").select(LENET)
        checked(app.run())
        assert "PCA of pixels" in drawn(app)["alt"]
        checked(widget(app.button, "Back to pixels").click().run())
        assert not app.button
        assert widget(app.selectbox, "Map of").value == ""
        go_on.set()
        checked(choose_run(app, LENET))
        assert "features of lenet5" in drawn(app)["alt"]
        map_jobs._features_job.clear()

    def test_one_at_a_time(self):
        vectors = np.random.default_rng(0).normal(size=(60, 5))
        with TsneJob.turn:
            job = TsneJob(vectors)
            assert job.progress() == (0.0, "t-SNE of 60 images: waits until another map is ready")
        job.thread.join(60)
        assert job.answer.points.shape == (60, 2)

    def test_the_share_rises_but_does_not_claim_to_be_done(self, monkeypatch):
        clock = iter([0.0, 5.0, 50.0])
        monkeypatch.setattr("cvcore.analysis.embedding.tsne_seconds", lambda count: 10.0)
        monkeypatch.setattr(TsneJob, "pace", 1.0)
        job = TsneJob(np.eye(5))
        job.thread.join(60)
        monkeypatch.setattr("cvcore.ui.datasets.map_jobs.time.monotonic", lambda: next(clock))
        monkeypatch.setattr(TsneJob, "pace", 1.0)
        job.started = 0.0
        assert job.progress() == (0.0, "t-SNE of 5 images: about 10 s left, by estimate")
        assert job.progress() == (pytest.approx(0.485), "t-SNE of 5 images: about 5 s left, by estimate")
        assert job.progress()[0] == 0.97

    def test_what_goes_wrong_is_kept_for_the_page(self):
        job = TsneJob(np.eye(2))
        job.thread.join(60)
        assert isinstance(job.error, ConfigError)


def few(count: int) -> None:
    import numpy as np

    from cvcore.data.dataset import Dataset, Split
    from cvcore.ui.datasets import map as section

    split = Split(np.full((count, 1, 8, 8), 7, np.uint8), np.arange(count) % 2)
    section.show(Dataset(f"few{count}", ("a", "b"), split, split, fingerprint=f"few{count}"), "train")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 12])
def test_sets_too_small_or_too_plain_for_a_map(count):
    app = checked(AppTest.from_function(few, args=(count,), default_timeout=60).run())
    assert bool(app.info) == (count == 0)
    if count:
        assert len(drawn(app)["x"]) == count
        assert ("one image only" if count == 1 else "are the same") in words(app)
        app.session_state["map-method"] = "t-SNE"
        finished(app.run())
        assert not app.exception
        assert bool(app.error) == (count < 4)
        assert all("choose more, or PCA" in error.value for error in app.error)
