"""A finished run on pictures, and drawings made like the images that it was trained on."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from cvcore import paths
from cvcore.cli import main
from cvcore.data.dataset import Dataset, Split
from cvcore.data.files.decode import Form
from cvcore.errors import DataError, RunError
from cvcore.training.drawn import MOST_POINTS, SIDE, Manner, as_trained, ink_on_paper, manner_of, paint
from cvcore.training.predict import drawn_only, load
from cvcore.training.runs import RunStore
from tests.cli import refused, run_json
from tests.training.strokes import DIGITS

MNIST = Form(1, 28, 28)


@pytest.fixture(scope="module")
def classifier():
    """The shipped LeNet-5."""
    runs = RunStore(paths.runs_dir(), paths.shipped_runs_dir()).list()
    return load(next(run for run in runs if run.shipped and run.config.model.name == "lenet5"))


class TestDrawn:
    def centre(self, image: np.ndarray) -> tuple[float, float]:
        """Row and column of the centre of mass, of pixels' middles."""
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
        return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()

    @pytest.mark.parametrize("digit", DIGITS)
    def test_as_mnist_a_box_of_20_centred_by_mass(self, digit):
        image = as_trained(paint(DIGITS[digit]), Manner(20), MNIST)[0]
        assert image.shape == (28, 28) and image.dtype == np.uint8
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        # whole pixels: half a pixel off at most
        assert self.centre(image.astype(float)) == pytest.approx((14, 14), abs=0.51)
        assert ((image > 0) & (image < 255)).any()  # grey at the edges

    def test_where_it_is_drawn_and_how_large_makes_no_difference(self):
        small = [[(0.1 + 0.5 * x, 0.3 + 0.5 * y) for x, y in stroke] for stroke in DIGITS[3]]
        one = as_trained(paint(DIGITS[3], pen=0.08), Manner(20), MNIST).astype(int)
        two = as_trained(paint(small, pen=0.04), Manner(20), MNIST).astype(int)
        assert np.abs(one - two).mean() < 3

    def test_mass_decides_not_the_box(self):
        # a heavy bar on the left and a thin one to the right: 20 wide, its mass near the left
        ink = Image.new("L", (200, 200))
        ink.paste(255, (0, 80, 60, 120))
        ink.paste(255, (60, 98, 200, 102))
        image = as_trained(ink, Manner(20), MNIST)[0]
        # by hand: 2400 px at 30 and 560 px at 130 → centre 48.9 of 200, 4.9 of 20; 14 − 4.9 = 9.1 pixels free on the
        # left would leave 29.1 > 28: as near as leaves all ink inside, 8
        assert np.nonzero(image.sum(0))[0].tolist() == list(range(8, 28))

    def test_nothing_drawn_is_nothing(self):
        assert as_trained(paint([]), Manner(20), MNIST) is None
        assert as_trained(paint([[]]), Manner(20), MNIST) is None

    def test_a_dot_is_round(self):
        ink = np.asarray(paint([[(0.5, 0.5)]], pen=0.1)) > 0
        assert ink.sum() == pytest.approx(np.pi * (0.05 * SIDE) ** 2, rel=0.05)

    @pytest.mark.parametrize(
        "bad", [[[(0, float("nan"))]], [[(5, 5)]], [["ab", "c"]], [[(1, 2, 3)]], 7, [[None]], [[{}]], "drawing"]
    )
    def test_what_no_sheet_sends_is_one_line(self, bad):
        with pytest.raises(DataError, match="cannot be read"):
            paint(bad)

    def test_too_many_points(self):
        with pytest.raises(DataError, match="20,000 points"):
            paint([[(0.1, 0.1)] * (MOST_POINTS + 1)])

    @pytest.mark.parametrize(("ground", "ink"), [(0, 200), (255, 30)])
    def test_manner_is_measured(self, ground, ink):
        images = np.full((10, 1, 16, 16), ground, dtype=np.uint8)
        images[:, 0, 3:12, 5:8] = ink  # 9 × 3
        split = Split(images, np.zeros(10, dtype=np.int64))
        assert manner_of(Dataset("mine", ("a",), split, split)) == Manner(9, dark_ink=ground == 255)

    def test_dark_ink(self):
        light, dark = (as_trained(paint(DIGITS[7]), Manner(20, dark_ink=dark), MNIST) for dark in (False, True))
        assert np.array_equal(255 - light, dark)

    def test_ink_on_paper_in_uneven_light(self, classifier):
        ink = np.asarray(paint(DIGITS[5]).resize((400, 400))).astype(float) / 255
        paper = np.linspace(150, 220, 400)[None] + np.random.default_rng(0).normal(0, 4, (400, 400))
        photo = Image.fromarray(np.clip(paper * (1 - 0.8 * ink), 0, 255).astype(np.uint8)).convert("RGB")
        pixels = as_trained(ink_on_paper(photo), classifier.manner, classifier.form)
        assert classifier.look(pixels[None])[0].top[0].name == "5"

    def test_empty_paper_has_no_ink(self):
        assert as_trained(ink_on_paper(Image.new("RGB", (50, 40), (200, 200, 190))), Manner(20), MNIST) is None


