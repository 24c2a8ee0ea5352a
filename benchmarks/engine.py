"""One epoch by the engine against one by the loop that tutorials write: Dataset, DataLoader, ToTensor, Normalize.

    python -m benchmarks.engine

Same network, images, batch size, optimizer and thread count, taken in turns; medians and their ratio.
"""

import statistics
import time

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cvcore.config import TrainConfig
from cvcore.data import catalog
from cvcore.data.split import training_indices
from cvcore.data.stats import normalization
from cvcore.models import zoo
from cvcore.training.batches import Batches
from cvcore.training.loop import train_one_epoch
from cvcore.training.optim import make_optimizer

ROUNDS = 7
CASES = (("digits", "perceptron"), ("digits", "lenet5"), ("glyphs", "lenet5"))


class TutorialSet(Dataset):
    """Images one by one through torchvision's transforms."""

    def __init__(self, split, indices, mean, std):
        self.split, self.indices = split, indices
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, position):
        index = self.indices[position]
        return self.transform(self.split.images[index].transpose(1, 2, 0)), int(self.split.labels[index])


def tutorial_epoch(model, loader, optimizer) -> None:
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()


def seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(data: str, name: str) -> None:
    from cvcore.config import DataConfig

    dataset, config = catalog.open_dataset(data), TrainConfig()
    indices, _ = training_indices(dataset, DataConfig(name=data))
    mean, std = normalization(dataset, "dataset")
    ours_model, their_model = (zoo.build(name, dataset.image_shape, len(dataset.classes)) for _ in range(2))
    batches = Batches(
        dataset.train, indices, config.batch_size, mean, std, torch.device("cpu"), torch.Generator().manual_seed(0)
    )
    loader = DataLoader(TutorialSet(dataset.train, indices, mean, std), batch_size=config.batch_size, shuffle=True)
    ours_optimizer = make_optimizer(ours_model.parameters(), config)
    their_optimizer = torch.optim.Adam(their_model.parameters(), lr=config.lr)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: train_one_epoch(ours_model, batches, ours_optimizer)))
        theirs.append(seconds(lambda: tutorial_epoch(their_model, loader, their_optimizer)))
    ours_median, their_median = statistics.median(ours), statistics.median(theirs)
    print(
        f"{name} on {data}: engine {ours_median:.3f} s, tutorial loop {their_median:.3f} s, "
        f"{their_median / ours_median:.1f} times as fast"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in CASES:
        compare(*case)
