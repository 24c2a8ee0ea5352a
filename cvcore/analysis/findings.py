"""What a reviewer says, of a network or of how it is to be trained. Does not import torch."""

from dataclasses import asdict, dataclass

LEVELS = ("mistake", "caution", "note")  # wrong for certain; probably not what you want; worth knowing


@dataclass(frozen=True)
class Finding:
    """What a reviewer would say.

    `where` is a module's path, "" for the network as a whole, or the setting that it is about, such as train.lr.
    """

    level: str
    rule: str
    where: str
    message: str
    fix: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)
