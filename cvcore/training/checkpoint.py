"""Reading what torch.save wrote: tensors and plain values only."""

from pathlib import Path
from typing import Any

import torch

from cvcore.errors import RunError


def load_weights(path: Path) -> Any:
    """What torch.save wrote to `path`, tensors and plain values only. Raises RunError if it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path.name} of {path.parent.name} is missing: train that run again with --fresh") from error
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise RunError(f"{path.name} of {path.parent.name} is damaged: train that run again with --fresh") from error
