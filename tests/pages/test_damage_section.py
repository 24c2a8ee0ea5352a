"""The Damage section of the Datasets page, from the first look to a set that can be trained on."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore.data import catalog, own
from cvcore.data.damage.plan import Damage
from cvcore.ui.datasets.damage_kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def module_data(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, module_data):
    """A data folder of these tests; what one of them adds is gone for the next."""
    monkeypatch.setenv("CVCORE_DATA", str(module_data))
    monkeypatch.chdir(ROOT)
    yield
    for name in own.sets():
        own.forget(name)


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
    app.switch_page("pages/1_Datasets.py")
    for key, value in {"view": "Damage", **query}.items():
        app.query_params[key] = value
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    assert not [error.value for error in app.error if "should not have" in error.value]
    return app


def labelled(widgets, label: str):
    return next(each for each in widgets if each.label == label)


def choose(app: AppTest, *fields: str) -> AppTest:
    labelled(app.button_group, "Damage, one kind or several").set_value(list(fields))
    return checked(app.run())


def create(app: AppTest):
    return labelled(app.button, "Create this set")


def changes(app: AppTest) -> dict[str, tuple[int, int]]:
    table = app.dataframe[0].value
    return {row["change"]: (row["count"], row["of"]) for _, row in table.iterrows()}


def heights(app: AppTest, index: int, split: str) -> list[int]:
    """The bars of a split in one of the charts."""
    figure = json.loads(app.get("plotly_chart")[index].proto.spec)
    values = next(bar["y"] for bar in figure["data"] if bar["name"] == split)
    if isinstance(values, dict):  # the typed array that plotly packs
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return list(values)


def test_the_first_look_shows_a_fifth_of_the_labels_wrong():
    app = opened()
    assert not app.error
    assert changes(app) == {"Training labels changed": (287, 1437)}  # 0.2 · 1,437 = 287.4
    assert len(app.get("image")) == 2
    assert any("An orange frame marks a wrong label." in each.value for each in app.caption)
    assert labelled(app.text_input, "Name of the new set").value == "digits-label-noise-20"
    assert not create(app).disabled


def test_a_created_set_is_opened_linked_and_not_created_again():
    app = opened()
    create(app).click()
    checked(app.run())
    assert not app.error
    base, copy = (catalog.open_dataset(name) for name in ("digits", "digits-label-noise-20"))
    assert (base.train.labels != copy.train.labels).sum() == 287
    assert copy.fingerprint != base.fingerprint
    assert "digits-label-noise-20** is ready" in app.success[0].value
    links = [each.label for each in app.button]
    assert {"Train on digits-label-noise-20", "Train on digits", "See digits-label-noise-20"} <= set(links)
    assert create(app).disabled
    assert create(app).help == "This very set is there already."


def test_a_copy_says_of_what_it_is_one_and_can_be_damaged_again():
    own.add_damaged("digits", Damage(blur=1.5), "soft")
    app = opened(data="soft")
    assert any(each.value.startswith("This is a damaged copy of digits already") for each in app.caption)
    assert labelled(app.text_input, "Name of the new set").value == "soft-label-noise-20"


@pytest.mark.parametrize("field", list(KINDS))
def test_every_kind_by_itself_shows_pictures_and_can_be_created(field):
    app = choose(opened(), field)
    assert not app.error
    assert len(app.get("image")) == 2
    assert len(changes(app)) == 1
    assert not create(app).disabled
    create(app).click()
    checked(app.run())
    assert app.success


@pytest.mark.parametrize("split", ["train", "test"])
def test_all_kinds_at_once(split):
    app = choose(opened(split=split), *KINDS)
    assert not app.error
    assert len(changes(app)) == 7
    assert labelled(app.text_input, "Name of the new set").value.startswith("digits-damaged-")
    labelled(app.button_group, "Blur and noise on").set_value("both")
    checked(app.run())
    assert len(changes(app)) == 9  # blur and noise of the test images too


def test_rare_classes_are_counted_before_and_after():
    app = choose(opened(), "imbalance")
    before, after = heights(app, 0, "train"), heights(app, 1, "train")
    assert sum(before) == 1437
    # class k of 10 keeps n · 10^(-k / 9)
    assert after == [round(count * 10 ** (-k / 9)) for k, count in enumerate(before)]
    assert heights(app, 0, "test") == heights(app, 1, "test")


def test_a_slider_changes_counts_and_name():
    app = opened()
    labelled(app.slider, "Wrong labels (% of training labels)").set_value(50)
    checked(app.run())
    assert changes(app) == {"Training labels changed": (718, 1437)}  # 718.5, halves go to the even number
    assert labelled(app.text_input, "Name of the new set").value == "digits-label-noise-50"


def test_no_damage_says_what_to_do():
    app = choose(opened())
    assert "Choose at least one kind" in app.info[0].value


@pytest.mark.parametrize("name", ["My digits", "ünicode", "-", "a/b"])
def test_a_bad_name_is_one_line_and_creates_nothing(name):
    app = opened()
    labelled(app.text_input, "Name of the new set").set_value(name)
    checked(app.run())
    create(app).click()
    checked(app.run())
    assert "small letters, digits and hyphens" in app.error[0].value
    assert own.sets() == {}


def test_a_name_that_is_taken_says_so():
    app = opened()
    labelled(app.text_input, "Name of the new set").set_value("glyphs")
    checked(app.run())
    assert create(app).disabled
    assert create(app).help == "Another set is called glyphs: choose another name."


def test_a_failure_leaves_no_set_on_the_list(monkeypatch):
    app = opened()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cvcore.data.store.Writer.append", full)
    create(app).click()
    checked(app.run())
    assert "no space left on device" in app.error[0].value
    assert own.sets() == {}
