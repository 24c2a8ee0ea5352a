"""Damage as a value: what goes wrong in a copy of a data set and how much of it, in numbers, in words and as a name."""

import hashlib
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cvcore.errors import ConfigError

MAX_NAME = 61  # characters
LEAST_BLUR = 0.3  # pixels; a neighbour's weight is then 0.004, one of 255 grey levels
Share = Annotated[float, Field(ge=0, le=1)]


class Damage(BaseModel):
    """What is wrong with a damaged copy, and how much of it. Shares are 0..1; the defaults damage nothing.

    The defaults stand for themselves in stored descriptions: whoever changes one gives old copies another meaning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    label_noise: Share = Field(
        0.0,
        description="share of the training labels that are replaced by another class, every other class equally likely "
        "(symmetric label noise)",
    )
    imbalance: float = Field(
        1.0,
        ge=1,
        le=1000,
        description="imbalance factor of a long-tailed set (Cui et al., 2019): the first class keeps all its training "
        "images, the last one in so many, those between fall geometrically",
    )
    blur: float = Field(
        0.0,
        ge=0,
        le=50,
        description="standard deviation of a Gaussian blur, in pixels of the size the set is opened at",
    )
    noise: Share = Field(
        0.0,
        description="standard deviation of additive Gaussian noise, as a share of the range from black to white; what "
        "falls outside the range is clipped",
    )
    where: Literal["train", "both"] = Field(
        "train",
        description="images that blur and noise touch · train: training images only · both: test images too, and those "
        "of the set's own validation split",
    )
    truncated: Share = Field(
        0.0,
        description="share of the training images whose lower part is missing, as of a file that was not loaded to its "
        "end; how much is missing is drawn for each, between a fifth and four fifths",
    )
    duplicated: Share = Field(0.0, description="share of the training images that are there twice")
    leaked: Share = Field(
        0.0, description="share of the test images that are copied, with their labels, into the training split"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="decides which images and labels are damaged")

    @field_validator("blur")
    @classmethod
    def _blur_can_be_seen(cls, blur: float) -> float:
        if 0 < blur < LEAST_BLUR:
            raise ValueError(f"it should be 0 or at least {LEAST_BLUR}: less changes no pixel")
        return blur


def parse_damage(values: dict[str, Any]) -> Damage:
    """The Damage that `values` describe. Raises ConfigError with one line about the first bad value."""
    try:
        return Damage.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"unknown damage {field!r}: choose from {', '.join(Damage.model_fields)}") from error
        allowed = message.replace("Input should", "it should")
        raise ConfigError(f"{field}: given {first['input']!r}, {allowed}") from error


def describe(damage: Damage) -> str:
    """The damage in words.

    >>> describe(Damage(label_noise=0.2, blur=1.5))
    '20 % of training labels wrong, blur 1.5 px on training images'
    """
    images = "on all images" if damage.where == "both" else "on training images"
    told = [
        (damage.imbalance != 1, f"long-tailed classes with imbalance factor {damage.imbalance:g}"),
        (damage.label_noise, f"{_percent(damage.label_noise)} of training labels wrong"),
        (damage.blur, f"blur {damage.blur:g} px {images}"),
        (damage.noise, f"noise {_percent(damage.noise)} {images}"),
        (damage.truncated, f"{_percent(damage.truncated)} of training images truncated"),
        (damage.duplicated, f"{_percent(damage.duplicated)} of training images twice"),
        (damage.leaked, f"{_percent(damage.leaked)} of test images among the training images"),
    ]
    words = ", ".join(text for is_told, text in told if is_told) or "nothing"
    return words + (f" (seed {damage.seed})" if damage.seed else "")


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def slug(base_name: str, damage: Damage) -> str:
    """A name for the damaged copy: small letters, digits and hyphens, at most 61 characters.

    >>> slug("digits", Damage(label_noise=0.2)), slug("mnist", Damage(blur=1.5, noise=0.125))
    ('digits-label-noise-20', 'mnist-blur-1-5-noise-12-5')
    """
    values = damage.model_dump(exclude_defaults=True, exclude={"where"})
    as_they_are = ("imbalance", "blur", "seed")
    parts = [f"{field}-{value * (1 if field in as_they_are else 100):.6g}" for field, value in values.items()]
    if damage.where == "both" and (damage.blur or damage.noise):
        parts.append("all-images")
    name = _as_name("-".join([base_name, *parts]))
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(damage.model_dump_json().encode()).hexdigest()[:8]
    return f"{_as_name(base_name)[: MAX_NAME - 17].strip('-')}-damaged-{digest}"


def _as_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
