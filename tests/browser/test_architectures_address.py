"""The address of the Architectures page holds what it shows: copied, and stepped through with the browser's Back."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.test_journey import choose

pytestmark = pytest.mark.browser


def asked(page) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for(page, **wanted: str | None) -> None:
    """Until the address has these parameters; None: not."""
    page.wait_for_function(
        """wanted => { const has = new URLSearchParams(location.search);
        return Object.entries(wanted).every(([key, value]) => has.get(key) === value); }""",
        arg=wanted,
    )


def pill(page, name: str):
    return page.locator("[data-testid=stMain]").get_by_role("radio", name=name, exact=True)


def test_back_undoes_every_choice(open_page, settle):
    page = open_page("/Architectures")
    began = page.evaluate("history.length")
    pill(page, "Graph").click()
    wait_for(page, section="Graph")
    settle(page)
    pill(page, "left to right").click()
    wait_for(page, direction="left to right")
    settle(page)
    page.get_by_label("Height", exact=True).fill("32")
    page.get_by_label("Height", exact=True).press("Enter")
    wait_for(page, input="1,32,28")
    settle(page)
    pill(page, "Calculator").click()  # the parameters of the graph go, within the same step
    wait_for(page, section="Calculator", direction=None)
    settle(page)
    page.get_by_role("button", name="Next").click()  # a button that sets another control
    wait_for(page, step="2")
    assert page.evaluate("history.length") == began + 5

    steps = [
        {"section": "Calculator", "input": "1,32,28"},
        {"section": "Graph", "direction": "left to right", "input": "1,32,28"},
        {"section": "Graph", "direction": "left to right"},
        {"section": "Graph"},
        {},
    ]
    for step in steps:
        page.go_back()
        wait_for(page, **{key: step.get(key) for key in ("section", "direction", "input", "step")})
        settle(page)
        assert pill(page, step.get("section", "Layers")).is_checked()
        assert page.get_by_label("Height", exact=True).input_value() == ("32" if "input" in step else "28")
        assert asked(page) == step
    page.go_forward()
    wait_for(page, section="Graph")
    settle(page)
    assert pill(page, "top to bottom").is_checked()


def test_another_network_takes_its_layer_out_of_the_address(open_page, settle):
    page = open_page("/Architectures?section=Inside")
    choose(page, "Layer", "pool2")
    wait_for(page, layer="pool2")
    settle(page)
    choose(page, "Network", "two-conv")
    wait_for(page, model="two-conv")
    settle(page)
    choose(page, "Layer", "conv2")
    wait_for(page, layer="conv2")
    settle(page)
    choose(page, "Network", "perceptron")
    wait_for(page, model="perceptron")
    settle(page)
    shown = page.get_by_role("combobox", name="Layer").input_value()
    copy = open_page(page.url[page.url.index("/Architectures") :])
    assert copy.get_by_role("combobox", name="Layer").input_value() == shown
    assert asked(page).get("layer") in (None, shown)
    page.go_back()
    wait_for(page, model="two-conv", layer="conv2")
    settle(page)
    assert page.get_by_role("combobox", name="Layer").input_value() == "conv2"


def test_who_opens_a_link_to_a_measurement_sees_it_measured(open_page):
    page = open_page("/Architectures?model=perceptron&section=Compare&with=mlp&measured=true")
    page.get_by_text("random weights, evaluation mode").wait_for()
    assert page.locator("[data-testid=stMain]").get_by_role("switch", name="Measure on this CPU").is_checked()
