"""The command line: the headless twin of every page. `python -m cvcore --help` lists the commands.

Results go to stdout (one JSON object with --json); errors go to stderr as one line, and exit with 2.
"""

import argparse
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from pydantic import BaseModel

from cvcore.commands import compare as compare_commands
from cvcore.commands import data as data_commands
from cvcore.commands import evaluate as evaluate_commands
from cvcore.commands import export as export_commands
from cvcore.commands import geometry as geometry_commands
from cvcore.commands import lint as lint_commands
from cvcore.commands import lr_find as lr_find_commands
from cvcore.commands import models as model_commands
from cvcore.commands import predict as predict_commands
from cvcore.commands import receptive as receptive_commands
from cvcore.commands import recipes as recipe_commands
from cvcore.commands import runs as runs_commands
from cvcore.commands import summary as summary_commands
from cvcore.commands import training as training_commands
from cvcore.commands import transfer as transfer_commands
from cvcore.commands import weights as weights_commands
from cvcore.commands.terminal import image_shape
from cvcore.config import DataConfig, TrainConfig, TransferConfig
from cvcore.data.damage.spec import Damage
from cvcore.errors import ConfigError, CvcoreError
from cvcore.models import typed

A_NETWORK = "network, see `models`; torchvision:NAME is always theirs; @FILE is a text file with nn.Sequential(...)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 fine, 1 a run failed, 2 the input was wrong, 130 stopped by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ?, and no traceback
    # what a user can mend is told in one line; a worker, which nobody watches, logs the rest
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("cvcore").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch")  # of layers that somebody typed
    try:
        options = _parser().parse_args(arguments)
        return options.command(options)
    except CvcoreError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(
            f"{error.filename or 'output'}: {error.strerror or error}; choose another folder or free some space"
        )
    except KeyboardInterrupt:
        print("cvcore: stopped", file=sys.stderr)
        return 130


