"""Grouped convolutions: which input channels reach which output channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from cvcore.analysis.inside.activations import Step


@dataclass(frozen=True)
class Grouped:
    """A convolution whose channels are split into `groups` that do not see each other.

    `kernel` is (height, width); with as many groups as channels it is called depthwise.
    """

    name: str
    groups: int
    inputs: int
    outputs: int
    kernel: tuple[int, int]

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.inputs

    @property
    def weights(self) -> int:
        """How many weights it has: each output channel reads the inputs of its group only."""
        return self.outputs * (self.inputs // self.groups) * self.kernel[0] * self.kernel[1]

    @property
    def weights_ungrouped(self) -> int:
        """How many weights the same convolution would have without groups."""
        return self.weights * self.groups

    def group_of(self, output: int) -> int:
        """The group, from 0, that the output channel belongs to."""
        return output // (self.outputs // self.groups)

    def inputs_of(self, output: int) -> range:
        """The input channels that reach the output channel."""
        width = self.inputs // self.groups
        return range(self.group_of(output) * width, (self.group_of(output) + 1) * width)

    def outputs_of_group(self, group: int) -> range:
        """The output channels of a group."""
        width = self.outputs // self.groups
        return range(group * width, (group + 1) * width)


def grouped_layers(model: nn.Module, steps: tuple[Step, ...]) -> tuple[Grouped, ...]:
    """Every 2-d convolution with more than one group, in running order, once each."""
    names = dict.fromkeys(step.name for step in steps)
    layers = ((name, model.get_submodule(name)) for name in names)
    return tuple(
        Grouped(name, layer.groups, layer.in_channels, layer.out_channels, tuple(layer.kernel_size))
        for name, layer in layers
        if isinstance(layer, nn.Conv2d) and layer.groups > 1
    )


def reach(layer: Grouped) -> np.ndarray:
    """bool [outputs, inputs]: whether the input channel reaches the output channel. Block-diagonal."""
    inputs = np.arange(layer.inputs) // (layer.inputs // layer.groups)
    outputs = np.arange(layer.outputs) // (layer.outputs // layer.groups)
    return outputs[:, None] == inputs[None, :]
