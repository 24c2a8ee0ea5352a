"""The parser of typed networks: what it reads, where it points when it refuses, and that it evaluates nothing."""

import builtins
import random
import re
import subprocess
import sys
import threading

import pytest

from cvcore.errors import ModelError
from cvcore.models.parsing.parse import FAMILIES, LAYERS, MAX_LAYERS, Layer, parse
from cvcore.models.parsing.scan import MAX_TEXT, TextError
from tests.models.typed_texts import network, texts


def refused(text: str) -> str:
    """The one line with which the text is refused."""
    with pytest.raises(ModelError) as caught:
        parse(text)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable() and len(line) < 300
    return line


def values(layer: Layer) -> list[tuple]:
    return [(argument.keyword, argument.value) for argument in layer.arguments]


def test_layers_arguments_and_places():
    tree = parse("nn.Sequential(\n    nn.Conv2d(1, 6, (5, 3), bias=False),  # é\n    torch.nn.Tanh(), Flatten(-2)\n)")
    assert [(child.kind, child.line, child.column) for child in tree.children] == [
        ("Conv2d", 2, 5),
        ("Tanh", 3, 5),
        ("Flatten", 3, 22),
    ]
    assert values(tree.children[0]) == [("", 1), ("", 6), ("", (5, 3)), ("bias", False)]
    assert values(tree.children[2]) == [("", -2)]


def test_sequentials_nest_and_commas_trail():
    tree = parse("\n\n  Sequential(nn.Sequential(nn.ReLU(),), nn.Sequential(),\r\n nn.ReLU(),)  # the end")
    assert [child.kind for child in tree.children] == ["Sequential", "Sequential", "ReLU"]
    assert [child.kind for child in tree.children[0].children] == ["ReLU"]
    assert tree.children[2].line == 4


def test_a_column_counts_characters_not_bytes():
    assert refused("nn.Sequential(  # größer\n    nn.Relu())").startswith("line 2, column 5:")
    assert refused("nn.Sequential(nn.Linear('äöü', nn.ReLU()))").startswith("line 1, column 32:")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nn.Sequential(\n    nn.Conv2D(1))", "line 2, column 5: nn.Conv2D is not a layer here; did you mean nn.Conv"),
        ("Sequential(Conv2D())", "line 1, column 12: Conv2D is not a layer here; did you mean nn.Conv2d?"),
        ("Sequential(BatchNorm(3))", "line 1, column 12: BatchNorm is not a layer here; did you mean nn.BatchNorm2d?"),
        ("nn.Sequental(nn.ReLU())", "line 1, column 1: nn.Sequental is not a layer here; did you mean nn.Sequential?"),
        ("nn.Sequential(nn.ReLU)", "line 1, column 15: found nn.ReLU without its brackets: write nn.ReLU()"),
        ("nn.Sequential(nn.Flatten() nn.ReLU())", "line 1, column 28: found 'nn.ReLU' after ')': put a comma between"),
        ("nn.Sequential(nn.ReLU()", "line 1, column 14: this ( is never closed: add )"),
        ("nn.Sequential(nn.ReLU()))", "line 1, column 25: found ')' after the end of the network: remove it"),
        ("nn.Sequential(nn.ReLU(])", "line 1, column 23: found ']', which closes no bracket"),
        ("model = nn.Sequential(nn.ReLU())", "line 1, column 7: found '=': give the network itself"),
        ("nn.Linear(3, 4)", "line 1, column 1: a network begins with nn.Sequential("),
        ("nn.Sequential()", "line 1, column 1: the network has no layers"),
        ("", "the network is empty"),
        ("# only this", "the network is empty"),
        ("Sequential(\n  (0): ReLU()\n)", "line 2, column 6: found ':': write layers as nn.Linear(400, 10)"),
        ("nn.Sequential(nn.LazyLinear(3))", "line 1, column 15: nn.LazyLinear guesses its sizes"),
        ("nn.Sequential(,)", "line 1, column 15: invalid syntax"),
        ("nn.Sequential(nn.Linear(a=1, 2))", "line 1, column 31: positional argument follows keyword argument"),
        ("nn.Sequential(nn.Linear(007, 2))", "line 1, column 25: leading zeros"),
        ("nn.Sequential(layers=nn.ReLU())", "line 1, column 15: found layers=: nn.Sequential takes layers only"),
        ("nn.Sequential(my.ReLU())", "line 1, column 15: found my.ReLU: layers are written nn.ReLU, without my"),
        ("nn.Sequential(nn.Linear((1, (2,)), 3))", "line 1, column 29: found (2,): arguments are numbers"),
        ("nn.Sequential(nn.Linear(-True, 3))", "line 1, column 25: found -True: arguments are numbers"),
        ("nn.Sequential(nn.Linear(1e999, 3))", "line 1, column 25: found 1e309: numbers are at most 1,000,000,000"),
        ("nn.Sequential(nn.Linear(1_000, 3))", "line 1, column 25: found '1_000': numbers are written as 3, 0.5"),
        ("nn.Sequential(nn.\uff23onv2d(1, 2, 3))", "line 1, column 15: found 'nn.\uff23onv2d', which is not a plain"),
        ("nn.Sequential(nn.ReLU(\x00))", "line 1, column 23: found '\\u0000'"),
        ("nn.Sequential(nn.ReLU(\ud800))", "line 1, column 23: found '\\ud800'"),
        ("nn.Sequential(nn.ReLU('abc))", "line 1, column 23: this string has no end on its line"),
    ],
)  # fmt: skip
def test_an_error_points_and_helps(text, line):
    assert refused(text).startswith(line)


