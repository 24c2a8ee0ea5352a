"""The sections Try it and Take away of the Training page."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.data import catalog
from cvcore.errors import DataError
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.ways import bundled
from cvcore.ui import uploads
from cvcore.ui.training import take_away, try_it
from tests.export.helpers import trained
from tests.pages.helpers import button, checked, figure, widget
from tests.training.strokes import DIGITS


def shipped(model: str) -> Run:
    runs = RunStore(paths.runs_dir(), paths.shipped_runs_dir()).list()
    return next(run for run in runs if run.shipped and run.config.model.name == model)


@pytest.fixture
def lenet() -> Run:
    return shipped("lenet5")


def texts(app: AppTest) -> str:
    """All Markdown of the page."""
    return "\n".join(each.value for each in [*app.markdown, *app.caption])


def cards(app: AppTest) -> int:
    return sum("<table" in each.proto.body for each in app.get("html"))


class TestTestImages:
    def test_five_with_truth_and_prediction(self, page, lenet):
        app = page("training", section="Try it", run=lenet.run_id)
        digits = catalog.open_dataset("digits")
        with np.load(lenet.path / "predictions.npz") as kept:
            said = kept["test_predictions"]
        right = int((said[:5] == digits.test.labels[:5]).sum())
        assert f"**{right} of these 5 right.** Of all 360 test images: {lenet.end['test']['acc']:.1%}." in texts(app)
        assert cards(app) == 5
        for place in range(5):
            truth = "" if said[place] == digits.test.labels[place] else f", is {digits.test.labels[place]}"
            assert f"**{said[place]}**{truth} :small[:gray[· {place}]]" in texts(app)

    def test_the_next_five_and_five_at_random(self, page, lenet):
        app = page("training", section="Try it", run=lenet.run_id)
        checked(button(app, "Next five").click().run())
        assert all(f"[· {place}]" in texts(app) for place in range(5, 10))
        checked(button(app, "Random five").click().run())
        assert cards(app) == 5
        shown = app.session_state[f"try-places-{lenet.run_id}"]
        assert len(set(shown)) == 5 and all(0 <= place < 360 for place in shown)

    def test_after_the_last_come_the_first(self, page, lenet):
        app = page("training", section="Try it", run=lenet.run_id)
        app.session_state[f"try-places-{lenet.run_id}"] = [354, 355, 356, 357, 358]
        checked(button(app, "Next five").click().run())
        assert app.session_state[f"try-places-{lenet.run_id}"] == [359, 0, 1, 2, 3]

    def test_of_several_runs_one_is_chosen(self, page, lenet):
        other = shipped("perceptron")
        app = page("training", section="Try it", run=[lenet.run_id, other.run_id])
        assert len(widget(app.selectbox, "Run").options) == 2
        checked(widget(app.selectbox, "Run").select(other.run_id).run())
        assert f"Of all 360 test images: {other.end['test']['acc']:.1%}" in texts(app)


class TestOnePicture:
    def answer(self, app: AppTest) -> list[str]:
        """The likeliest classes, as the bars name them."""
        bars = [
            json
            for json in (figure(app, n) for n in range(len(app.get("plotly_chart"))))
            if "customdata" in json["data"][0]
        ]
        return bars[0]["data"][0]["customdata"]

    def test_a_drawing(self, page, lenet, monkeypatch):
        monkeypatch.setattr("cvcore.ui.training.canvas_drawing.draw", lambda *_, **__: DIGITS[3])
        app = page("training", section="Try it", run=lenet.run_id, **{"try": "Draw"})
        assert "#### 3 " in texts(app)
        assert self.answer(app)[0] == "3" and len(self.answer(app)) == 5
        assert "becomes 28 of 28 pixels" in texts(app)

    @pytest.mark.parametrize("bad", [[[[9, 9]]], "no drawing"])
    def test_a_drawing_that_is_none_is_one_line(self, page, lenet, monkeypatch, bad):
        monkeypatch.setattr("cvcore.ui.training.canvas_drawing.draw", lambda *_, **__: bad)
        app = page("training", section="Try it", run=lenet.run_id, **{"try": "Draw"})
        assert "cannot be read" in app.error[0].value

    def test_an_upload_plain_and_as_ink(self, page, lenet):
        buffer = io.BytesIO()
        stored = catalog.open_dataset("digits").test.images[1, 0]
        Image.fromarray(255 - stored).resize((200, 200)).save(buffer, "PNG")  # dark on light, as on paper
        app = page("training", section="Try it", run=lenet.run_id, **{"try": "Upload"})
        checked(app.file_uploader[0].upload("nine.png", buffer.getvalue(), "image/png").run())
        assert "knows 10 classes" in texts(app)
        checked(widget(app.toggle, "Ink on paper").set_value(True).run())
        with np.load(lenet.path / "predictions.npz") as kept:
            assert self.answer(app)[0] == str(kept["test_predictions"][1])

    def test_a_file_that_is_no_image_is_one_line(self, page, lenet):
        app = page("training", section="Try it", run=lenet.run_id, **{"try": "Upload"})
        checked(app.file_uploader[0].upload("a.png", b"plain text", "image/png").run())
        assert "not an image" in app.error[0].value

    def test_an_upload_that_is_too_large_is_refused(self):
        with pytest.raises(DataError, match="at most 20 MB"):
            uploads.given("a.png", bytes(20_000_001))


class TestTakeAway:
    def test_buttons_and_script(self, page, lenet):
        app = page("training", section="Take away", run=lenet.run_id)
        labels = [each.proto.label for each in app.get("download_button")]
        assert labels[:2] == ["weights.safetensors", "weights.pt"]
        assert labels[-2:] == ["train.py and its images", "The whole folder"]
        assert f"python -m cvcore export {lenet.run_id} --out my-folder" in [each.value for each in app.code]
        assert any("def main():" in each.value for each in app.code)

    def test_a_transferred_run_leaves_too_and_can_be_tried(self, page):
        runs = RunStore(paths.runs_dir(), paths.shipped_runs_dir())
        transfer = {"source": bundled("glyphs", runs).run_id, "strategy": "features", "head": "append-softmax"}
        run = trained(runs, "bn-cnn", transfer=transfer, per_class=2, batch_size=10, epochs=1)
        app = page("training", section="Take away", run=run.run_id)
        assert any("strategy features, head append-softmax." in each.value for each in app.code)
        assert "`start.safetensors`" in texts(app)
        checked(page("training", section="Try it", run=run.run_id))

    def test_what_the_buttons_give(self, lenet):
        from cvcore.export.folder import Export

        export = Export(lenet, RunStore(paths.runs_dir(), paths.shipped_runs_dir()))
        with zipfile.ZipFile(io.BytesIO(take_away._script_zip(export, large=False))) as archive:
            assert {name.rpartition("/")[2] for name in archive.namelist()} == {"train.py", "data.npz"}
        with zipfile.ZipFile(io.BytesIO(take_away._folder_zip(export))) as archive:
            assert any(name.endswith("/verify.py") for name in archive.namelist())

    def test_without_the_extra_it_says_how_to_get_onnx(self, page, lenet, monkeypatch):
        monkeypatch.setattr("cvcore.export.weights.ONNX_NEEDS", ("onnx_that_nobody_has",))
        app = page("training", section="Take away", run=lenet.run_id)
        assert "`pip install -r requirements-onnx.txt`" in texts(app)


@pytest.mark.parametrize("section", ["Try it", "Take away"])
def test_a_run_that_is_not_finished_waits(page, section, lenet):
    store = RunStore(paths.runs_dir())
    run = store.create(lenet.config.model_copy(update={"train": lenet.config.train.model_copy(update={"seed": 7})}))
    app = page("training", section=section, run=run.run_id)
    assert "None of the chosen runs is finished" in app.info[0].value


def test_names_of_classes_mean_nothing_to_html():
    from cvcore.plots import tried

    assert "<script>" not in tried.bars(["<script>x</script>"], [1.0])
    assert try_it._what(("*a*", "b")) == r"one of the 2 classes (\*a\*, b)"
