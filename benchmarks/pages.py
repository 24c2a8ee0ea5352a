"""How long the Training page takes to run again, while nothing trains and while two runs train at full speed.

    CVCORE_DATA=DIR python -m benchmarks.pages

DIR holds MNIST in torchvision's layout. A server is started, and asked over its websocket, as a browser asks it. The
time is that from the changed number of epochs to the end of the script, 60 times; drawing in a browser is not in it.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from cvcore import paths
from tests.browser.conftest import running_app

TRAINED = ["--data", "mnist", "--model", "lenet5", "--batch-size", "16", "--epochs", "500", "--seeds", "2"]


class Visitor:
    """A browser's side of the protocol, without the browser."""

    def __init__(self, address: str, page: str) -> None:
        where = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
        self.socket = connect(where, max_size=None, subprotocols=["streamlit"], origin=address, legacy=True)
        self.page, self.script = page, ""
        self.numbers: dict[str, str] = {}  # ids of number inputs by their labels

    def rerun(self, **values: float) -> float:
        """Seconds until the page's script has ended, after these number inputs were changed."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.script
        message.rerun_script.page_name = "" if self.script else self.page
        for label, value in values.items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.double_value = self.numbers[label], value
        started = time.perf_counter()
        self.socket.send(message.SerializeToString())
        while not self._hears_the_end():
            pass
        return time.perf_counter() - started

    def _hears_the_end(self) -> bool:
        message = ForwardMsg()
        message.ParseFromString(self.socket.recv(timeout=120))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.script = message.new_session.page_script_hash
        if kind == "delta" and message.delta.new_element.WhichOneof("type") == "number_input":
            widget = message.delta.new_element.number_input
            self.numbers[widget.label] = widget.id
        return kind == "script_finished"


def reruns(visitor: Visitor) -> str:
    taken = []
    for turn in range(60):
        taken.append(1000 * visitor.rerun(Epochs=5 + turn % 7))
        time.sleep(0.2)  # a visitor is not faster
    return f"median {statistics.median(taken):.0f} ms, 95 % under {sorted(taken)[56]:.0f} ms"


def main() -> None:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        running_app(Path(name), paths.data_dir()) as address,
    ):
        visitor = Visitor(address, "Training")
        print(f"first look {visitor.rerun():.1f} s")
        time.sleep(10)  # torch is loaded behind the page
        print("nothing trains:", reruns(visitor), flush=True)
        command = [sys.executable, "-m", "cvcore", "train", *TRAINED, "--runs", str(Path(name) / "runs")]
        trainer = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: os.nice(10),  # as the worker that pages start
        )
        try:
            time.sleep(20)
            print("two runs train:", reruns(visitor))
        finally:
            os.killpg(trainer.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
