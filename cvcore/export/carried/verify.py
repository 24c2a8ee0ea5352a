"""Test this folder on this machine: python verify.py

Prepares the golden images, runs the network on them and compares its logits with those that were computed where it was
trained. Ends with 0 when all agree to 1e-4 (of the largest logit, where that is above 1), else with 1. If model.onnx
is here and onnxruntime is installed, that is tested too.
"""

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import torch

TOLERANCE = 1e-4


def main() -> int:
    sys.dont_write_bytecode = True  # the folder stays as it came
    import classify  # beside this file

    cases = classify.read("golden/expected.json")
    network = classify.load()
    failed = compare("weights", cases, lambda images: network(images).float().numpy())
    if (classify.HERE / "model.onnx").is_file():
        if importlib.util.find_spec("onnxruntime"):
            failed += compare("ONNX", cases, onnx(str(classify.HERE / "model.onnx")))
        else:
            print("ONNX: not tested, onnxruntime is not installed")
    print("all agree" if not failed else f"{failed} do not agree")
    return 1 if failed else 0


def compare(what: str, cases: list[dict], network: Callable[[torch.Tensor], np.ndarray]) -> int:
    """How many of the golden images have other logits than expected; says how far each is off."""
    import classify

    failed = 0
    for case in cases:
        with torch.inference_mode():
            found = network(classify.prepare(classify.HERE / "golden" / case["file"])[None])[0]
        expected = np.array(case["logits"], dtype=np.float32)
        off = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        agrees = off <= TOLERANCE * max(1.0, float(np.abs(expected).max()))
        failed += not agrees
        print(f"{what}: {case['file']} ({case['class']}) {'agrees' if agrees else 'DOES NOT AGREE'}, off by {off:.1e}")
    return failed


def onnx(path: str) -> Callable[[torch.Tensor], np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images.numpy()})[0]


if __name__ == "__main__":
    sys.exit(main())
