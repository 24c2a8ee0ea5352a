"""What a pickle of weights would build, found out without building any of it.

torch's reader of weights runs no code, but a made-up file can end the process all the same (the hash of a tuple in
100,000 tuples overflows the stack), keep it busy for ever, or show what its memory held before. So each pickle is first
followed op by op, with places in the stead of values.
"""

import io
import pickletools
import re
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

MOST_BYTES = 8 << 20  # of one pickle: names and sizes, not values; thousands of tensors take 1 MB
_MOST_OPS = 1_000_000  # of one pickle; a tensor takes 35
_DEEPEST = 20  # tuples in tuples; torch nests four
_MOST_VALUES = 10_000  # in a tuple, those of its tuples included
_PLAIN = re.compile(
    r"collections\.(OrderedDict|Counter)"
    r"|torch\.(Size|device|Tensor|nn\.parameter\.Parameter|serialization\._get_layout)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter)|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.(storage\.|cuda\.)?[A-Z][A-Za-z0-9]*Storage|torch\.(b?float|u?int|complex|bool)[0-9a-z_]*"
    r"|_codecs\.encode|(builtins|__builtin__)\.(set|bytearray|complex)"
)


class UnsoundError(ValueError):
    """A pickle that is not read, and why, in a few words."""


class _Item(NamedTuple):
    """A value to be: `depth` and `size` of a tuple, the text of a string, the parts of a list or a tuple."""

    depth: int = 0
    size: int = 1
    text: str = ""
    parts: Any = ()


_OTHER = _Item()
_VALUES = {
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "EMPTY_DICT",
    "EMPTY_SET",
}
_TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINSTRING"}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Asked:
    """What a pickle asks for: the keys of the blocks of numbers, and the texts of the list that it is, if it is one."""

    storages: frozenset[str]
    texts: frozenset[str]


def scan(file: BinaryIO) -> Asked:
    """Follow the pickle that begins here in `file`, which is afterwards behind it.

    Raises UnsoundError where it holds code, is larger or deeper than weights need, or is no pickle.
    """
    start = file.tell()
    head = io.BytesIO(file.read(MOST_BYTES))
    machine = _Machine()
    try:
        for count, (op, argument, _) in enumerate(pickletools.genops(head)):
            if count == _MOST_OPS:
                raise UnsoundError("its list of tensors is longer than that of any network")
            machine.step(op.name, argument)
    except UnsoundError:
        raise
    except Exception as error:  # so it is with bytes that are none
        raise UnsoundError("the list of its tensors is cut off or damaged") from error
    file.seek(start + head.tell())
    return Asked(frozenset(machine.storages), frozenset(each.text for each in machine.result.parts))


class _Machine:
    """The stack and the memo of an unpickler, holding _Items."""

    def __init__(self) -> None:
        self.stack: list[_Item | None] = []  # None is a mark
        self.memo: dict[int, _Item] = {}
        self.storages: set[str] = set()
        self.result = _OTHER

    def step(self, name: str, argument: Any) -> None:
        """Do what the op of that name would do."""
        if name in _VALUES:
            self._push(_OTHER)
        elif name in _TEXTS:
            self._push(_Item(text=argument))
        elif name in _TUPLES:
            self._push(_tuple_of(self._pop(_TUPLES[name])))
        elif name == "TUPLE":
            self._push(_tuple_of(self._pop_marked()))
        elif name == "EMPTY_LIST":
            self._push(_Item(parts=[]))
        elif name == "MARK":
            self.stack.append(None)
        else:
            getattr(self, f"_{name.lower()}", self._unknown)(argument)

    def _unknown(self, argument: Any) -> None:
        raise UnsoundError("it was pickled in a way that torch.save does not use")

    def _push(self, item: _Item) -> None:
        self.stack.append(item)

    def _pop(self, count: int) -> list[_Item]:
        taken = self.stack[len(self.stack) - count :]
        if len(taken) != count or None in taken:
            raise IndexError("the stack is empty")
        del self.stack[len(self.stack) - count :]
        return taken

    def _pop_marked(self) -> list[_Item]:
        taken = []
        while (item := self.stack.pop()) is not None:
            taken.append(item)
        return taken[::-1]

    def _proto(self, argument: Any) -> None:
        """Nothing to do: the protocol's number."""

    _frame = _proto

    def _stop(self, argument: Any) -> None:
        (self.result,) = self._pop(1)

    def _append(self, argument: Any) -> None:
        self._extend(self._pop(1))

    def _appends(self, argument: Any) -> None:
        self._extend(self._pop_marked())

    def _extend(self, items: list[_Item]) -> None:
        if isinstance(self.stack[-1].parts, list):
            self.stack[-1].parts.extend(items)

    def _setitem(self, argument: Any) -> None:
        self._pop(2)

    def _setitems(self, argument: Any) -> None:
        self._pop_marked()

    _additems = _setitems

    def _binput(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    _long_binput = _binput

    def _memoize(self, argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _binget(self, argument: int) -> None:
        self._push(self.memo[argument])

    _long_binget = _binget

    def _reduce(self, argument: Any) -> None:
        self._pop(2)
        self._push(_OTHER)

    _newobj = _reduce

    def _build(self, argument: Any) -> None:
        self._pop(1)

    def _global(self, argument: str) -> None:
        _check_name(argument.replace(" ", "."))
        self._push(_OTHER)

    _inst = _global

    def _stack_global(self, argument: Any) -> None:
        module, name = self._pop(2)
        _check_name(f"{module.text}.{name.text}")
        self._push(_OTHER)

    def _binpersid(self, argument: Any) -> None:
        (saved,) = self._pop(1)
        self.storages.add(saved.parts[2].text)  # ("storage", type, key, location, size)
        self._push(_OTHER)


def _tuple_of(items: list[_Item]) -> _Item:
    depth = 1 + max((item.depth for item in items), default=0)
    size = 1 + sum(item.size for item in items)
    if depth > _DEEPEST or size > _MOST_VALUES:
        raise UnsoundError("it nests more than weights do")
    return _Item(depth, size, parts=tuple(items))


def _check_name(name: str) -> None:
    if not _PLAIN.fullmatch(name):
        raise UnsoundError(f"it holds code ({shown(name)}) beside numbers")


def shown(text: str) -> str:
    """`text`, from a file that may say anything, as a part of one line."""
    whole = text if text.isprintable() else repr(text)
    return whole if len(whole) <= 120 else f"{whole[:120]}…"
