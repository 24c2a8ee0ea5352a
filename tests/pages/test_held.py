"""What a page gives to a widget stays, though a request of the browser brings the old value back."""

from streamlit.testing.v1 import AppTest


def script():
    import streamlit as st

    from cvcore.ui import held

    if st.button("Set"):
        held.put("choice", "new")
    held.renew("choice")
    st.write(st.selectbox("Choice", ["old", "new", "other"], key="choice"))


def shown(app: AppTest) -> str:
    return app.markdown[0].value


def test_a_request_that_was_under_way_changes_nothing():
    app = AppTest.from_function(script).run()
    assert shown(app) == "old"
    app.button[0].click()
    assert shown(app.run()) == "new"
    app.selectbox[0].set_value("old")  # as the browser sends it that has not heard yet
    assert shown(app.run()) == "new"


def test_what_a_visitor_chooses_stays(monkeypatch):
    app = AppTest.from_function(script).run()
    app.button[0].click()
    app.run()
    app.selectbox[0].set_value("other")
    assert shown(app.run()) == "other"
    monkeypatch.setattr("cvcore.ui.held.PATIENCE", 0.0)
    app.selectbox[0].set_value("old")
    assert shown(app.run()) == "old"
