"""Strategies side by side: the runs that compare them, on the same images, from the same weights, with one seed."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.config import STRATEGIES_WITH, RunConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import ConfigError, unknown_name
from cvcore.models import zoo
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.sources import FILE, THEIRS, learnt_by

if TYPE_CHECKING:
    from cvcore.transfer.published import Published

BUNDLED = ("glyphs", "shapes")  # sets that a bundled backbone has learnt
BACKBONE = "bn-cnn"  # the network of the bundled backbones
SCRATCH, MOVING, DEEPEN = "scratch", "frozen-moving", "deepen"
MOST_AT_ONCE = 20  # images of a batch, where there are only a few of each class


@dataclass(frozen=True)
class Way:
    """One way to reuse a network: its key, its name on the page, and what it means."""

    key: str
    title: str
    meaning: str


WAYS = (
    Way(SCRATCH, "From scratch", "Random first weights: the network knows nothing."),
    Way("features", "Cached features", "The backbone runs once over the images; a new head learns from what it gave."),
    Way("frozen", "Frozen", "The backbone stays as it came, and runs in every epoch; only a new head learns."),
    Way(MOVING, "Frozen, moving", "As Frozen, but BatchNorm's means and variances follow the new images."),
    Way("finetune", "Fine-tuned", "The learnt weights are the start; everything learns alike."),
    Way("discriminative", "Discriminative", "Everything learns, the backbone ten times more slowly than the head."),
    Way("warmup-finetune", "Warm-up", "The head learns alone first; then everything does, more slowly."),
    Way("gradual", "Gradual", "From the top down, one block after the other joins in."),
    Way(DEEPEN, "Deepened", "First and last layers are a shallower network's, the rest is random; all learn alike."),
)


def offered(deeper: bool) -> list[str]:
    """Keys of the strategies for a network that is `deeper` than the one that learnt, or the same."""
    return [SCRATCH, DEEPEN] if deeper else [each.key for each in WAYS if each.key != DEEPEN]


def way(key: str) -> Way:
    """Raises ConfigError where there is no such strategy."""
    found = next((each for each in WAYS if each.key == key), None)
    if found is None:
        raise ConfigError(unknown_name("strategy", key, [each.key for each in WAYS]))
    return found


@dataclass(frozen=True)
class Comparison:
    """What is compared: images, backbone and where its weights come from (none where `source` is empty), and how the
    runs train; `transfer` are settings of those strategies that take them. `deeper`: the weights are those of a
    shallower network than the backbone."""

    data: dict[str, Any]
    backbone: str
    source: str
    train: dict[str, Any] = field(default_factory=dict)
    transfer: dict[str, Any] = field(default_factory=dict)
    deeper: bool = False

    def config(self, key: str) -> RunConfig:
        """The run of one strategy. Raises ConfigError where it needs weights and there are none."""
        way(key)
        values: dict[str, Any] = {"data": self.data, "model": {"name": self.backbone}, "train": self.train}
        if key == SCRATCH:
            return parse_config(values)
        if not self.source:
            raise ConfigError(f"strategies: given {key}, which needs weights; give --weights, or scratch alone")
        strategy = "frozen" if key == MOVING else key
        taken = {name: self.transfer[name] for name in self.transfer if _has(strategy, name)}
        taken |= {"statistics": "moving"} if key == MOVING else {}
        return parse_config({**values, "transfer": {"source": self.source, "strategy": strategy, **taken}})

    def on(self, seed: int, **images: Any) -> "Comparison":
        """The same comparison with another seed, which draws other images too, and other settings of the `images`, such
        as `per_class` or `size`."""
        data = {**self.data, **images, "split_seed": seed}
        if "size" in images:
            data |= _cropped_alike(self.data, images["size"])
        counted = {**self.data, "per_class": data["per_class"]}  # how large the images are is all the same here
        usual = usual_training(counted, seed)
        batch = {name: usual[name] for name in ("batch_size",) if name in usual}
        return replace(self, data=data, train={**self.train, **batch, "seed": seed})


def _has(strategy: str, setting: str) -> bool:
    """Whether a setting of a transfer belongs to the strategy."""
    return strategy in STRATEGIES_WITH.get(setting, (strategy,))


def _cropped_alike(data: dict[str, Any], size: int) -> dict[str, str]:
    """The fit that cuts off the same share of images of another size: crop-256 of 224 is crop-128 of 112."""
    _, _, scaled = data.get("fit", "crop").partition("-")
    return {"fit": f"crop-{round(size * int(scaled) / data['size'])}"} if scaled else {}


def usual_data(name: str, per_class: int, seed: int, source: str, backbone: str) -> dict[str, Any]:
    """Settings of the images: for weights from torchvision, and for files of networks that it publishes some of, as
    these were tested, but that images are scaled bilinearly where a few weights are tested bicubically."""
    data = {"name": name, "per_class": per_class, "split_seed": seed}
    tested = _tested_as(source, backbone)
    if tested is None:
        return data
    fit = f"crop-{tested.resize}" if tested.resize > tested.crop else "crop"
    return {**data, "size": tested.crop, "fit": fit, "normalize": "imagenet"}


def _tested_as(source: str, backbone: str) -> "Published | None":
    """torchvision's weights that say how images are prepared for those of `source`."""
    if not source.startswith((THEIRS, FILE)):
        return None
    from cvcore.transfer import published

    if source.startswith(THEIRS):
        return published.find(source)
    return next(iter(published.published(backbone)), None)


def usual_training(data: dict[str, Any], seed: int) -> dict[str, Any]:
    """How the runs train where nobody says it: few images many times, the last epoch kept, since what is held out
    is too few to choose by; all images as any other run."""
    if not data["per_class"]:
        return {"seed": seed}
    classes = len(catalog.open_dataset(data["name"], data.get("size", 0), data.get("fit", "crop")).classes)
    return {
        "epochs": 80,
        "lr": 0.003,
        "seed": seed,
        "batch_size": min(MOST_AT_ONCE, data["per_class"] * classes),
        "selection": "last",
    }


def resolved(weights: str, backbone: str, store: RunStore) -> str:
    """The `source` that these words name: `glyphs` or `shapes`, `imagenet`, `none`, a file, torchvision's name of
    weights, or a run's id. Raises RunError, ModelError or ConfigError in one line where there is no such thing."""
    if weights == "none":
        return ""
    if weights in BUNDLED:
        return bundled(weights, store).run_id
    if weights == "imagenet":
        return _default(backbone)
    if weights.startswith((THEIRS, FILE)):
        return weights
    if Path(weights).suffix or Path(weights).exists():
        return brought(Path(weights))
    return store.find(weights).run_id


def bundled(data: str, store: RunStore) -> Run:
    """The run that ships with the app and has learnt `data`; else the newest like it. Raises ConfigError."""
    found = learnt_by(store, BACKBONE, data)
    if found is None:
        raise ConfigError(
            f"weights: given {data}, and no finished run of {BACKBONE} on {data} is there; "
            f"`python -m cvcore train --data {data} --model {BACKBONE}` makes one"
        )
    return found


def _default(backbone: str) -> str:
    from cvcore.transfer.published import published

    found = published(zoo.find(backbone).name)
    if not found:
        raise ConfigError(f"weights: given imagenet, but torchvision has none for {backbone}; choose other weights")
    return found[0].key


def brought(file: Path) -> str:
    """The key of a file's weights, which are checked and kept. Raises ModelError where they are not sound."""
    from cvcore.transfer import weight_files

    return weight_files.keep(weight_files.read(file, file.name), file.name)
