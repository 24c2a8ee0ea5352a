"""What the loops of tutorials get wrong, in words: what each mistake does, why it matters, and how to mend it.

`TrainConfig.faults` makes these mistakes on purpose, so that a run beside a correct one shows what they cost. This is
text only; the trainer knows what to do with the names.
"""

from dataclasses import dataclass
from typing import get_args

from cvcore.config import Fault
from cvcore.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class FaultText:
    """A mistake: its name in the config, a title, what is wrong, why that matters, and how code with it is mended."""

    name: str
    title: str
    wrong: str
    matters: str
    fix: str


# In the order in which a loop meets them: images, mode, gradients, learning rate, numbers, what is kept
_TEXTS = (
    FaultText(
        "unshuffled",
        "No shuffling",
        "The images come in the same order in every epoch, the one in which they are stored.",
        "Harmless where that order is random, as in MNIST; where classes are stored one after the other, the network "
        "forgets one while it learns the next.",
        "shuffle=True in the DataLoader of the training images",
    ),
    FaultText(
        "sorted-by-class",
        "Class after class",
        "All images of one class come first, then all of the next, in every epoch: a folder read without shuffling.",
        "Each step follows the class of the moment, and an epoch ends with a network that favours the last one.",
        "shuffle=True in the DataLoader of the training images",
    ),
    FaultText(
        "train-as-test",
        "Training images as test images",
        "Accuracy is measured on the images that were trained on.",
        "It rises with every epoch, also where the network only learns them by heart, and says nothing of new images.",
        "build the test loader on the test set",
    ),
    FaultText(
        "eval-for-ever",
        "eval() for ever",
        "eval() is called after the first epoch, and train() never again.",
        "From the second epoch on Dropout drops nothing, and BatchNorm normalises with the averages of the first. "
        "Harmless without such layers.",
        "model.train() at the start of every epoch",
    ),
    FaultText(
        "grads-never-zeroed",
        "Gradients never zeroed",
        "The gradient of every batch is added to those of all before it.",
        "Each step follows all batches since the start, most of which a younger network has seen: as with a momentum "
        "that nothing slows down, the weights overshoot.",
        "optimizer.zero_grad() before every loss.backward()",
    ),
    FaultText(
        "grads-zeroed-each-epoch",
        "Gradients zeroed once an epoch",
        "The gradients of an epoch pile up: batch 100 makes a step with the sum of 100 gradients.",
        "Steps grow with every batch, or, where the optimizer scales them, follow batches long past.",
        "optimizer.zero_grad() before every loss.backward()",
    ),
    FaultText(
        "schedule-not-stepped",
        "A schedule that is never stepped",
        "The schedule is made, but its step() is never called.",
        "The learning rate stays as it was at the start: the late, fine steps that a schedule is there for never come.",
        "scheduler.step() after every epoch (after every batch for onecycle)",
    ),
    FaultText(
        "batch-mean",
        "Mean of batch means",
        "Loss and accuracy of an epoch are means over batches, a short last batch counting as much as a full one.",
        "The images of the short batch count several times. Harmless where all batches have one size.",
        "add up the correct answers, and divide by the number of images",
    ),
    FaultText(
        "batch-sum",
        "Sum of means over images",
        "The mean losses of the batches are summed and divided by the number of images.",
        "The loss that is shown is as many times too small as a batch has images; what is learnt is the same.",
        "multiply each batch's mean loss with its number of images before it is added up",
    ),
    FaultText(
        "saves-last",
        "The last model is saved",
        "The best weights are copied, but those of the last epoch are saved.",
        "The accuracy that is reported is not that of the network that is kept.",
        "load the copy into the model before torch.save, or save the copy",
    ),
)
FAULTS: dict[str, FaultText] = {each.name: each for each in _TEXTS}


def fault(name: str) -> FaultText:
    """What is to be said of a fault. Raises ConfigError if there is none of that name."""
    if name not in FAULTS:
        raise ConfigError(unknown_name("fault", name, list(get_args(Fault))))
    return FAULTS[name]
