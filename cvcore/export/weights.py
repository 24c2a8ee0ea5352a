"""The weights of a finished run as files that others read: safetensors, a state_dict, ONNX."""

import contextlib
import importlib.util
import io
import logging
import warnings

import torch
from torch import nn

from cvcore.errors import ModelError

ONNX_NEEDS = ("onnx", "onnxscript")
HOW_TO_GET_ONNX = "pip install -r requirements-onnx.txt"


def safetensors_bytes(weights: dict[str, torch.Tensor], about: dict[str, str]) -> bytes:
    """`weights` in the format of safetensors, which holds numbers and nothing that could be executed."""
    from safetensors.torch import save

    # each tensor by itself: what shares memory, or is a view, cannot be written
    return save({name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}, about)


def state_dict_bytes(weights: dict[str, torch.Tensor]) -> bytes:
    """`weights` as torch.save writes them; torch.load(…, weights_only=True) reads them."""
    buffer = io.BytesIO()
    torch.save({name: value.detach().cpu() for name, value in weights.items()}, buffer)
    return buffer.getvalue()


def missing_for_onnx() -> str:
    """Why ONNX cannot be written here, in one line; empty where it can."""
    missing = [name for name in ONNX_NEEDS if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"model.onnx needs {' and '.join(missing)}, an optional extra: {HOW_TO_GET_ONNX}"


def onnx_bytes(model: nn.Module, image_shape: tuple[int, int, int]) -> bytes:
    """The network as ONNX: input "images" float32 [N, C, H, W], already prepared, output "logits" [N, K]; any N.

    Raises ModelError where the extra is absent or the network has something that ONNX does not.
    """
    if reason := missing_for_onnx():
        raise ModelError(reason)
    buffer = io.BytesIO()
    batch = torch.export.Dim("batch", min=1)
    noise = io.StringIO()  # the exporter reports every step
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model.eval(),
                (torch.zeros(2, *image_shape),),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: batch},),
                dynamo=True,
                verbose=False,
            )
            program.save(buffer)
    except Exception as error:  # whatever it stumbles over is in this network
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"this network cannot be written as ONNX ({cause[0][:120]}): take the weights instead"
        ) from error
    return buffer.getvalue()
