"""What outputs of a network really see: where its Jacobian is not zero, in float64."""

import torch
from torch import nn

from cvcore.analysis.receptive_field import Field, fields_of_module


def one(network: nn.Module, image=(1, 32, 32)) -> Field:
    """The field of the last leaf of a network."""
    return fields_of_module("typed", network, image).layers[-1]


def seen(net: nn.Module, image=(1, 12, 12)) -> torch.Tensor:
    """Which pixels each value of the map depends on, by its gradient: bool [rows, columns, H, W]. Random weights and a
    random mixture of the channels, in float64, so that nothing cancels."""
    torch.manual_seed(0)
    net = net.double().eval()
    x = torch.rand(1, *image, dtype=torch.float64)

    def mixed(x):
        y = net(x)[0]
        return (y * torch.linspace(1, 2, len(y), dtype=torch.float64).view(-1, 1, 1)).sum(0)

    return (torch.autograd.functional.jacobian(mixed, x)[:, :, 0].abs() > 1e-12).any(dim=2)


def extents(mask: torch.Tensor, dim: int) -> list[tuple[int, int, int]]:
    """(place of the output, first, last) of the rows (dim 0) or columns (1) that any of the outputs there sees."""
    lines = mask.transpose(0, dim).transpose(2, 2 + dim).any(dim=3).any(dim=1)
    return [(place, int(line.nonzero()[0]), int(line.nonzero()[-1])) for place, line in enumerate(lines) if line.any()]


def assert_holds(layer: Field, mask: torch.Tensor, slack: int = 0) -> None:
    """Every output sees pixels inside its box only, and the largest box is not larger than it must be."""
    assert layer.output == tuple(mask.shape[:2])
    for dim in (0, 1):
        found = extents(mask, dim)
        for place, first, last in found:
            box = layer.box(place, place)
            assert box[dim] <= first and last < box[2 + dim], (dim, place, first, last, box)
        widest = max(last - first + 1 for _, first, last in found)
        assert widest <= layer.size[dim] <= widest + slack, (dim, widest, layer.size)