@pytest.mark.parametrize(
    "piece",
    [
        "os.system('true')", "nn.ReLU().inplace", "nn.ReLU().forward()", "nn.ReLU()()", "[nn.ReLU()]", "*layers", "x",
        "nn.Linear(*sizes)", "nn.Linear(**sizes)", "nn.Linear(n, 10)", "nn.Linear(28*28, 10)", "nn.Linear(4 - 1, 10)",
        "nn.Linear(int('3'), 10)", "nn.Linear((lambda: 3)(), 10)", "nn.Linear([3 for _ in x], 10)",
        "nn.Linear(f'{x}', 1)",
        "nn.Linear((x := 3), 10)", "nn.Linear(3 if x else 4, 10)", "nn.Linear({3}, 10)", "nn.Linear({}, 10)",
        "nn.Linear(b'3', 10)", "nn.Linear(3j, 10)", "nn.Linear(..., 10)", "nn.Linear(3 < 4, 10)",
        "nn.Linear(not 3, 10)",
        "nn.Linear(~3, 10)", "nn.Linear(--3, 10)", "nn.Linear(x[0], 10)", "nn.Linear(x[0:1], 10)", "nn.Linear(x.y, 10)",
        "nn.Linear('a' 'b', 10)", "nn.Linear('a\\n', 10)", "await x", "yield x", "nn.Module()",
        "nn.Linear.from_float(x)",
        "nn.functional.relu(x)", "nn.ModuleList([nn.ReLU()])", "nn.CrossEntropyLoss()", "nn.LSTM(1, 2)",
        "torch.zeros(3)",
    ],
)  # fmt: skip
def test_only_listed_layers_with_literal_arguments_are_taken(piece):
    assert refused(f"nn.Sequential({piece})").startswith("line 1, column ")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000_000,
        "nn.Sequential(" * 800_000,
        "nn.Sequential(" + "[" * 10_000 + "]" * 9_000 + ")",
        "nn.Sequential(nn.Linear(" + "-" * 19_000 + "1, 2))",
        "nn.Sequential(nn.Linear(" + "9" * 19_000 + ", 2))",
        "nn.Sequential(nn.Linear(1" + ".a" * 9_000 + ", 2))",
        "nn.Sequential(nn.ReLU" + "()" * 9_000 + ")",
        "nn.Sequential(nn.ReLU() if " * 700,
        "nn.Sequential(" * 30 + "nn.ReLU()" + ")" * 30,
        "nn.Sequential(" + "nn.ReLU()," * (MAX_LAYERS + 1) + ")",
        " " * (MAX_TEXT + 1),
    ],
    ids=lambda text: f"{len(text)}-{text[:8]}",
)
def test_what_is_too_much_is_refused_before_python_parses_it(text):
    refused(text)


