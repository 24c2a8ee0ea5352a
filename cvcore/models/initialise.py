"""How the weights of our larger networks start."""

from torch import nn


def he_normal(model: nn.Module, mode: str = "fan_out", linear_std: float | None = None) -> None:
    """Draws the weights of all convolutions from N(0, 2/fan), so that signals keep their size through layers with ReLU.

    `mode` "fan_out" counts the values that one value reaches and keeps gradients in size, "fan_in" those that reach
    one value and keeps the signal. Biases start at 0. With `linear_std`, linear layers start from N(0, linear_std²)
    instead of PyTorch's own range. BatchNorm is left as PyTorch makes it: scale 1, shift 0.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, section 2.2.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, std=linear_std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
