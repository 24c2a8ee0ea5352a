"""A run as a value: frozen, validated configs with one canonical JSON form and one fingerprint.

Imports neither torch nor the data: whether names exist and whether a network fits an image is asked in
`cvcore.training.check`, which knows both.
"""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cvcore.errors import ConfigError

SCHEMA_VERSION = 2  # 2: each class draws its held-out images by itself

MAX_NETWORK = 20_000  # characters of a typed network
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"
LONGEST_NAME = 80
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
RUN_ID_PATTERN = r"^[a-z0-9][a-z0-9.-]{0,180}-[0-9a-f]{12}$"
RunId = Annotated[str, Field(pattern=RUN_ID_PATTERN)]
PositiveRate = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


def _name_or_text(network: str) -> str:
    """`network`, where it is a name of the zoo or may be the text of a network; whether it is one asks the parser."""
    if re.search("[\ud800-\udfff]", network):  # half a character: nothing could store it
        raise ValueError("model: given a text that is no Unicode, type it anew")
    is_name = len(network) <= LONGEST_NAME and re.fullmatch(NAME_PATTERN, network)
    if is_name or ("(" in network and len(network) <= MAX_NETWORK):
        return network
    if "(" in network:
        raise ValueError(f"model: given a text of {len(network):,} characters, a network has at most {MAX_NETWORK:,}")
    raise ValueError(
        f"model: given {_quoted(network)}, it should be a name: letters, digits and - _ . :, or nn.Sequential(...)"
    )


def network_label(network: str) -> str:
    """What a network is called where its text is too long: its name, or "typed-" and six digits drawn from its text.

    >>> network_label("lenet5"), network_label("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))")
    ('lenet5', 'typed-2cc971')
    """
    return f"typed-{hashlib.sha256(network.encode()).hexdigest()[:6]}" if "(" in network else network


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Frozen):
    """Which images, which of them, and how a network receives them."""

    name: Name = Field(description="data set, by its name in the catalog")
    fingerprint: str = Field("", description="sha256 of the decoded images; filled in when the config meets the data")
    size: int = Field(
        0, ge=0, le=1024, description="side in pixels that images are brought to; 0 = their own, photographs 64"
    )
    fit: str = Field(
        "crop",
        pattern=r"^(crop|crop-[1-9]\d{0,3}|stretch)$",
        description="how they get there · crop: shorter side scaled, middle kept · crop-256, or any number: shorter "
        "side scaled to so many pixels, then the middle of the size kept · stretch: shape distorted",
    )
    val_fraction: float = Field(0.1, gt=0, lt=1, description="share of the training images held out for validation")
    split_seed: int = Field(0, ge=0, lt=2**31, description="seed that chooses the held-out and the few images")
    per_class: int = Field(0, ge=0, description="train on so many images of each class; 0 = all")
    normalize: Literal["dataset", "half", "none", "imagenet"] = Field(
        "dataset",
        description="dataset: mean 0 and std 1 over the training images · half: -1..1 · none: 0..1 · imagenet: as "
        "networks that were trained on ImageNet want it",
    )

    @model_validator(mode="after")
    def _a_crop_is_within(self) -> "DataConfig":
        _, _, scaled = self.fit.partition("-")
        if scaled and not 0 < self.size <= int(scaled):
            size = f"the size {self.size}" if self.size else "no size"
            raise ValueError(f"fit: given {self.fit} with {size}; it needs a size of 1 to {scaled} pixels")
        return self


class ModelConfig(_Frozen):
    """Which network."""

    name: Annotated[str, AfterValidator(_name_or_text)] = Field(
        description="network, by its name in the zoo, or the whole text of one, nn.Sequential(...)"
    )

    @property
    def label(self) -> str:
        """The name, or what stands for a text."""
        return network_label(self.name)


def _split(given: Any) -> Any:
    """A list of values where it may come as one text, "flip, shift", from a command line or an address."""
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return given


def _each_once(values: tuple) -> tuple:
    """`values` sorted, since their order means nothing, and with each there once."""
    return tuple(sorted(set(values)))


Optimizer = Literal["adam", "adamw", "sgd", "rmsprop"]
Schedule = Literal["constant", "step", "multistep", "cosine", "onecycle", "plateau"]
Augmentation = Literal["erase", "flip", "jitter", "rotate", "shift", "zoom"]
# What the loops of tutorials get wrong, to be shown on purpose; see cvcore.training.faults
Fault = Literal[
    "batch-mean",
    "batch-sum",
    "eval-for-ever",
    "grads-never-zeroed",
    "grads-zeroed-each-epoch",
    "saves-last",
    "schedule-not-stepped",
    "sorted-by-class",
    "train-as-test",
    "unshuffled",
]


