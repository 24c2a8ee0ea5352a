"""What tests of pages share: finding widgets, reading figures."""

import base64
import json
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.training.runs import RunStore
from cvcore.training.worker import serve

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "streamlit_app.py"
PAGES = {
    "home": "",
    "datasets": "pages/1_Datasets.py",
    "architectures": "pages/2_Architectures.py",
    "training": "pages/3_Training.py",
    "transfer": "pages/4_Transfer_Learning.py",
}


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    assert not [error.value for error in app.error if "should not have" in error.value]
    return app


def train_queued() -> None:
    serve(RunStore(paths.runs_dir(), paths.shipped_runs_dir()), once=True)


def button(app: AppTest, label: str):
    return next(each for each in app.button if each.label == label)


def widget(widgets, label: str):
    return next(each for each in widgets if each.label == label)


def metrics(app: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in app.metric}


def figure(app: AppTest, index: int) -> dict:
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def numbers(values) -> list[float]:
    """A figure's data: a list, or the typed array that plotly packs."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return list(values)
