"""A recipe as a value: an experiment of a tutorial, what its author published, and what takes its place offline."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cvcore.config import RunConfig, parse_config

ANY_DATA = "images"  # stands for the set of a recipe whose images nobody has


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _by_epoch(given: Any) -> Any:
    """{epoch: accuracy} of a list that begins with the first epoch."""
    return dict(enumerate(given, start=1)) if isinstance(given, list) else given


Accuracies = Annotated[dict[int, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(_by_epoch)]


class Published(_Frozen):
    """What a tutorial prints. Accuracies 0..1 by epoch: val_acc on the test images after it, train_acc on the training
    images in it. Mult-adds (MACs) are as printed, rounded."""

    val_acc: Accuracies = {}
    train_acc: Accuracies = {}
    params: int | None = None
    trainable_params: int | None = None
    mult_adds: int | None = None
    note: str = ""

    @property
    def last(self) -> float | None:
        """The accuracy on test images after the last epoch that is told."""
        return self.val_acc[max(self.val_acc)] if self.val_acc else None


class StandIn(_Frozen):
    """What changes where a recipe runs on a bundled set. With `reuse`, how the weights of a network of the same kind
    that has learnt the set `learnt_on` are used, in place of those of ImageNet."""

    data: dict[str, Any]
    model: dict[str, Any] = {}
    train: dict[str, Any] = {}
    reuse: Literal["", "features", "frozen", "finetune", "discriminative", "warmup-finetune"] = ""
    learnt_on: str = "glyphs"


class Recipe(_Frozen):
    """An experiment with its settings, as a RunConfig has them.

    `weights` names the network whose ImageNet weights it starts from and `transfer` says how, `images` says whose
    images it needs; they are empty where the catalog has all that it takes. `differs` tells how it is not quite what
    was published, `mistakes` which mistakes it makes. A mistake that can be run is a pair: `role` says which of the
    two this is, `pair` is the other.
    """

    name: str
    title: str
    tutorial: str
    teaches: str
    data: dict[str, Any]
    model: dict[str, Any]
    train: dict[str, Any] = {}
    transfer: dict[str, Any] = {}
    published: Published = Published()
    stand_in: StandIn | None = None
    weights: str = ""
    images: str = ""
    image: tuple[int, int, int] | None = None  # [C, H, W], where the set that would tell is not in the catalog
    classes: int | None = None
    differs: str = ""
    mistakes: tuple[str, ...] = ()
    role: Literal["", "as published", "corrected"] = ""
    pair: str = ""

    @model_validator(mode="after")
    def _is_a_run(self) -> "Recipe":
        self.config  # noqa: B018 - raises where a value is none of a run
        return self

    @cached_property
    def config(self) -> RunConfig:
        """The run that was published."""
        return parse_config(self.values())

    @cached_property
    def stand_in_config(self) -> RunConfig | None:
        """The run on the bundled set, without the weights that it may start from."""
        return parse_config(self.values(stand_in=True)) if self.stand_in else None

    @property
    def data_name(self) -> str:
        """Name of its set; ANY_DATA where the catalog does not have it."""
        return self.data.get("name", ANY_DATA)

    @property
    def trains(self) -> bool:
        """Whether something is trained, and not only looked at with the weights as they come."""
        return not self.weights or bool(self.transfer)

    def values(self, *, stand_in: bool = False) -> dict[str, dict[str, Any]]:
        """What the recipe sets of a config, by its parts; the defaults of a config are left out."""
        found = {"data": {"name": ANY_DATA, **self.data}, "model": dict(self.model), "train": dict(self.train)}
        if stand_in and self.stand_in:
            for part in found:
                found[part] |= getattr(self.stand_in, part)
            if not found["data"].get("size"):
                found["data"].pop("fit", None)  # images of their own size are not cropped
        elif self.transfer:
            found["transfer"] = dict(self.transfer)
        return found