class TrainConfig(_Frozen):
    """How the network is trained."""

    optimizer: Optimizer = Field("adam", description="rule that turns gradients into steps")
    lr: PositiveRate = Field(0.002, description="learning rate at the start; of onecycle: the highest")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step that sgd and rmsprop keep")
    nesterov: bool = Field(False, description="sgd looks ahead: the gradient where momentum leads to")
    weight_decay: float = Field(0.0, ge=0, le=1, description="pull of the weights towards zero")
    schedule: Schedule = Field(
        "constant",
        description="how the learning rate changes · step: times gamma every step_size epochs · multistep: times gamma "
        "after the epochs in milestones · cosine: to 0 · onecycle: up, then down to almost 0 · plateau: times gamma "
        "where the validation loss has not fallen for plateau_patience epochs",
    )
    step_size: int = Field(0, ge=0, le=100_000, description="epochs between two drops of the step schedule")
    milestones: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100_000)], ...], BeforeValidator(_split), AfterValidator(_each_once)
    ] = Field((), max_length=100, description="epochs after which the multistep schedule drops, such as 30,60")
    gamma: float = Field(0.1, gt=0, le=1, description="factor of one drop of a schedule that drops")
    plateau_patience: int = Field(0, ge=0, le=100_000, description="epochs without a better validation loss to a drop")
    warmup: int = Field(0, ge=0, le=100_000, description="epochs in which the learning rate rises from almost 0")
    batch_size: int = Field(64, ge=1, le=65_536, description="images for one optimizer step")
    epochs: int = Field(10, ge=1, le=100_000, description="passes over the training images")
    patience: int = Field(
        0, ge=0, le=100_000, description="stop early after so many epochs without a better one; 0 = never"
    )
    loss: Literal["auto", "cross_entropy", "nll"] = Field(
        "auto", description="auto: nll where the network gives log-probabilities, else cross-entropy of its logits"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of the target that is spread over all classes, in training"
    )
    augment: Annotated[tuple[Augmentation, ...], BeforeValidator(_split), AfterValidator(_each_once)] = Field(
        (), description="random changes, drawn anew for every image: erase, flip, jitter, rotate, shift, zoom"
    )
    clip: float = Field(
        0.0, ge=0, le=1e6, allow_inf_nan=False, description="longest gradient, over all weights; 0 = any"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="type of the numbers that layers compute with; the 16-bit ones save time on a GPU"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="decides first weights, order of images, augmentation and dropout")
    selection: Literal["validation", "test", "last"] = Field(
        "validation",
        description="what chooses the best epoch · test: the test set, as the tutorials do: nothing is held out, "
        "and the reported accuracy is optimistic · last: the last epoch is kept",
    )
    faults: Annotated[tuple[Fault, ...], BeforeValidator(_split), AfterValidator(_each_once)] = Field(
        (), description="mistakes made on purpose, to see what they cost: see the recipes"
    )

    @model_validator(mode="after")
    def _values_fit_together(self) -> "TrainConfig":
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(
                f"momentum: given {self.momentum} with {self.optimizer}, only sgd and rmsprop take it; use one or 0"
            )
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError("nesterov: it changes the momentum of sgd: choose sgd and a momentum above 0, or leave it")
        self._check_schedule()
        if self.label_smoothing and self.loss == "nll":
            raise ValueError("label_smoothing: cross-entropy takes it, nll does not; choose loss auto or 0")
        if self.patience and self.selection == "last":
            raise ValueError("patience: with selection last no epoch is better than another; choose validation or 0")
        return self

    def _check_schedule(self) -> None:
        """Raises ValueError unless just the settings of the schedule are there."""
        schedule = self.schedule
        if schedule == "step" and self.step_size == 0:
            raise ValueError("step_size: given 0, the step schedule needs epochs between two drops, 1 or more")
        if schedule == "multistep" and not self.milestones:
            raise ValueError("milestones: given none, the multistep schedule needs epochs to drop after, such as 30,60")
        owners = {"step_size": ("step",), "milestones": ("multistep",), "plateau_patience": ("plateau",)}
        owners["gamma"] = ("step", "multistep", "plateau")
        for name, schedules in owners.items():
            if schedule not in schedules and getattr(self, name) != type(self).model_fields[name].default:
                wanted = " or ".join(schedules)
                raise ValueError(f"{name}: it belongs to the schedule {wanted}; the schedule is {schedule!r}")
        if self.warmup and self.warmup >= self.epochs:
            raise ValueError(f"warmup: given {self.warmup} of {self.epochs} epochs; it must end before the last epoch")
        if self.warmup and schedule == "onecycle":
            raise ValueError("warmup: onecycle begins with one of its own; choose another schedule or 0")


