"""Recipes on pages: Home lists and starts them; Training fills its form, remarks, and compares with the figures."""

import pytest

from cvcore import paths
from cvcore.config import parse_config
from cvcore.recipes import library
from cvcore.training.runs import RunStore
from tests.pages.helpers import button, checked, figure, numbers, train_queued, widget


def all_text(app) -> str:
    return "\n".join(each.value for group in (app.markdown, app.caption, app.info) for each in group)


def queued_configs() -> list:
    store = RunStore(paths.runs_dir())
    return [run.config for run in store.list()]


class TestHome:
    def test_lists_every_recipe_and_every_mistake(self, page):
        app = page("home")
        labels = {each.label for each in app.button}
        assert {recipe.title for recipe in library.recipes() if recipe.role != "corrected"} <= labels
        assert {each.title for each in library.mistakes().values() if not each.recipes} <= {
            line.value.split("**")[1] for line in app.markdown if line.value.startswith("**") and "  \n" in line.value
        }

    def test_a_click_opens_training_and_starts_the_pair(self, page):
        app = page("home")
        button(app, "A loss that is too small to be true").click()
        checked(app.run())
        assert app.title[0].value == "Training"
        assert not app.error
        right, wrong = library.find("batch-sum-corrected").config, library.find("batch-sum").config
        found = {config.with_data("") for config in queued_configs()}
        assert found == {wrong, right}
        assert len(app.session_state["runs"]) == 2

    def test_what_is_missing_is_offered_and_starts_when_it_is_solved(self, page):
        app = page("training", recipe="mnist-perceptron")
        assert button(app, "Train").disabled
        assert "MNIST is not on this disk" in all_text(app)
        assert button(app, "Download 12 MB")
        app.session_state["start-recipe"] = "mnist-perceptron"
        button(app, "Use digits instead").click()
        checked(app.run())
        (config,) = queued_configs()
        assert config.with_data("") == library.find("mnist-perceptron").stand_in_config


class TestForm:
    @pytest.mark.parametrize(
        "name",
        ["mnist-lenet5", "cifar10-lenet", "mnist-mlp", "best-on-test", "schedule-not-stepped", "train-as-test"],
    )
    def test_the_address_fills_the_form_with_the_whole_recipe(self, page, name):
        app = page("training", recipe=name)
        assert not app.error
        assert form_config(app) == library.find(name).config

    def test_another_recipe_replaces_all_settings(self, page):
        app = page("training", recipe="mnist-lenet5")
        widget(app.selectbox, "Recipe").set_value("batch-mean")
        checked(app.run())
        assert form_config(app) == library.find("batch-mean").config

    def test_a_setting_can_be_changed(self, page):
        app = page("training", recipe="batch-sum")
        widget(app.number_input, "Epochs").set_value(1)
        checked(app.run())
        assert form_config(app).train.epochs == 1
        button(app, "Train").click()
        checked(app.run())
        (config,) = queued_configs()
        assert (config.train.epochs, config.train.faults) == (1, ("batch-sum",))

    def test_a_stand_in_with_weights_starts_from_the_shipped_run(self, page):
        app = page("training", recipe="catsdogs-vgg16-frozen", stand_in="true")
        assert "bn-cnn trained on glyphs" in all_text(app)
        button(app, "Train").click()
        checked(app.run())
        assert not app.error
        (config,) = queued_configs()
        assert config.transfer.strategy == "frozen" and config.transfer.source.startswith("glyphs-bn-cnn-")

    def test_what_needs_weights_says_so_and_cannot_start(self, page):
        app = page("training", recipe="catsdogs-vgg16-frozen")
        assert "starts from the ImageNet weights of VGG-16" in all_text(app)
        assert button(app, "Train").disabled

    def test_an_unknown_recipe_is_one_line(self, page):
        app = page("training", recipe="nope")
        assert "There is no recipe nope here" in app.warning[0].value


def form_config(app):
    """The config that the widgets show."""
    values = {
        "data": {"name": widget(app.selectbox, "Data set").value},
        "model": {"name": widget(app.selectbox, "Network").value},
        "train": {},
    }
    size = widget(app.selectbox, "Working size (px)").value
    values["data"] |= {
        "size": 0 if size == "own" else int(size),
        "normalize": widget(app.selectbox, "Normalisation").value,
        "per_class": widget(app.number_input, "Images a class").value,
    }
    for group in (app.selectbox, app.number_input, app.text_input, app.multiselect, app.checkbox):
        for each in group:
            field = (each.key or "").removeprefix("train-")
            if each.key and each.key.startswith("train-") and field not in ("normalize", "per_class"):
                values["train"][field] = each.value
    return parse_config(values)


class TestRemarks:
    def test_nothing_where_there_is_nothing(self, page):
        assert not [each for each in page("training").expander if "badge" in each.label]

    def test_mistakes_of_network_and_loop_are_counted_and_listed(self, page):
        app = page("training", recipe="mnist-mlp")
        (folded,) = [each for each in app.expander if "badge" in each.label]
        assert "1 mistake" in folded.label and "2 cautions" in folded.label
        text = "\n".join(each.value for each in folded.markdown)
        assert "normalises over the batch" in text and "chosen on the test images" in text

    def test_a_change_of_the_form_changes_them(self, page):
        app = page("training")
        widget(app.number_input, "Learning rate").set_value(2.0)
        checked(app.run())
        (folded,) = [each for each in app.expander if "badge" in each.label]
        assert "far above what adam is used with" in folded.markdown[0].value


class TestPublished:
    def test_stand_in_beside_the_figures_and_plainly_not_comparable(self, page):
        app = page("training", recipe="mnist-perceptron", stand_in="true")
        button(app, "Train").click()
        checked(app.run())
        train_queued()
        checked(app.run())
        assert app.session_state["section"] == "Published"
        yours, published = figure(app, 0)["data"]
        assert published["line"]["dash"] == "dash"
        assert numbers(published["y"]) == pytest.approx([89.4, 89.9, 89.9, 89.7, 89.6])
        assert len(numbers(yours["y"])) == 5
        assert "**Not comparable**" in all_text(app) and "digits stands in for mnist" in all_text(app)
        table = app.dataframe[0].value
        assert list(table["test published"]) == pytest.approx([89.4, 89.9, 89.9, 89.7, 89.6])
        assert list(table["test difference"]) == pytest.approx(list(table["test yours"] - table["test published"]))

    def test_runs_without_figures_say_where_to_find_some(self, page):
        app = page("training", section="Published", data="glyphs", model="bn-cnn")
        assert "Choose a recipe at the head of the page" in all_text(app)
