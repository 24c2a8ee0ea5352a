"""A folder that leaves the app: weights, code and pre-processing of a run, with a program that tests them where they
arrive. Every file is made here as bytes; `write` puts them on a disk and `zipped` into one file."""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch

from cvcore.errors import CvcoreError, ModelError, RunError
from cvcore.export import images, weights
from cvcore.export import script as scripts
from cvcore.export.golden import golden_images
from cvcore.export.network import code_of_run
from cvcore.export.task import Task, task_of
from cvcore.training import augmentation
from cvcore.training.predict import Classifier, load
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.start import own

CARRIED = Path(__file__).with_name("carried")
README = Path(__file__).with_name("readme.txt")
MOST_DATA = 64_000_000  # bytes of images that are exported without being asked for: MNIST's 70,000 have 55 million


class Export:
    """Everything that can be taken away of a finished run of `store`; each part is made when it is asked for.

    Raises RunError if the run is not finished or its files cannot be used.
    """

    def __init__(self, run: Run, store: RunStore) -> None:
        self.run = run
        self.classifier: Classifier = load(run)
        self._store = store

    @property
    def about(self) -> dict[str, str]:
        """What the weights file says of itself."""
        return {"run": self.run.run_id, "network": self.run.config.model.label, "data": self.run.config.data.name}

    @cached_property
    def task(self) -> Task:
        """What the script is written from: the run as it began."""
        return task_of(self.run, self.classifier.dataset, self._store)

    def safetensors(self) -> bytes:
        return weights.safetensors_bytes(self.classifier.model.state_dict(), self.about)

    def state_dict(self) -> bytes:
        return weights.state_dict_bytes(self.classifier.model.state_dict())

    def onnx(self) -> bytes:
        """Raises ModelError with one line where it cannot be written."""
        return weights.onnx_bytes(self.classifier.model, self.classifier.dataset.image_shape)

    def script_files(self) -> dict[str, bytes]:
        """train.py and what must lie beside it, but for the images. Raises CvcoreError where there is no script."""
        text, needs_model = scripts.script(self.task)
        files = {"train.py": text.encode()}
        if needs_model:
            files["model.py"] = self._model_code()
        if self.run.config.train.augment:
            files["augmentation.py"] = Path(augmentation.__file__).read_bytes()
        if self.run.config.transfer:
            files["start.safetensors"] = weights.safetensors_bytes(self.task.parts.model.state_dict(), {})
        return files

    @property
    def data_bytes(self) -> int:
        """Bytes of the run's images before they are compressed."""
        return images.data_bytes(self.task.parts)

    def data(self) -> bytes:
        """data.npz: the images of the run."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **images.data_of(self.task.parts))
        return buffer.getvalue()

    def folder_files(self) -> dict[str, bytes]:
        """The files of the folder that tests itself, by their paths in it; model.onnx where it can be written."""
        golden = golden_images(self.classifier)
        expected = [each.entry() for each in golden]
        files = {
            "README.md": self._readme(),
            "weights.safetensors": self.safetensors(),
            "model.py": self._model_code(),
            "preprocessing.json": _json(self.preprocessing()),
            "classes.json": _json(list(self.classifier.classes)),
            "classify.py": (CARRIED / "classify.py").read_bytes(),
            "verify.py": (CARRIED / "verify.py").read_bytes(),
            "run.json": _json(self.run.result()),
            "golden/expected.json": _json(expected),
            **{f"golden/{each.file}": each.png for each in golden},
        }
        if not weights.missing_for_onnx():
            with suppress(ModelError):  # this network has something that ONNX has not: the weights do
                files["model.onnx"] = self.onnx()
        return files

    def preprocessing(self) -> dict[str, Any]:
        """How a picture becomes what the network takes."""
        mean, std = self.classifier.normalisation
        form = self.classifier.form
        return {
            "input": list(form.shape),
            "mode": "L" if form.channels == 1 else "RGB",
            "fit": form.fit,
            "resize": "bilinear, antialiased (Pillow)",
            "scale": "0..1, that is divided by 255",
            "mean": list(mean),
            "std": list(std),
            "order": "CHW",
        }

    def _model_code(self) -> bytes:
        dataset, config = self.classifier.dataset, self.run.config
        shape, classes = dataset.image_shape, len(dataset.classes)
        with torch.device("meta"):  # layers without values
            network = own(config, shape, classes, self.classifier.model.state_dict())
        code = code_of_run(config.model.name, network, shape, classes)
        about = f'"""{self.run.config.model.label}, as it was trained in the run {self.run.run_id}."""'
        return f"{about}\n\n{code.text()}".encode()

    def _readme(self) -> bytes:
        run, form = self.run, self.classifier.form
        told = {
            "network": run.config.model.label,
            "data": run.config.data.name,
            "run_id": run.run_id,
            "acc": f"{run.end['test']['acc']:.2%}",
            "shape": "×".join(map(str, form.shape)),
            "classes": len(self.classifier.classes),
            "torch": run.meta.get("versions", {}).get("torch", "(version unknown)"),
        }
        return Template(README.read_text(encoding="utf-8")).substitute(told).encode()


def all_files(export: Export, *, data: bool | None = None) -> tuple[dict[str, bytes], list[str]]:
    """(the folder with the script and its images, remarks in one line each on what is not in it).

    `data` says whether the images are written; if left out, where they have at most MOST_DATA bytes.
    """
    files, remarks = export.folder_files(), []
    if "model.onnx" not in files:
        remarks.append(weights.missing_for_onnx() or "model.onnx: this network has something that ONNX does not")
    try:
        files |= export.script_files()
        if data or (data is None and export.data_bytes <= MOST_DATA):
            files["data.npz"] = export.data()
        else:
            size = f"{export.data_bytes / 1e6:,.0f} MB"
            remarks.append(f"data.npz, the images that train.py needs, is left out ({size}): --data writes it")
    except CvcoreError as error:
        remarks.append(f"train.py: {error}")
    return files, remarks


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Put `files` into a new folder, or an empty one. Raises RunError if there is something in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is there and not empty: choose a new folder, nothing is overwritten")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, content in files.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def zipped(files: Mapping[str, bytes], folder: str) -> bytes:
    """A zip with `files` in one folder. Code is compressed, what is compressed or random already is not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            packed = Path(name).suffix in (".py", ".json", ".md")
            kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(f"{folder}/{name}", content, kind)
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