Strategy = Literal["features", "frozen", "finetune", "discriminative", "warmup-finetune", "gradual", "deepen"]
STRATEGIES_WITH = {  # settings of a transfer that only some strategies have
    "factor": ("discriminative", "warmup-finetune", "gradual"),
    "unfreeze": ("warmup-finetune", "gradual"),
    "statistics": ("frozen",),
    "head": ("features", "frozen", "finetune", "discriminative", "warmup-finetune", "gradual"),
}
Head = Literal["replace", "linear", "mlp", "append", "append-softmax"]
# a run's id, torchvision's name for weights that it publishes, or the digest of a file that somebody brought
SOURCE_PATTERN = rf"{RUN_ID_PATTERN}|^torchvision:[A-Za-z0-9_]+\.[A-Za-z0-9_]+$|^file:[0-9a-f]{{12}}$"


class TransferConfig(_Frozen):
    """Start from weights that were learnt before, with a new head. (From scratch is a run without this.)"""

    source: Annotated[str, Field(pattern=SOURCE_PATTERN, description="where the weights come from")]
    strategy: Strategy = Field(
        description="features: the backbone runs once, a new head learns from what it gave · frozen: it runs in every "
        "epoch, but only the head learns · finetune: everything learns · discriminative: the backbone more slowly, by "
        "factor · warmup-finetune: the head alone for unfreeze epochs, then everything, slower by factor · gradual: "
        "every unfreeze epochs one more block from the top learns, slower by factor · deepen: the source is of a "
        "shallower network, whose first four convolutions and Linear layers are taken; everything learns"
    )
    head: Head = Field(
        "replace",
        description="replace: the last layer is new · linear: one new layer in place of all behind the convolutions · "
        "mlp: two new layers with a ReLU in place of the last · append: a new layer behind the old head · "
        "append-softmax: and a softmax behind that, which is a mistake that was published",
    )
    factor: float = Field(0.1, gt=0, le=1, description="share of the learning rate that reused layers get")
    unfreeze: int = Field(1, ge=1, le=100_000, description="epochs before (more of) the backbone learns")
    statistics: Literal["frozen", "moving"] = Field(
        "frozen", description="BatchNorm statistics of a backbone that does not learn · moving: a mistake, on purpose"
    )

    @model_validator(mode="after")
    def _values_fit_together(self) -> "TransferConfig":
        for name, strategies in STRATEGIES_WITH.items():
            default = type(self).model_fields[name].default
            if self.strategy not in strategies and getattr(self, name) != default:
                raise ValueError(f"{name}: it belongs to {' or '.join(strategies)}; the strategy is {self.strategy!r}")
        return self


class RunConfig(_Frozen):
    """Everything that decides what a run computes; machine and speed are not in it."""

    data: DataConfig
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    transfer: TransferConfig | None = None

    def canonical(self) -> str:
        """The one JSON text of this config: all fields, sorted keys, no spaces."""
        return _compact(self.model_dump(mode="json"))

    def fingerprint(self) -> str:
        """sha256 (hex) of the schema version and every value that is not the default.

        Defaults are left out so that a field added later does not rename the runs of today. Whoever changes the
        value of a default raises SCHEMA_VERSION, since old runs would otherwise answer for new ones.
        """
        told = {"schema": SCHEMA_VERSION, **self.model_dump(mode="json", exclude_defaults=True)}
        return hashlib.sha256(_compact(told).encode()).hexdigest()

    def with_data(self, fingerprint: str) -> "RunConfig":
        """This config bound to the images of that fingerprint."""
        return self.model_copy(update={"data": self.data.model_copy(update={"fingerprint": fingerprint})})

    def run_id(self) -> str:
        """Name of the run's folder: data, network and 12 digits of the fingerprint; the same config, the same name."""
        slug = f"{self.data.name}-{self.model.label}".lower().replace(":", "-").replace("_", "-")
        return f"{slug}-{self.fingerprint()[:12]}"


def _compact(value: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def parse_config(values: dict[str, Any]) -> RunConfig:
    """The RunConfig that `values` (nested dicts, as in JSON) describe.

    Raises ConfigError with one line that quotes the first bad value and says what is allowed.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from error


def _quoted(value: Any) -> str:
    """A bad value as it stands in a message, its end left out where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _one_line(error: ValidationError) -> str:
    """The first problem of a pydantic error as `field: given X, what is allowed`."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return message
    # "data.name" and "model.name" are called data and model wherever people meet them
    named = [part for part in first["loc"] if isinstance(part, str)]  # the others are places in a list
    field = named[-1] if named[-1] != "name" else named[0]
    if first["type"] == "extra_forbidden":
        return f"unknown setting {field!r}: see RunConfig for the known ones"
    if first["type"] == "missing":
        return f"{field}: missing, a run needs it"
    if first["type"].startswith("string_"):
        kinds = {"source": "a run's id, see `runs`", "fit": "crop, stretch, or crop-256 with any other number"}
        kind = kinds.get(field, "a name: letters, digits and - _ . :")
        return f"{field}: given {_quoted(first['input'])}, it should be {kind}"
    allowed = (message[0].lower() + message[1:]).replace("input should", "it should")
    return f"{field}: given {first['input']!r}, {allowed}"
