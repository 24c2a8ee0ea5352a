"""The command that applies a network to pictures: a run's, or one that knows ImageNet's classes."""

import argparse
import difflib
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import print_json, say
from cvcore.config import RUN_ID_PATTERN
from cvcore.errors import ConfigError, DataError, ModelError
from cvcore.files import reason_of
from cvcore.training.runs import RunStore
from cvcore.transfer.class_names import in_one_line
from cvcore.transfer.sources import FILE, THEIRS


@dataclass(frozen=True)
class Looker:
    """A network that looks at picture files: `told` names it in JSON, `classes` are its names, `look` gives of a file
    the picture, the likeliest classes, the part that was seen or None, and the seconds or None."""

    label: str
    told: dict[str, str]
    classes: Sequence[str]
    look: Callable[[Path], tuple]


def predict(options: argparse.Namespace) -> int:
    """Prints the likeliest classes of each picture. Those that cannot be used get a line on stderr, the status is 2."""
    name, files = _asked(options)
    looker = _looker(name, store_of(options))
    second = _second_names(options, looker)
    from cvcore.data.files.decode import Unusable

    rows, refused, drawn = [], {}, set()
    for path in map(Path, dict.fromkeys(files)):
        try:
            picture, top, box, seconds = looker.look(path)
        except Unusable as reason:
            refused[str(path)] = str(reason)
            continue
        rows.append(_row(path, top, second, seconds))
        if options.draw is not None:
            file = _free(Path(options.draw), path, looker, drawn)
            drawn.add(file)
            _draw(file, picture, rows[-1]["top"], box)
            rows[-1]["drawn"] = str(file)
    _print(options, looker, rows, refused)
    return 2 if refused else 0


def _asked(options: argparse.Namespace) -> tuple[str, list[str]]:
    """(the network, the picture files). Raises ConfigError where one of them is left out."""
    network, files = options.network, options.images
    if options.recipe:
        from cvcore.recipes import library

        network, files = library.find(options.recipe).model["name"], [options.network, *options.images]
    if not files:
        raise ConfigError(f"predict: given no picture for {network}; give one or more files after it")
    return network, files


def _looker(name: str, store: RunStore) -> Looker:
    """The run or the network of that name. Raises RunError or ModelError where there is neither."""
    if not name.startswith((THEIRS, FILE)):
        if re.fullmatch(RUN_ID_PATTERN, name) or store.get(name):
            return _of_run(name, store)
        from cvcore.models import zoo

        try:
            zoo.find(name)
        except ModelError as error:
            raise _unknown(name, store) from error
    from cvcore.data.files.decode import open_image
    from cvcore.transfer.pretrained import load

    network = load(name)

    def look(path: Path) -> tuple:
        picture = open_image(path).picture
        seen = network.look(picture)
        return picture, seen.top, seen.box, seen.median

    return Looker(network.label, {"weights": network.key}, network.classes, look)


def _unknown(name: str, store: RunStore) -> ConfigError:
    """What to say of a name that is neither a run nor a network."""
    from cvcore.models import zoo

    known = [each.run_id for each in store.list()]
    known += [each.name for each in (*zoo.own_models(), *zoo.torchvision_models())]
    near = difflib.get_close_matches(name, known, n=3)
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    return ConfigError(f"unknown run or network {name[:80]!r}{meant}: see `runs`, `models` and `weights`")


def _of_run(name: str, store: RunStore) -> Looker:
    run = store.find(name)  # before torch is imported: a typo is answered at once
    from cvcore.data.files.decode import open_image
    from cvcore.training.predict import load

    classifier = load(run)
    least = min(classifier.form.height, classifier.form.width)

    def look(path: Path) -> tuple:
        picture = open_image(path, least=least).picture
        return picture, classifier.look(classifier.pixels(picture)[None])[0].top, None, None

    return Looker(run.run_id, {"run_id": run.run_id}, classifier.classes, look)


def _second_names(options: argparse.Namespace, looker: Looker) -> Sequence[str]:
    """The names in the file that --names gives, by class; none where it gives none."""
    if options.names is None:
        return ()
    from cvcore.transfer.class_names import read_names_file

    return read_names_file(Path(options.names), len(looker.classes))


def _row(path: Path, top: Sequence, second: Sequence[str], seconds: float | None) -> dict[str, Any]:
    classes = [{"class": each.name, "probability": each.probability, "label": each.label} for each in top]
    for each in classes if second else ():
        each["second_name"] = second[each["label"]]
    return {"path": str(path), "top": classes, **({"seconds": seconds} if seconds is not None else {})}


def _free(folder: Path, path: Path, looker: Looker, drawn: set[Path]) -> Path:
    """A file in `folder` for the picture in `path`, none of those that were `drawn` before."""
    stem = f"{path.stem}-{re.sub(r'[^A-Za-z0-9.-]+', '-', looker.label)}"
    places = (folder / (f"{stem}-{number}.svg" if number else f"{stem}.svg") for number in itertools.count())
    return next(each for each in places if each not in drawn)


def _draw(file: Path, picture, top: list[dict[str, Any]], box) -> None:
    """Write the picture with its names on it."""
    from cvcore.plots.named import Line, named_picture

    lines = [Line(each["class"], each.get("second_name", ""), each["probability"]) for each in top]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(named_picture(picture, lines, box), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{file} cannot be written ({reason_of(error)}): give another folder with --draw") from error


def _print(options: argparse.Namespace, looker: Looker, rows: list[dict], refused: dict[str, str]) -> None:
    for path, reason in refused.items():
        print(f"cvcore: {in_one_line(path)}: {reason}; give a JPEG, PNG, WebP, TIFF, BMP, PPM or GIF", file=sys.stderr)
    if options.json:
        told = [{"path": path, "reason": reason} for path, reason in refused.items()]
        print_json({**looker.told, "predictions": rows, "refused": told})
        return
    for row in rows:
        names = [
            f"{each['class']}{' ' + each['second_name'] if 'second_name' in each else ''} {each['probability']:.1%}"
            for each in row["top"]
        ]
        took = f"  [{1000 * row['seconds']:.0f} ms]" if "seconds" in row else ""
        say(f"{in_one_line(row['path'])}  {'  '.join(names)}{took}")
        if "drawn" in row:
            say(f"  drawn: {in_one_line(row['drawn'])}")
