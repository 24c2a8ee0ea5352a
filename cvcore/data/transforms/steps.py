"""Steps with their values, and pipelines: steps one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass

from cvcore.data.transforms.kinds import IMAGENET_MEAN, IMAGENET_STD, KINDS, Kind, Value
from cvcore.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class Step:
    """One step with all its parameters, checked and complete: what is not given has its default.

    `params` may be given as a mapping and are kept as (name, value) pairs, so that a step can be hashed and compared.
    Raises ConfigError for an unknown step or parameter, or a value out of range.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ConfigError(unknown_name("step", self.name, KINDS))
        given = dict(self.params.items() if isinstance(self.params, Mapping) else self.params)
        known = {param.name: param for param in self.kind.params}
        for name in given:
            if name not in known:
                raise ConfigError(unknown_name(f"parameter of {self.name}", name, known))
        complete = []
        for param in self.kind.params:
            try:
                complete.append((param.name, param.checked(given.get(param.name, param.default))))
            except ValueError as error:
                raise ConfigError(f"{self.name} {param.name}: {error}") from error
        object.__setattr__(self, "params", tuple(complete))

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def values(self) -> dict[str, Value]:
        """Value of every parameter, by name."""
        return dict(self.params)

    @property
    def is_random(self) -> bool:
        """Whether the step draws anew for every image."""
        return self.kind.random and not self.kind.still(self.values)

    def having(self, **changed: Value) -> "Step":
        """This step with other values. Raises ConfigError as Step does."""
        return Step(self.name, {**self.values, **changed})


Pipeline = tuple[Step, ...]


def is_random(pipeline: Pipeline) -> bool:
    """Whether the same image can come out differently the next time."""
    return any(step.is_random for step in pipeline)


def inserted(pipeline: Pipeline, step: Step) -> Pipeline:
    """The pipeline with `step` where it belongs: Normalize last, ToTensor before it, all others while the image is
    still one picture."""
    names = [each.name for each in pipeline]
    if step.name == "Normalize":
        return (*pipeline, step)
    barriers = {"Normalize"} if step.name == "ToTensor" else {"FiveCrop", "TenCrop", "ToTensor", "Normalize"}
    at = next((index for index, name in enumerate(names) if name in barriers), len(names))
    return (*pipeline[:at], step, *pipeline[at:])


def both_sides(size: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of a crop's size, which may name only one side of a square."""
    return (size[0], size[-1])


def summary(step: Step) -> str:
    """The values that matter, in a few words.

    >>> summary(Step("Resize")), summary(Step("RandomCrop", {"size": 32, "padding": 4}))
    ('shorter side 256 px', '32×32 px, padding 4 px')
    """
    values = step.values
    match step.name:
        case "Resize" if len(values["size"]) == 1:
            return f"shorter side {values['size'][0]} px"
        case "ScaleJitter":
            return "shorter side {}–{} px".format(*values["size_range"])
        case "RandomHorizontalFlip":
            return f"p {values['p']:g}"
        case "RandomRotation":
            return f"±{values['degrees']:g}°"
        case "ColorJitter":
            return ", ".join(f"{name} {value:g}" for name, value in values.items() if value) or "nothing"
        case "RandAugment":
            return f"{values['num_ops']} operations, magnitude {values['magnitude']}"
        case "Grayscale":
            return f"{values['num_output_channels']} channel" + "s" * (values["num_output_channels"] > 1)
        case "ToTensor":
            return "float32, 0..1"
        case "Normalize":
            if (values["mean"], values["std"]) == (IMAGENET_MEAN, IMAGENET_STD):
                return "ImageNet"
            mean, std = (", ".join(f"{value:.3g}" for value in values[name]) for name in ("mean", "std"))
            return f"mean {mean}; std {std}"
    sides = "×".join(map(str, both_sides(values["size"])))
    return f"{sides} px" + (f", padding {values['padding']} px" if values.get("padding") else "")