class TestClassifier:
    def test_drawn_digits_come_out_right(self, classifier):
        assert classifier.manner == Manner(28)  # the bundled digits fill their images
        pixels = [as_trained(paint(strokes), classifier.manner, classifier.form) for strokes in DIGITS.values()]
        said = [seen.top[0].label for seen in classifier.look(np.stack(pixels))]
        assert sum(one == digit for one, digit in zip(said, DIGITS, strict=True)) >= 9

    def test_it_says_what_was_stored_when_the_run_ended(self, classifier):
        seen = classifier.look(classifier.dataset.test.images)
        with np.load(classifier.run.path / "predictions.npz") as kept:
            assert [one.top[0].label for one in seen] == kept["test_predictions"].tolist()
            best = np.sort(kept["test_probabilities"], axis=1)[:, ::-1][:, :5]
        mine = [[guess.probability for guess in one.top] for one in seen]
        assert np.allclose(mine, best, atol=1e-5)

    def test_the_tensor_is_normalised_by_hand(self, classifier):
        images = classifier.dataset.train.images
        pixels = classifier.dataset.test.images[:2]
        by_hand = (pixels / 255 - (images / 255).mean()) / (images / 255).std()
        assert np.allclose([one.tensor for one in classifier.look(pixels)], by_hand, atol=1e-5)

    def test_pictures_of_any_size_and_colour(self, classifier):
        stored = classifier.dataset.test.images[3]
        picture = Image.fromarray(stored[0]).convert("RGB")
        assert np.array_equal(classifier.pixels(picture), stored)
        wide = Image.new("RGB", (90, 30))
        wide.paste(picture.resize((30, 30)), (30, 0))
        assert classifier.pixels(wide).shape == (1, 28, 28)

    def test_nothing_is_left_changed(self, classifier):
        assert not any(module.training for module in classifier.model.modules())
        with torch.inference_mode():
            classifier.look(classifier.dataset.test.images[:1])

    def test_a_run_that_is_not_done(self, store, classifier):
        run = store.create(classifier.run.config)
        with pytest.raises(RunError, match="only a finished run can predict"):
            load(run)

    def test_colour_cannot_be_drawn(self, classifier):
        images = np.zeros((1, 3, 4, 4), dtype=np.uint8)
        split = Split(images, np.zeros(1, dtype=np.int64))
        colour = type(classifier)(classifier.run, Dataset("shapes", ("a",), split, split), classifier.model)
        with pytest.raises(DataError, match="colour"):
            drawn_only(colour)


class TestCommand:
    @pytest.fixture
    def picture(self, classifier, tmp_path):
        path = tmp_path / "digit.png"
        Image.fromarray(classifier.dataset.test.images[1, 0]).save(path)
        return str(path)

    def test_json(self, classifier, picture, capsys):
        told = run_json(capsys, "predict", classifier.run.run_id, picture, picture)
        assert told["run_id"] == classifier.run.run_id
        (row,) = told["predictions"]  # the same file twice is one
        assert row["path"] == picture and len(row["top"]) == 5
        seen = classifier.look(classifier.dataset.test.images[1:2])[0]
        assert [(each["class"], each["probability"]) for each in row["top"]] == [
            (guess.name, pytest.approx(guess.probability, abs=1e-6)) for guess in seen.top
        ]

    def test_text(self, classifier, picture, capsys):
        assert main(["predict", classifier.run.run_id, picture]) == 0
        assert capsys.readouterr().out.startswith(f"{picture}  ")

    def test_bad_images_get_a_line_each_and_the_good_ones_their_answer(self, classifier, picture, tmp_path, capsys):
        (tmp_path / "bad.png").write_bytes(b"plain text")
        arguments = ["predict", classifier.run.run_id, picture, str(tmp_path / "bad.png"), str(tmp_path), "gone.jpg"]
        assert main([*arguments, "--json"]) == 2
        captured = capsys.readouterr()
        told = json.loads(captured.out)
        assert [row["path"] for row in told["predictions"]] == [picture]
        assert captured.err.count("\n") == len(told["refused"]) == 3
        assert "bad.png: not an image" in captured.err and "Traceback" not in captured.err

    def test_an_unknown_run_is_one_line(self, capsys):
        assert "unknown run" in refused(capsys, "predict", "digits-lenet5-000000000000", "a.png")
