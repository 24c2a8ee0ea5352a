"""The transforms section of the Datasets page through Streamlit's AppTest."""

import pytest
from streamlit.testing.v1 import AppTest


def page(channels: int, side: int, split: str, source_kind: str) -> None:
    """A page with nothing but the section, on a set of three gradients."""
    import numpy as np
    from PIL import Image

    from cvcore.data.dataset import Dataset, Split
    from cvcore.ui.datasets import transforms

    ramp = np.linspace(0, 255, side).astype(np.uint8)
    images = np.stack([np.broadcast_to(ramp + 40 * number, (channels, side, side)) for number in range(3)])
    part = Split(images, np.array([0, 1, 0]))

    def original(split: str, index: int) -> Image.Image:
        if source_kind == "broken":
            raise OSError("image file is truncated")
        return Image.effect_noise((300, 200), 80).convert("RGB")

    source = original if source_kind else None
    dataset = Dataset("set", ("up", "down"), part, part, fingerprint=f"{channels}-{side}-{source_kind}")
    transforms.show(dataset, split, source)


@pytest.fixture
def app():
    def start(channels: int = 3, side: int = 32, split: str = "train", source: str = "") -> AppTest:
        return checked(AppTest.from_function(page, args=(channels, side, split, source), default_timeout=60).run())

    return start


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    assert not [error.value for error in app.error if "should not have" in error.value]
    return app


def widget(widgets, label: str):
    return next(each for each in widgets if each.label == label)


def received(app: AppTest) -> str:
    return next(each.value for each in app.metric if each.label.startswith("The network receives"))


def steps(app: AppTest) -> list[str]:
    """Names of the steps in the order in which the list shows them."""
    return [text.value.split("**")[1] for text in app.markdown if text.value.startswith("**")]


def choose(app: AppTest, preset: str) -> AppTest:
    return checked(widget(app.selectbox, "Start from").select(preset).run())


def press(app: AppTest, key_end: str) -> AppTest:
    return checked(next(each for each in app.button if each.key.endswith(key_end)).click().run())


def test_the_first_visit_shows_random_results_numbers_and_code(app):
    found = app()
    assert len(found.get("image")) == 1
    assert received(found) == "3×32×32"
    assert widget(found.number_input, "Results").value == 8
    assert "v2.RandomCrop(32, padding=4)" in found.code[0].value
    assert not found.error
    assert not found.info


def test_another_preset_replaces_the_steps(app):
    found = choose(app(), "cats-dogs")
    assert steps(found) == ["Resize", "CenterCrop", "ToTensor", "Normalize"]
    assert received(found) == "3×224×224"
    assert widget(found.number_input, "Results").disabled
    assert any("Nothing here is random" in each.value for each in found.caption)
    assert "enlarges 32×32 px by 8" in found.info[0].value


def test_weights_that_expect_colour_say_what_grey_images_need_and_mend_it(app):
    found = choose(app(channels=1, side=28), "ResNet50_Weights.IMAGENET1K_V2")
    assert len(found.error) == 1
    assert "add Grayscale with 3 channels" in found.error[0].value
    found = checked(widget(found.button, "Add Grayscale, 3 channels").click().run())
    assert not found.error
    assert received(found) == "3×224×224"
    assert steps(found) == ["Resize", "CenterCrop", "Grayscale", "ToTensor", "Normalize"]
    assert steps(press(found, "-reset")) == ["Resize", "CenterCrop", "ToTensor", "Normalize"]


def test_a_changed_parameter_changes_code_and_tensor(app):
    found = choose(app(), "cats-dogs")
    found = checked(widget(found.number_input, "Square (px)").set_value(200).run())
    assert "v2.CenterCrop(200)" in found.code[0].value
    assert received(found) == "3×200×200"
    first = next(each for each in found.segmented_control if each.label == "Size given as")
    found = checked(first.set_value("Height × width").run())
    found = checked(widget(found.number_input, "Width (px)").set_value(300).run())
    assert "v2.Resize((256, 300))" in found.code[0].value
    assert any("flatter" in each.value for each in found.info)


def test_steps_move_go_and_come(app):
    found = choose(app(), "mnist")
    assert steps(found) == ["ToTensor"]
    for name in ("Normalize", "Resize"):
        found = checked(widget(found.selectbox, "Add a step").select(name).run())
    assert steps(found) == ["Resize", "ToTensor", "Normalize"]  # each where it belongs
    downs = [each for each in found.button if each.key.endswith("-down")]
    assert [each.disabled for each in downs] == [False, False, True]
    found = checked(downs[1].click().run())
    assert steps(found) == ["Resize", "Normalize", "ToTensor"]
    assert "move it below ToTensor" in found.error[0].value
    found = checked([each for each in found.button if each.key.endswith("-remove")][1].click().run())
    assert steps(found) == ["Resize", "ToTensor"]
    assert not found.error


def test_no_steps_at_all_is_one_line_with_the_way_out(app):
    found = press(choose(app(), "mnist"), "-remove")
    assert "add ToTensor" in found.error[0].value
    found = checked(widget(found.button, "Add ToTensor, float32, 0..1").click().run())
    assert not found.error


@pytest.mark.parametrize("text", ["a, b, c", "", "1, 2", "0.5, 0.5, nan", "*0.5*"])
def test_a_mean_that_is_none_is_refused_and_the_old_one_stays(app, text):
    found = choose(app(), "cifar10")
    found = checked(widget(found.text_input, "Mean").set_value(text).run())
    assert len(found.error) == 1
    assert widget(found.text_input, "Mean").value == "0.5, 0.5, 0.5"
    assert "mean=(0.5, 0.5, 0.5)" in found.code[0].value
    found = checked(widget(found.text_input, "Mean").set_value("0.1, 0.2, 0.3").run())
    assert not found.error
    assert "mean=(0.1, 0.2, 0.3)" in found.code[0].value


def test_mean_and_std_may_become_one_value_one_after_the_other(app):
    found = choose(app(channels=1, side=28), "cifar10")
    found = checked(widget(found.text_input, "Mean").set_value("0.5").run())
    assert "1" in found.error[0].value
    found = checked(widget(found.text_input, "Standard deviation").set_value("0.5").run())
    assert not found.error
    assert received(found) == "1×28×28"


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(app):
    found = app()
    before = [each.value for each in found.metric]
    found = checked(widget(found.number_input, "Seed").set_value(4).run())
    assert [each.value for each in found.metric] != before
    found = checked(widget(found.number_input, "Seed").set_value(0).run())
    assert [each.value for each in found.metric] == before


def test_random_steps_on_the_test_split_get_a_remark(app):
    assert "on the test split" in app(split="test").info[0].value


def test_another_image_is_shown(app):
    found = app()
    seen = set()
    for _ in range(12):
        found = press(found, "-another")
        seen.add(widget(found.number_input, "Image").value)
    assert seen <= {0, 1, 2}
    assert len(seen) > 1


def test_the_original_file_is_used_where_there_is_one(app):
    found = choose(app(source="files"), "mnist")
    assert received(found) == "3×200×300"


def test_an_original_that_cannot_be_read_is_replaced_by_the_stored_image(app):
    found = choose(app(source="broken"), "mnist")
    assert received(found) == "3×32×32"
    assert any("cannot be read now" in each.value for each in found.caption)


def test_ten_crops_are_shown_as_ten(app):
    found = choose(app(source="files"), "vgg-finetune-validation")
    assert received(found) == "10×3×224×224"
    assert "10 results" in found.get("image")[0].proto.imgs[0].alt
