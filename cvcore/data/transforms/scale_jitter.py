"""The VGG paper's scale jittering, as a transform of one's own. Its text is part of the code that people paste."""

import torch
from torchvision.transforms import v2


class ScaleJitter(v2.Transform):
    """Scales the shorter side to S pixels, S drawn uniformly from low to high."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.low, self.high = low, high

    def make_params(self, flat_inputs: list) -> dict:
        return {"side": int(torch.randint(self.low, self.high + 1, ()))}

    def transform(self, inpt, params: dict):
        return v2.functional.resize(inpt, [params["side"]])
