"""How much memory a network takes for its activations, its weights and its training, with the formulas written out.

Everything is float32, 4 bytes a value, and MB are 10⁶ bytes. Three numbers answer three questions.

Forward: the image and what every layer makes of it, all kept. This is the arithmetic of the VGG notes: the outputs of
convolutions, poolings and linear layers, summed. What works in place (most ReLUs), and what only looks at the same
values in another shape (flatten, dropout that is off), adds nothing. A prediction needs less, because each value can
go as soon as nobody reads it any more; attention is counted step by step, where fused kernels keep less.

Forward + backward: twice that, one gradient for each value. Training needs less than that at any one moment: gradients
and values go while the backward pass walks back.

Kept for backward: what PyTorch itself holds between the forward and the backward pass, told by its own bookkeeping
(`torch.autograd.graph.saved_tensors_hooks`). It is not the forward sum: a max pooling also keeps where its maxima were
(8 bytes a place), ReLU6 keeps what came in, layers before the first trainable parameter keep nothing.

Weights, their gradients and the optimizer's state do not depend on the batch and stand in a line of their own.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import nn

BYTES = 4  # of a float32
# numbers that an optimizer keeps for each trainable parameter
STATES = {"sgd": 0, "momentum": 1, "adam": 2}
STATE_NAMES = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam, AdamW"}


@dataclass(frozen=True)
class Memory:
    """Bytes for one image, and of what does not depend on the number of images."""

    input_bytes: int
    activation_bytes: int
    saved_bytes: int
    weight_bytes: int
    gradient_bytes: int

    @property
    def forward_bytes(self) -> int:
        """The image, and what every layer makes of it."""
        return self.input_bytes + self.activation_bytes

    @property
    def forward_backward_bytes(self) -> int:
        """The same with a gradient for each value."""
        return 2 * self.forward_bytes

    def state_bytes(self, optimizer: str) -> int:
        """What an optimizer, one of STATES, keeps of each trainable parameter."""
        return STATES[optimizer] * self.gradient_bytes

    def forward_formula(self, batch: int = 1) -> str:
        """The formula of `forward_bytes` with the numbers put in: "4 bytes × (150,528 + 15,112,168) = 61.1 MB"."""
        values = f"({self.input_bytes // BYTES:,} + {self.activation_bytes // BYTES:,})"
        return f"{_images(batch)}{BYTES} bytes × {values} = {megabytes(batch * self.forward_bytes)}"

    def forward_backward_formula(self, batch: int = 1) -> str:
        """The formula of `forward_backward_bytes` with the numbers put in."""
        total = batch * self.forward_bytes
        return f"2 × {megabytes(total)} = {megabytes(2 * total)}"

    def parameter_formula(self, optimizer: str) -> str:
        """Weights + gradients + the optimizer's state, with the numbers put in."""
        parts = [self.weight_bytes, self.gradient_bytes, self.state_bytes(optimizer)]
        return f"{' + '.join(map(megabytes, parts))} = {megabytes(sum(parts))}"

    def to_json(self) -> dict:
        """All numbers in bytes, ready for `json.dumps`."""
        return {
            **asdict(self),
            "forward_bytes": self.forward_bytes,
            "forward_backward_bytes": self.forward_backward_bytes,
            "optimizer_bytes": {name: self.state_bytes(name) for name in STATES},
            "forward_formula": self.forward_formula(),
            "forward_backward_formula": self.forward_backward_formula(),
        }


def megabytes(count: float) -> str:
    """Bytes as "60.7 MB", three significant digits, MB of 10⁶ bytes; kB and GB where those read better.

    >>> megabytes(61_050_784), megabytes(3_136), megabytes(1_234_000_000), megabytes(0)
    ('61.1 MB', '3.14 kB', '1.23 GB', '0 bytes')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size * 0.9995:
            scaled = count / size
            return f"{scaled:.{max(0, 3 - len(str(int(scaled + 1e-9))))}f} {unit}"
    return f"{count:.0f} bytes"


def of(model: nn.Module, images: torch.Tensor, activation_bytes: Iterable[int]) -> Memory:
    """The memory of `model`, on the meta device and in evaluation mode, with the rows' activations."""
    parameters = list(model.parameters())
    return Memory(
        input_bytes=images[0].numel() * BYTES,
        activation_bytes=sum(activation_bytes),
        saved_bytes=saved_for_backward(model, images),
        weight_bytes=BYTES * sum(p.numel() for p in parameters),
        gradient_bytes=BYTES * sum(p.numel() for p in parameters if p.requires_grad),
    )


def saved_for_backward(model: nn.Module, images: torch.Tensor) -> int:
    """Bytes that autograd holds after a forward pass on `images`, each storage once, without weights and buffers."""
    known = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
    held: dict[int, torch.UntypedStorage] = {}  # storages stay alive, so that no two of them share an address

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            held[storage._cdata] = storage
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, _unpack):
        output = model(images)  # noqa: F841  # alive until everything is counted
    return sum(storage.nbytes() for storage in held.values())


def _unpack(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _images(batch: int) -> str:
    return "" if batch == 1 else f"{batch:,} images × "
