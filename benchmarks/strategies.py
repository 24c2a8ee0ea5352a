"""Every strategy on photographs: the time that was predicted before, and the time that it took, to the end of the run.

    python -m benchmarks.strategies PHOTOGRAPHS [EPOCHS]

PHOTOGRAPHS holds Cat/ and Dog/. MobileNetV2 at 224 pixels has random weights in torchvision's own file.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision

from benchmarks.features import MOBILENET, trained
from cvcore.data import catalog
from cvcore.training.preflight import preflight
from cvcore.training.runs import RunStore
from cvcore.transfer import ways

MOST = 1.5  # times the prediction


def main() -> None:
    photographs, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"TORCH_HOME": name, "CVCORE_DATA": f"{name}/data"}
        file = Path(name) / "hub" / "checkpoints" / MOBILENET[1]
        file.parent.mkdir(parents=True)
        torch.save(torchvision.models.mobilenet_v2(weights=None).state_dict(), file)
        data = ways.usual_data(catalog.resolve(photographs), 0, 0, MOBILENET[0], "mobilenet_v2")
        asked = ways.Comparison(data, "mobilenet_v2", MOBILENET[0], {"epochs": epochs, "batch_size": 32})
        catalog.open_dataset(data["name"], data["size"], data["fit"])
        store = RunStore(Path(name) / "runs")
        for key in ways.offered(deeper=False):
            predicted = preflight(asked.config(key), store).seconds_in_all
            started = time.perf_counter()
            run = trained(asked.config(key), store)
            taken = time.perf_counter() - started
            print(f"{key}: predicted {predicted:.1f} s, took {taken:.1f} s, {taken / predicted:.2f} times "
                  f"(at most {MOST}); {run.size['trainable_params']:,} learn", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
