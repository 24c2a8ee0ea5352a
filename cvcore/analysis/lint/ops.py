"""The parts of a trace: an operation, why a forward pass ended early, and the whole."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn

BATCH = 5  # images in the pass: a number that no other axis has by custom, so that the batch axis can be told
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MERGING = {"flatten", "view", "reshape", "ravel"}


@dataclass(eq=False)
class Op:
    """One operation. `kind` is its name in lower case without underscores and dimensions, the same for a layer and its
    function: "relu", "maxpool", "logsoftmax". `where` is the path of the layer, or of the module that called the
    function. `inputs` are the operations whose results it took, `users` those that took its own."""

    kind: str
    where: str
    shape: tuple[int, ...] = ()
    module: nn.Module | None = None
    arguments: tuple = ()
    options: dict = field(default_factory=dict)
    inputs: tuple["Op", ...] = ()
    users: list["Op"] = field(default_factory=list)

    @property
    def source(self) -> "Op | None":
        """The operation before it, None where there is not exactly one."""
        return self.inputs[0] if len(self.inputs) == 1 else None

    @property
    def arrived(self) -> tuple[int, ...]:
        """Shape of the first tensor that it took, with the batch."""
        return self.inputs[0].shape if self.inputs else ()

    @property
    def is_conv(self) -> bool:
        return isinstance(self.module, CONVOLUTIONS)

    @property
    def is_linear(self) -> bool:
        return isinstance(self.module, nn.Linear)

    @property
    def is_transposed(self) -> bool:
        return isinstance(self.module, TRANSPOSED)

    @property
    def is_weighted(self) -> bool:
        """Whether it is a convolution, transposed or not, or a fully connected layer."""
        return self.is_conv or self.is_transposed or self.is_linear

    @property
    def merges_batch(self) -> bool:
        """Whether it joins the axis of the images with others, as nn.Flatten(0) and x.view(-1) do."""
        fewer = 0 < len(self.shape) < len(self.arrived)
        return self.kind in MERGING and fewer and self.arrived[0] == BATCH != self.shape[0]

    def setting(self, name: str, place: int, default: Any) -> Any:
        """What a layer or a function was given as `name`, which is argument number `place` of the function."""
        if self.module is not None:
            return getattr(self.module, name, default)
        return self.options.get(name, self.arguments[place] if len(self.arguments) > place else default)


@dataclass(frozen=True)
class Failure:
    """Why the forward pass ended early: at which module, in which words, and one line that would mend it.

    `unfit` says that the shapes are at fault, and not that the meta device has no numbers to decide by.
    """

    where: str
    cause: str
    fix: str
    unfit: bool


@dataclass(frozen=True)
class Trace:
    """All operations in the order they ran, the one that made the output (None where the pass failed or the output is
    not one tensor), and the trainable parameters, by name, that the output does not depend on."""

    ops: tuple[Op, ...]
    output: Op | None
    output_type: str
    idle: dict[str, nn.Parameter]
    failure: Failure | None = None


def merged_failure(op: Op) -> Failure:
    """The failure of a network that mixes the images of a batch, which is the fault of `op`."""
    mended = "nn.Flatten() without start_dim=0" if op.module is not None else "flatten from dim 1 on: x.flatten(1)"
    name = type(op.module).__name__ if op.module is not None else op.kind
    place = f"layer {op.where}: " if op.where else ""
    return Failure(op.where, f"{place}{name} mixes the images of a batch, as dimension 0 is the batch", mended, True)