def _refuse(message: str) -> int:
    """Say on stderr in one line what was wrong; exit status 2."""
    print(f"cvcore: {message}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see `{self.prog} --help`")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m cvcore", description="A workbench for image classifiers in PyTorch.")
    names = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function, about: str) -> argparse.ArgumentParser:
        added = names.add_parser(name, help=about, description=about)
        added.add_argument("--json", action="store_true", help="print one JSON object")
        added.set_defaults(command=function)
        return added

    command("datasets", data_commands.datasets, "List the data sets.")

    data = command("data", data_commands.data, "Count a set's images, measure them, and name what is wrong with them.")
    data.add_argument("name", metavar="NAME_OR_DIR", help="data set, see `datasets`; or a folder, or a zip, of images")
    data.add_argument("--download", action="store_true", help="fetch it first if it is not on disk")
    data.add_argument("--report", metavar="FILE", help="write what was found out about every file, as CSV")
    _add_fields(data, DataConfig, only=("size", "fit"))

    damage = command(
        "damage", data_commands.damage, "Make a damaged copy of a set: wrong labels, blur, leaks and more."
    )
    damage.add_argument("base", metavar="NAME", help="data set to copy, see `datasets`")
    damage.add_argument("--name", help="what to call the copy; default: drawn from what is damaged")
    _add_fields(damage, Damage)

    command("models", model_commands.models, "List the networks.")

    weights = command("weights", weights_commands.weights, "List the weights that torchvision publishes.")
    weights.add_argument("network", nargs="?", metavar="NETWORK", help="only those of this one, see `models`")
    weights.add_argument("--download", metavar="KEY", help="fetch these, by the name that the list has")

    summary = command("summary", summary_commands.summary, "Print a network's layers, with their costs and memory.")
    field = command("rf", receptive_commands.rf, "Print the receptive field of every layer.")
    lint = command("lint", lint_commands.lint, "Say what a reviewer would say of a network, or of a recipe.")
    for one in (summary, field, lint):
        recipe = one is lint
        named, more = ("MODEL_OR_RECIPE", "; or a recipe, see `recipes`") if recipe else ("MODEL", "")
        one.add_argument("model", metavar=named, type=typed.read, help=A_NETWORK + more)
        _add_input(one)
    lint.add_argument("--loss", metavar="cross_entropy|nll", help="what it is trained with; default cross_entropy")
    lint.add_argument("--batch-size", type=int, metavar="N", help="images of one training step")

    compare = command("compare", compare_commands.compare, "Put two to four networks side by side.")
    compare.add_argument("models", metavar="MODEL", nargs="+", type=typed.read, help=A_NETWORK)
    _add_input(compare)

    size = command(
        "size", geometry_commands.size, "Work out sizes along a chain of layers, or which layers lead to one."
    )
    size.add_argument("layers", nargs="?", metavar="LAYERS", help='such as "conv 5 p2; maxpool 2"; see the calculator')
    size.add_argument(
        "--input", required=True, metavar="H,W", help="height and width that come in; one number for both"
    )
    size.add_argument("--to", metavar="H,W", help="instead of LAYERS: which layers take the input there?")
    size.add_argument("--kind", default="conv", metavar="KIND", help="with --to: kind of layer; default conv")
    for name in ("kernel", "stride", "padding"):
        size.add_argument(f"--{name}", type=int, metavar="N", help=f"with --to: only answers with this {name}")

    command("recipes", recipe_commands.recipes, "List the tutorials' experiments, and the mistakes in them as pairs.")

    train = command("train", training_commands.train, "Train a network, or show the run that was trained so before.")
    _add_run(train)
    train.add_argument("--seeds", type=int, default=1, metavar="K", help="train K times, with K seeds from --seed on")
    train.add_argument("--preflight", action="store_true", help="only say what memory and time it would take")
    train.add_argument("--fresh", action="store_true", help="train again even if the same run was trained before")

    find = command("lr-find", lr_find_commands.lr_find, "Look for a learning rate that suits a run; trains no run.")
    _add_run(find)
    find.add_argument("--low", default="1e-7", metavar="X", help="first rate; default 1e-7")
    find.add_argument("--high", default="10", metavar="X", help="last rate; default 10")
    find.add_argument("--batches", type=int, default=100, metavar="N", help="steps from one to the other; default 100")

    runs = command("runs", runs_commands.runs, "List the runs, or show, compare, annotate, delete or move some.")
    runs.add_argument(
        "words", nargs="*", metavar="[show|compare|rm|note|export|import] RUN", help="without any: list all; see above"
    )
    runs.add_argument("--name", help="with note: what to call the run")
    runs.add_argument("--tags", metavar="A,B", help="with note: its tags")
    runs.add_argument("--note", metavar="TEXT", help="with note: what you want to remember")
    runs.add_argument("--out", metavar="FILE_OR_DIR", help="with export: where to write the run as one file")
    _add_runs_folder(runs)

    predict = command("predict", predict_commands.predict, "Say what a trained network sees in pictures.")
    predict.add_argument(
        "network",
        metavar="NETWORK",
        help="a finished run, see `runs`; or a network that knows ImageNet, such as vgg16, or weights of `weights`",
    )
    predict.add_argument("images", nargs="*", metavar="IMAGE", help="picture files")
    predict.add_argument("--recipe", metavar="NAME", help="the network of this recipe, in place of NETWORK")
    predict.add_argument("--names", metavar="FILE", help="names of the classes in another language, a line each")
    predict.add_argument("--draw", metavar="DIR", help="write each picture there with its names on it, as SVG")
    _add_runs_folder(predict)

    evaluate = command(
        "evaluate", evaluate_commands.evaluate, "Test a run again: mirrored, at several scales, in crops, densely."
    )
    evaluate.add_argument("run_id", metavar="RUN", help="a finished run, see `runs`")
    evaluate.add_argument(
        "--protocols",
        metavar="A,B",
        help="some of single, flip, multiscale, tencrop, dense, dense+multicrop; default: all of them",
    )
    evaluate.add_argument("--limit", type=int, metavar="N", help="only N images, evenly spread over the test images")
    _add_runs_folder(evaluate)

    export = command(
        "export", export_commands.export, "Write a run's weights, code and golden images, which test themselves."
    )
    export.add_argument("run_id", metavar="RUN", help="a finished run, see `runs`")
    export.add_argument("--out", required=True, metavar="DIR", help="folder to make; nothing is overwritten")
    export.add_argument("--data", action="store_true", help="write the run's images even if they are large")
    _add_runs_folder(export)

    transfer = command("transfer", transfer_commands.transfer, "Compare ways to reuse a trained network on other data.")
    transfer.add_argument("--data", required=True, metavar="NAME_OR_DIR", help="data set, see `datasets`, or a folder")
    transfer.add_argument(
        "--per-class", type=int, default=0, metavar="N", help="learn from so many images a class; 0 = all"
    )
    transfer.add_argument(
        "--backbone", default="bn-cnn", metavar="MODEL", type=typed.read, help="network to reuse; default bn-cnn"
    )
    transfer.add_argument(
        "--weights",
        default="glyphs",
        metavar="W",
        help="glyphs or shapes (backbones that ship with the app), imagenet (torchvision's), none, a file, a run's id",
    )
    transfer.add_argument(
        "--strategies",
        default="scratch,features,finetune",
        metavar="A,B,…",
        help="some of scratch, features, frozen, frozen-moving (BatchNorm follows the new images), finetune, "
        "discriminative, warmup-finetune, gradual; where the weights are of a shallower network than the backbone, of "
        "scratch and deepen",
    )
    transfer.add_argument(
        "--seed", type=int, default=0, metavar="S", help="draws images, first weights and order; default 0"
    )
    _add_fields(transfer, TransferConfig, only=("head", "factor", "unfreeze"))
    _add_fields(transfer, DataConfig, only=("size", "fit", "normalize"))
    _add_fields(transfer, TrainConfig, leave_out=("seed", "faults"))
    transfer.add_argument("--preflight", action="store_true", help="only say what memory and time each would take")
    transfer.add_argument(
        "--within", type=float, metavar="SECONDS", help="train nothing if one of them is predicted to take longer"
    )
    transfer.add_argument("--fresh", action="store_true", help="train again even if the same runs are there")
    transfer.add_argument("--device", metavar="auto|cpu|cuda|mps", help="where to compute")
    _add_runs_folder(transfer)

    worker = command("worker", training_commands.worker, "Train queued runs in order, then wait for more.")
    worker.add_argument("--once", action="store_true", help="end as soon as the queue is empty")
    worker.add_argument("--number", type=int, default=0, metavar="N", help="which of several; 0 starts the others")
    worker.add_argument("--linger", type=float, metavar="SECONDS", help="end after so long without a run; default 600")
    _add_runs_folder(worker)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    """The options that describe a run, and where it trains."""
    parser.add_argument("--recipe", metavar="NAME", help="an experiment, see `recipes`; other options replace its own")
    parser.add_argument("--stand-in", action="store_true", help="with --recipe: on a bundled set instead of its own")
    parser.add_argument("--data", metavar="NAME_OR_DIR", help="data set, see `datasets`, or a folder")
    parser.add_argument("--model", metavar="MODEL", type=typed.read, help=A_NETWORK)
    _add_fields(parser, TrainConfig)
    _add_fields(parser, DataConfig, leave_out=("name", "fingerprint"))
    parser.add_argument(
        "--from",
        dest="source",
        default=argparse.SUPPRESS,
        metavar="RUN",
        help="start from the weights of this run, of torchvision:NAME.WHICH or of file:DIGEST, with a new head",
    )
    _add_fields(parser, TransferConfig, leave_out=("source",))
    _add_runs_folder(parser)
    parser.add_argument(
        "--device", metavar="auto|cpu|cuda|mps", help="where to compute; default: CVCORE_DEVICE or auto"
    )


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", type=image_shape, metavar="C,H,W", help="image size; default: the one of its paper or tutorial"
    )
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes")


def _add_runs_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", metavar="DIR", help="use the runs in DIR only; default: CVCORE_RUNS and shipped ones")


def _add_fields(
    parser: argparse.ArgumentParser,
    config: type[BaseModel],
    leave_out: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> None:
    """One option for each field of `config`. Values stay text: the config itself says what is allowed."""
    for name, field in config.model_fields.items():
        if name not in leave_out and (not only or name in only):
            default = "" if field.is_required() else f"; default {field.default}"
            text = f"{field.description}{default}".replace("%", "%%")
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, dest=name, default=argparse.SUPPRESS, metavar="X", help=text)