def test_the_longest_that_is_taken():
    assert len(parse("nn.Sequential(" + "nn.ReLU()," * MAX_LAYERS + ")").children) == MAX_LAYERS
    assert parse("nn.Sequential(" * 20 + "nn.ReLU()" + ")" * 20).kind == "Sequential"


def test_an_error_knows_its_place():
    with pytest.raises(TextError) as caught:
        parse("nn.Sequential(\n  nn.Nonsense())")
    assert (caught.value.line, caught.value.column) == (2, 3)
    assert str(caught.value) == f"line 2, column 3: {caught.value.problem}"


def test_valid_texts_are_read_whole():
    rng = random.Random(7)
    for _ in range(50):
        text = network(rng)
        tree = parse(text)
        assert _leaves(tree) == [kind for kind in re.findall(r"([A-Z]\w+)\(", text) if kind != "Sequential"]
        assert _sequentials(tree) == text.count("Sequential(")


def _leaves(tree: Layer) -> list[str]:
    return [
        kind for child in tree.children for kind in (_leaves(child) if child.kind == "Sequential" else [child.kind])
    ]


def _sequentials(tree: Layer) -> int:
    return 1 + sum(_sequentials(child) for child in tree.children if child.kind == "Sequential")


def test_the_families_list_every_layer_once():
    listed = [name for names in FAMILIES.values() for name in names]
    assert len(listed) == len(set(listed)) == len(LAYERS)


class Watch:
    """Hears what the interpreter reports of this thread (PEP 578) while it is on. A hook can never be taken off."""

    def __init__(self):
        self.heard: list[str] = []
        self.thread: int | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, details: tuple) -> None:
        if self.thread == threading.get_ident():
            by_ast = event == "compile" and details[1] == "<unknown>"  # ast.parse: to a tree, not to code
            self.heard += [] if by_ast else [event]

    def __enter__(self):
        self.heard, self.thread = [], threading.get_ident()
        return self

    def __exit__(self, *error):
        self.thread = None


@pytest.fixture(scope="module")
def watch():
    return Watch()


def test_the_watch_hears_an_evaluation(watch):
    with watch:
        eval("1 + 1")
    assert "exec" in watch.heard
    with watch:
        open(__file__).close()
    assert watch.heard == ["open"]


def check_none_is_evaluated(count: int, watch: Watch, monkeypatch) -> None:
    called = []
    monkeypatch.setattr(builtins, "canary", lambda: called.append(1), raising=False)
    read = 0
    for text in texts(count, seed=20):
        with watch:
            try:
                parse(text)
                read += 1
            except ModelError as error:
                message = str(error)
                assert "\n" not in message and len(message) < 300
        assert watch.heard == [], text
    assert called == []
    assert count // 50 < read < count // 2  # both sides of the fence were visited


@pytest.mark.timeout(100)
def test_a_hundred_made_texts_are_never_evaluated_and_never_crash(watch, monkeypatch):
    check_none_is_evaluated(100, watch, monkeypatch)


@pytest.mark.sweep
@pytest.mark.timeout(300)
def test_two_thousand_made_texts_are_never_evaluated_and_never_crash(watch, monkeypatch):
    check_none_is_evaluated(2000, watch, monkeypatch)


def test_parsing_imports_no_torch():
    code = (
        "import sys; from cvcore.models.parsing.parse import parse; "
        "parse('nn.Sequential(nn.ReLU())'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
