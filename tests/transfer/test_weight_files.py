"""Weights that somebody brings: read as torch reads them, refused in one line, compared, kept. Nothing is executed."""

import collections
import io
import json
import os
import pickle
import random
import re
import struct
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.transfer.weight_files import compare, keep, kept, load_kept, put, read

SQUEEZENET = torchvision.models.squeezenet1_1


def net(classes: int = 7) -> nn.Module:
    """A small network with all that a state dict holds: weights, statistics, a counter."""
    torch.manual_seed(0)
    return nn.Sequential(
        collections.OrderedDict(conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), head=nn.Linear(4, classes))
    )


def packed(value, old: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def same(found: dict, expected: dict) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)


def refusal(content: bytes | Path, name: str = "mine.pth", **options) -> str:
    with pytest.raises(ModelError) as caught:
        read(content, name, **options)
    message = str(caught.value)
    assert message.isprintable() and message.startswith(name if name.isprintable() else "'")
    return message


def zipped(members: dict[str, bytes], **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_list(pickled: bytes) -> bytes:
    """A file of torch whose list of tensors is this pickle."""
    return zipped({"archive/data.pkl": pickled, "archive/version": b"3\n"})


class TestReading:
    @pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
    @pytest.mark.parametrize("from_disk", [False, True])
    def test_what_torchvision_and_torch_write(self, form, from_disk, tmp_path):
        state = SQUEEZENET().state_dict()
        content = safetensors.torch.save(state) if form == "safetensors" else packed(state, form == "old")
        file = tmp_path / "mine.bin"
        file.write_bytes(content)
        found = read(file if from_disk else content, "mine.bin")
        assert same(found.state, state)
        assert found.remarks == ()

    def test_the_digest_is_of_the_content_not_of_the_form(self):
        state = net().state_dict()
        forms = (packed(state), packed(state, old=True), safetensors.torch.save(state), packed({"model": state}))
        assert len({read(content, "mine").digest for content in forms}) == 1
        state["head.bias"][0] += 1
        assert read(packed(state), "mine").digest != read(forms[0], "mine").digest

    @pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
    def test_what_training_scripts_write(self, wrapper):
        state = net().state_dict()
        optimizer = torch.optim.Adam(net().parameters()).state_dict()
        found = read(packed({"epoch": 3, wrapper: state, "optimizer": optimizer, "betas": (0.9, 0.999)}), "mine.pt")
        assert same(found.state, state)
        assert found.remarks == (f"taken from {wrapper!r}, 3 other entries left out",)

    @pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
    def test_prefixes_of_wrappers_around_the_network(self, prefix):
        state = net().state_dict()
        found = read(packed({"state_dict": {prefix + name: value for name, value in state.items()}}), "mine.pt")
        assert same(found.state, state)
        assert found.remarks[1] == f"{prefix!r} taken from the beginning of every name"

    def test_a_module_called_module_keeps_its_name(self):
        state = {"module.weight": torch.ones(2, 2), "head.weight": torch.ones(2, 2)}
        assert same(read(packed(state), "mine.pt").state, state)

    @pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
    @pytest.mark.parametrize("form", ["torch", "safetensors"])
    def test_other_floats_become_float32(self, kind, form):
        model = net().to(kind)
        content = packed(model.state_dict()) if form == "torch" else safetensors.torch.save(model.state_dict())
        found = read(content, "half.pth")
        assert found.state["conv.weight"].dtype is torch.float32
        assert torch.equal(found.state["conv.weight"], model.conv.weight.float())
        assert found.state["bn.num_batches_tracked"].dtype is torch.int64
        kind_name = str(kind).removeprefix("torch.")
        assert found.remarks == (f"8 tensors of {kind_name} values were made float32",)

    def test_tensors_that_share_memory_or_are_views_stand_by_themselves(self):
        block = torch.arange(12.0).reshape(3, 4)
        state = {
            "a.weight": block,
            "b.weight": block,
            "c.weight": block.T,
            "d.weight": block[1:],
            "e.bias": block[:, 1],
        }
        found = read(packed(state), "tied.pth").state
        assert same(found, state)
        assert len({value.untyped_storage().data_ptr() for value in found.values()}) == 5

    def test_parameters_are_read_as_tensors(self):
        found = read(packed(dict(net().named_parameters())), "mine.pt").state
        assert {type(value) for value in found.values()} == {torch.Tensor}
        assert not any(value.requires_grad for value in found.values())

    def test_counters_that_old_files_lack(self):
        state = {name: value for name, value in net().state_dict().items() if "num_batches" not in name}
        assert read(packed(state), "old.pth").state["bn.num_batches_tracked"] == 0


class Evil:
    """Pickles to a call."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


def calls(canary: Path) -> list:
    """Objects whose unpickling would leave a file, and a few that would do other harm."""
    touch = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    return [
        Evil(os.system, f"touch '{canary}'"),
        Evil(eval, touch),
        Evil(exec, touch),
        Evil(getattr, str, "format"),
        Evil(open, str(canary), "w"),
        Evil(os.mkdir, str(canary)),
        Evil(torch.load, str(canary)),
        Evil(torch.hub.load, "a/b", "c"),
    ]


class TestRefusing:
    @pytest.mark.parametrize("number", range(8))
    def test_code_is_never_run(self, number, tmp_path):
        canary = tmp_path / "canary"
        evil = calls(canary)[number]
        state = net().state_dict()
        for value in (evil, {"state_dict": state, "more": evil}, [evil]):
            for content in (
                packed(value),
                packed(value, old=True),
                pickle.dumps(value),
                pickle.dumps(value, protocol=2),
                with_list(pickle.dumps(value)),
                with_list(pickle.dumps(value, protocol=2)),
            ):
                assert "it holds code (" in refusal(content)
        assert not canary.exists()

    def test_a_whole_network_is_code(self):
        for old in (False, True):
            assert "it holds code (torch.nn.modules" in refusal(packed(net(), old))

    @pytest.mark.filterwarnings("ignore")
    def test_torchscript(self):
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
        assert "TorchScript" in refusal(buffer.getvalue())

    @pytest.mark.parametrize("value", [torch.ones(3), [torch.ones(3)], 5, None, "text", {}, [], {"state_dict": {}}])
    @pytest.mark.parametrize("old", [False, True])
    def test_what_is_no_state_dict(self, value, old):
        assert "instead of" in refusal(packed(value, old))

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("a.weight", torch.tensor([1.0, torch.nan]), "a.weight holds values that are no numbers"),
            ("a.weight", torch.tensor([torch.inf]), "no numbers (NaN) or infinite"),
            ("a.weight", torch.tensor([1e300], dtype=torch.float64), "infinite"),  # more than float32 holds
            ("a.weight", torch.ones(2, dtype=torch.int64), "int64 values, where float32 belongs"),
            ("a.weight", torch.ones(2, dtype=torch.int8), "int8 values"),
            ("a.weight", torch.ones(2, dtype=torch.bool), "bool values"),
            ("a.weight", torch.ones(2, dtype=torch.complex64), "complex64 values"),
            ("bn.num_batches_tracked", torch.tensor(1, dtype=torch.int32), "int32 values"),
            ("a.weight", torch.zeros(1).expand(10**9), "more values than the file"),
            ("a.weight", "text", "a.weight is a str instead of a tensor"),
            ("a.weight", {"b": torch.ones(2)}, "a.weight is a dict"),
            (5, torch.ones(2), "no name"),
            ("a\nb", torch.ones(2), "no name"),
            ("", torch.ones(2), "no name"),
            ("__metadata__", torch.ones(2), "no name"),
            ("a\ud800", torch.ones(2), "no name"),
        ],
    )
    def test_what_is_no_weight(self, name, value, reason):
        assert reason in refusal(packed({"first.weight": torch.ones(2, 2), name: value}))

    @pytest.mark.filterwarnings("ignore")
    def test_odd_tensors(self):
        for value in (
            torch.ones(2, 2).to_sparse(),
            torch.empty(2, 2, device="meta"),
            torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        ):
            assert "cannot be used" in refusal(packed({"a.weight": value}))

    def test_other_kinds_of_safetensors(self):
        assert "int8" in refusal(safetensors.torch.save({"a.weight": torch.ones(2, dtype=torch.int8)}))
        assert "float8" in refusal(safetensors.torch.save({"a.weight": torch.ones(2).to(torch.float8_e4m3fn)}))

    @pytest.mark.parametrize(
        "content", [b"", b"\x80", b"<html></html>", b"PK\x03\x04", b"\x08" + bytes(7) + b"{", b"\x89HDF"]
    )
    def test_other_files(self, content):
        message = refusal(content)
        assert "give a state dict, as torch.save(model.state_dict(), …) or safetensors writes it" in message

    def test_a_file_that_is_too_large_is_not_read(self, tmp_path):
        file = tmp_path / "large.pth"
        with file.open("wb") as large:
            large.truncate(3_000_000_000)  # of nothing: it takes no room
        assert "it has 3,000,000,000 bytes, at most 2,000,000,000 are read" in refusal(file, "large.pth")
        assert "bytes, at most 100 are read" in refusal(packed(net().state_dict()), most_bytes=100)

    def test_values_that_become_too_large(self):
        content = packed({"a.weight": torch.ones(10_000, dtype=torch.float16)})  # 20 kB, which become 40
        assert "its values take 40,000 bytes" in refusal(content, most_bytes=30_000)
        shared = torch.ones(5_000)
        assert "its values take" in refusal(packed(dict.fromkeys(map(str, range(9)), shared)), most_bytes=30_000)

    def test_a_file_that_is_not_there(self, tmp_path):
        assert "no such file" in refusal(tmp_path / "mine.pth")
        refusal(tmp_path, "mine.pth")

    def test_names_of_files_may_be_anything(self):
        assert len(refusal(b"", "a\nb" * 1000)) < 400


class TestMadeUpFiles:
    """Files that would end or hang a process that trusts torch.load with weights_only alone, or show its memory."""

    def test_tuples_in_tuples(self):
        for nest in (b"\x85" * 300_000, b"q\x00h\x00\x86" * 200):  # (((…))); and (t, t) over and over
            assert "it nests more than weights do" in refusal(with_list(b"\x80\x02})" + nest + b"K\x01s."))

    def test_a_list_of_tensors_that_is_endless(self):
        assert "longer than that of any network" in refusal(with_list(b"\x80\x02" + b"N" * 9_000_000))

    def test_a_zip_that_grows(self):
        members = members_of(packed({"a.weight": torch.zeros(1_000_000)}))
        assert "compressed" in refusal(zipped(members, compression=zipfile.ZIP_DEFLATED))

    @pytest.mark.parametrize("old", [False, True])
    def test_sizes_that_the_file_does_not_have(self, old):
        content = packed({"a.weight": torch.arange(300.0)}, old)
        size = struct.pack("<BH", ord("M"), 300)
        for place in (1, 2):  # that of the block of numbers, and that of the tensor
            larger = struct.pack("<Bi", ord("J"), 2**28)
            if old:
                damaged = nth_replaced(content, size, larger, place)
            else:
                members = members_of(content)
                members["archive/data.pkl"] = nth_replaced(members["archive/data.pkl"], size, larger, place)
                damaged = zipped(members)
            assert "damaged" in refusal(damaged)

    def test_blocks_that_do_not_follow(self):
        """torch makes room for a block that the last pickle does not name, and leaves in it what was in memory."""
        content = packed({"a.weight": torch.arange(300.0)}, old=True)
        at = content.rindex(b"\x80\x02]")  # the list of blocks
        emptied = content[:at] + b"\x80\x02]."
        left = torch.load(io.BytesIO(emptied), weights_only=True)["a.weight"]
        assert left.shape == (300,)  # of whatever
        assert "some of its values are not there" in refusal(emptied)

    def test_a_bit_that_was_turned_over(self):
        content = bytearray(packed({"a.weight": torch.ones(1000)}))
        content[content.index(struct.pack("<3f", 1, 1, 1)) + 400] ^= 1
        assert "the checksum of archive/data/0 is wrong" in refusal(bytes(content))


def nth_replaced(content: bytes, old: bytes, new: bytes, number: int) -> bytes:
    at = -1
    for _ in range(number):
        at = content.index(old, at + 1)
    return content[:at] + new + content[at + len(old) :]


class TestComparing:
    def test_it_fits(self):
        fit = compare(SQUEEZENET().state_dict(), zoo.build("squeezenet1_1", (3, 224, 224), 1000))
        assert fit.fits and not fit.head_only
        assert fit.lines() == ["all 52 tensors fit"]

    @pytest.mark.parametrize(
        "name", ["mobilenet_v2", "squeezenet1_1", "densenet121", "inception_v3", "vit_b_16", "swin_t"]
    )
    def test_another_number_of_classes(self, name):
        """As the weights of TensorFlow's authors have it: 1,001, the first of which is the background."""
        with torch.device("meta"):
            theirs = zoo.build(name, zoo.find(name).input, 1001).state_dict()
            fit = compare(theirs, zoo.build(name, zoo.find(name).input, 1000))
        if name == "inception_v3":  # whose idle head has as many
            assert [name for name, _, _ in fit.wrong] == [
                "AuxLogits.fc.weight",
                "AuxLogits.fc.bias",
                "fc.weight",
                "fc.bias",
            ]
        assert (fit.head_only, fit.outputs, fit.classes) == (True, 1001, 1000)
        assert "it has 1,001 outputs, the network 1,000" in fit.lines()[0]
        assert "give it a new head" in str(fit.error("mine.pth"))

    def test_a_backbone_without_a_head(self):
        state = {name: value for name, value in net().state_dict().items() if "head" not in name}
        fit = compare(state, net())
        assert fit.head_only and "it has none" in fit.lines()[0]
        assert compare({**state, "head.0.weight": torch.ones(2, 4)}, net()).head_only

    def test_another_network(self):
        with torch.device("meta"):
            fit = compare(
                zoo.build("torchvision:resnet50", (3, 224, 224), 1000).state_dict(),
                zoo.build("torchvision:resnet18", (3, 224, 224), 1000),
            )
        assert not fit.fits and not fit.head_only
        assert len(fit.lines()) <= 8
        told = "\n".join(fit.lines())
        large, small = (torchvision.models.get_model(name).state_dict() for name in ("resnet50", "resnet18"))
        right = [name for name in small if name in large and large[name].shape == small[name].shape]
        assert told.startswith(f"{len(right)} of the network's 122 tensors fit\nnot in the network: ")
        assert "in layer4" in told
        assert "layer1.0.conv1.weight is 64×64×1×1 and the network's 64×64×3×3" in told
        message = str(fit.error("mine.pth"))
        assert message.startswith("mine.pth does not fit the network: not in the network: ")
        assert "choose the network that it was made for" in message
        assert "\n" not in message

    def test_nothing_in_common(self):
        fit = compare({"a": torch.ones(2)}, net())
        assert fit.lines()[:2] == ["0 of the network's 9 tensors fit", "missing: 2 in conv, 5 in bn, 2 in head"]
        assert fit.lines()[2] == "not in the network: a"

    def test_a_network_is_touched_only_if_everything_fits(self):
        model, other = net(), net(8)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(ModelError, match="has 8 outputs, the network 7"):
            put({name: value + 1 for name, value in other.state_dict().items()}, model, "mine.pth")
        assert same(model.state_dict(), before)
        put({name: value + 1 for name, value in before.items()}, model, "mine.pth")
        assert same(model.state_dict(), {name: value + 1 for name, value in before.items()})

    def test_tables_of_positions_are_not_taken(self):
        """One that points outside would end the process on a GPU."""
        theirs = {"table_index": torch.tensor([0, 10**9])}
        model = nn.Module()
        model.register_buffer("table_index", torch.tensor([0, 1]))
        put(theirs, model, "mine.pth")
        assert model.table_index.tolist() == [0, 1]


class TestKeeping:
    @pytest.fixture(autouse=True)
    def folder(self, monkeypatch, tmp_path):
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        return tmp_path / "data" / "weights"

    def test_kept_and_loaded(self, folder):
        assert kept() == []
        brought = read(packed(net().state_dict()), "mine.pth")
        key = keep(brought, "mine.pth")
        assert key == f"file:{brought.digest[:12]}"
        assert keep(brought, "again.pth") == key
        (found,) = kept()
        assert (found.key, found.name) == (key, "again.pth")
        assert found.bytes == (folder / f"{brought.digest[:12]}.safetensors").stat().st_size
        assert same(load_kept(key), brought.state)
        assert not [path for path in folder.iterdir() if path.suffix not in (".safetensors", ".json")]

    def test_the_order_of_the_layers_stays(self, folder):
        state = {name: torch.ones(1) for name in ("stem.9.bias", "stem.10.bias", "body.bias", "head.bias")}
        for content in (packed(state), safetensors.torch.save(state)):
            order = list(load_kept(keep(read(content, "mine"), "mine")))
            # safetensors does not keep it: there, at least, 9 comes before 10
            assert order == list(state) if content[:2] == b"PK" else order.index("stem.9.bias") == 2

    def test_what_was_changed_since_is_not_used(self, folder):
        key = keep(read(packed(net().state_dict()), "mine.pth"), "mine.pth")
        file = folder / f"{key[5:]}.safetensors"
        safetensors.torch.save_file({name: value + 1 for name, value in net().state_dict().items()}, file)
        with pytest.raises(ModelError, match=r"mine\.pth \(file:\w{12}\) has changed in .* bring the file again"):
            load_kept(key)
        file.write_bytes(b"")
        with pytest.raises(ModelError, match="cannot be used: it is empty"):
            load_kept(key)

    @pytest.mark.parametrize("noted", ["", "[]", '{"name": 5, "digest": "0"}', '{"digest": 7}', "\x00"])
    def test_notes_that_are_damaged(self, folder, noted):
        key = keep(read(packed(net().state_dict()), "mine.pth"), "mine.pth")
        (folder / f"{key[5:]}.json").write_text(noted)
        assert [each.name for each in kept()] == [key]
        assert same(load_kept(key), net().state_dict())

    @pytest.mark.parametrize(
        "key", ["file:0123456789ab", "file:", "file:../../etc/ab", "mine.pth", "file:0123456789AB"]
    )
    def test_an_unknown_key_is_one_line(self, key):
        with pytest.raises(ModelError, match=r"unknown file of weights .* none is kept in .* bring the file again"):
            load_kept(key)
        known = keep(read(packed(net().state_dict()), "mine.pth"), "mine.pth")
        with pytest.raises(ModelError, match=rf"unknown file of weights .*choose from {known}") as caught:
            load_kept(key)
        assert "\n" not in str(caught.value)

    def test_what_does_not_belong_there_is_passed_over(self, folder):
        folder.mkdir(parents=True)
        (folder / "notes.safetensors").write_text("mine")
        assert kept() == []

    def test_a_folder_that_cannot_be_made_is_one_line(self, folder):
        folder.parent.write_text("a file where the folder should be")
        with pytest.raises(ModelError, match=r"cannot be kept in .*: free some space or mend the folder") as caught:
            keep(read(packed(net().state_dict()), "mine.pth"), "mine.pth")
        assert "\n" not in str(caught.value)

    def test_the_note_says_where_it_came_from(self, folder):
        key = keep(read(packed({"model": net().state_dict()}), "mine.pth"), "mine.pth")
        noted = json.loads((folder / f"{key[5:]}.json").read_text())
        assert (noted["name"], noted["remarks"]) == ("mine.pth", ["taken from 'model'"])


SMALL = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "a.bias": torch.ones(3),
    "bn.num_batches_tracked": torch.tensor(2),
}
SOUND = [
    packed(SMALL),
    packed(SMALL, old=True),
    packed({"state_dict": {f"module.{name}": value for name, value in SMALL.items()}, "epoch": 3}),
    packed({name: value.half() for name, value in SMALL.items() if "bn" not in name}),
    safetensors.torch.save(SMALL),
    packed(dict(nn.Linear(2, 2).named_parameters()), old=True),
]
FEW = settings(
    max_examples=100, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
MANY = settings(FEW, max_examples=60 if os.environ.get("CI") else 300)  # CI has no time for all


@st.composite
def mutated(draw) -> tuple[str, object]:
    """(kind, what it is made of): a file that was cut, overwritten, spliced, or made to run code."""
    kind = draw(st.sampled_from(["cut", "overwritten", "spliced", "relisted", "evil", "noise", "sound"]))
    raw = draw(st.sampled_from(SOUND))
    at = draw(st.integers(0, len(raw) - 1))
    patch = draw(st.binary(min_size=1, max_size=24))
    if kind == "cut":
        return kind, raw[:at]
    if kind == "overwritten":
        return kind, raw[:at] + patch + raw[at + len(patch) :]
    if kind == "spliced":
        return kind, raw[:at] + draw(st.sampled_from(SOUND))[at:]
    if kind == "relisted":  # the list of tensors overwritten, in a zip whose checksums are right
        members = members_of(draw(st.sampled_from([raw for raw in SOUND if raw.startswith(b"PK")])))
        name = next(name for name in members if name.endswith("data.pkl"))
        listed = members[name]
        at = draw(st.integers(0, len(listed) - 1))
        members[name] = listed[:at] + patch + listed[at + draw(st.integers(0, len(patch))) :]
        return kind, zipped(members)
    if kind == "evil":
        return kind, (draw(st.integers(0, 7)), draw(st.integers(0, 5)), draw(st.integers(0, 4)), patch, at)
    return kind, draw(st.binary(max_size=200)) if kind == "noise" else raw


def made(kind: str, parts, canary: Path) -> bytes:
    """The file; those that would run code name the canary."""
    if kind != "evil":
        return parts
    which, protocol, form, patch, at = parts
    evil = calls(canary)[which]
    forms = [evil, {**SMALL, "more": evil}, [evil], collections.OrderedDict(a=evil), {"state_dict": SMALL, "b": evil}]
    pickled = pickle.dumps(forms[form], protocol=protocol)
    content = [packed(forms[form]), packed(forms[form], old=True), pickled, with_list(pickled)][at % 4]
    place = random.Random(at).randrange(len(content))
    return content if at % 3 else content[:place] + patch + content[place + len(patch) :]


def check(folder: Path, given: tuple[str, object]) -> None:
    """One line, or a sound state dict; and nothing was executed."""
    kind, parts = given
    canary = folder / "canary"
    content = made(kind, parts, canary)
    for source in (content, folder / "mine.pth"):
        if isinstance(source, Path):
            source.write_bytes(content)
        try:
            found = read(source, "mine.pth", most_bytes=1_000_000)
        except ModelError as error:
            assert re.fullmatch(r"mine\.pth cannot be (used|read).*", str(error))
            assert str(error).isprintable()
            assert kind != "sound"
        else:
            assert found.state
            for name, value in found.state.items():
                assert type(value) is torch.Tensor and value.is_contiguous() and name.isprintable()
                assert value.dtype in (torch.float32, torch.int64) and torch.isfinite(value).all()
            assert same(safetensors.torch.load(safetensors.torch.save(found.state)), found.state)
    assert sorted(path.name for path in folder.iterdir()) == ["mine.pth"]
    assert not canary.exists()


@pytest.fixture
def place(tmp_path):
    return tmp_path


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@FEW
@given(given=mutated())
def test_malformed(place, given):
    check(place, given)


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@MANY
@given(given=mutated())
def test_many_malformed(place, given):
    check(place, given)
