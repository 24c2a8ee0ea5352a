"""torchvision's published weights: the list against its own enums, downloads from a server here, networks filled."""

import hashlib
import io
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
import torchvision
from torchvision.models import get_model_weights, list_models

from cvcore.cli import main
from cvcore.data.download import fetch as fetch_module
from cvcore.errors import CvcoreError, DataError, ModelError
from cvcore.models import zoo
from cvcore.transfer import published
from tests.cli import refused, run_json
from tests.data.conftest import Server

V1 = "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"
NETWORKS = list_models(module=torchvision.models)


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path):
    """torch's folder of downloaded weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(fetch_module, "_PAUSE", 0.01)
    return tmp_path / "hub" / "checkpoints"


def saved(model: torch.nn.Module, old: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def put_there(weights: published.Published, content: bytes) -> None:
    weights.file.parent.mkdir(parents=True, exist_ok=True)
    weights.file.write_bytes(content)


def varied(model: torch.nn.Module) -> torch.nn.Module:
    """`model` in evaluation mode, with statistics that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(1)
    for name, value in model.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return model.eval()


class TestList:
    @pytest.mark.parametrize("network", NETWORKS)
    def test_it_is_what_torchvision_says(self, network):
        enum = get_model_weights(network)
        found = published.published(f"torchvision:{network}")
        assert {each.entry for each in found} == {entry.name for entry in enum}
        assert found[0].entry == enum.DEFAULT.name
        assert published.published(network) == found  # ours of that name, or theirs
        for each in found:
            entry, preset = enum[each.entry], enum[each.entry].transforms()
            assert torchvision.models.get_weight(each.key.removeprefix("torchvision:")) is entry
            assert (each.network, each.url) == (network, entry.url)
            assert each.labels == tuple(entry.meta["categories"] or ())
            assert ([each.resize], [each.crop]) == (preset.resize_size, preset.crop_size)
            assert (list(each.mean), list(each.std)) == (preset.mean, preset.std)
            assert each.classes == 1000
            assert published.find(each.key) is each

    def test_there_are_80_networks_and_no_key_twice(self):
        found = published.everything()
        assert len({each.network for each in found}) == len(NETWORKS) == 80
        assert len({each.key for each in found}) == len(found)

    def test_numbers_published_elsewhere(self):
        """The file of VGG-16 has 553,433,881 bytes: 138,357,544 parameters of 4 bytes, and names. 71.592 % top-1."""
        found = published.find("torchvision:VGG16_Weights.IMAGENET1K_V1")
        assert (found.size_mb, found.top1) == (553.4, 0.71592)
        assert found.state == "needs a download of 553 MB"
        features = published.find("torchvision:VGG16_Weights.IMAGENET1K_FEATURES")
        assert (features.top1, features.labels) == (None, ())  # its classifier has no values
        assert features.std == (1 / 255,) * 3

    @pytest.mark.parametrize("network", ["lenet5", "resnet18-small", "nn.Sequential(nn.Flatten(), nn.Linear(4, 2))"])
    def test_networks_that_torchvision_does_not_have(self, network):
        assert published.published(network) == ()

    @pytest.mark.parametrize("name", ["lenet6", "torchvision:fcn_resnet50"])
    def test_networks_that_nobody_has(self, name):
        with pytest.raises(ModelError, match="unknown"):
            published.published(name)

    @pytest.mark.parametrize("key", ["", "torchvision:MobileNet_V2_Weights.IMAGENET1K_V7", "a\nb", "x" * 5000, V1[12:]])
    def test_an_unknown_key_is_one_line(self, key):
        with pytest.raises(ModelError, match=r"unknown weights .* lists all 115") as caught:
            published.find(key)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500

    def test_near_keys_are_named(self):
        with pytest.raises(ModelError, match=rf"did you mean .*{re.escape(V1)}"):
            published.find("torchvision:MobileNet_V2_Weights.IMAGENET1K_V7")

    def test_on_disk_is_looked_up_each_time(self, hub):
        found = published.find(V1)
        assert found.file == hub / "mobilenet_v2-b0353104.pth"
        assert (found.on_disk, found.state) == (False, "needs a download of 14 MB")
        put_there(found, b"")
        assert (found.on_disk, found.state) == (True, "on disk")
        with pytest.raises(FrozenInstanceError):
            found.url = ""

    def test_importing_it_imports_neither_torch_nor_streamlit(self):
        code = "import sys, cvcore.transfer.published; print({'torch', 'streamlit'} & set(sys.modules))"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.fixture
def web(monkeypatch):
    """A web server on this machine; no setting stands between it and the test."""
    monkeypatch.delenv("CVCORE_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def served(web, monkeypatch):
    """Weights whose file is on the server, where a mirror of torchvision's host is."""
    content = torch.rand(50_000).numpy().tobytes()
    digits = hashlib.sha256(content).hexdigest()[:8]
    url = f"https://download.invalid/models/mobilenet_v2-{digits}.pth"
    web.files[f"/mirror/models/mobilenet_v2-{digits}.pth"] = content
    monkeypatch.setenv("CVCORE_MIRROR", f"{web.address}/mirror")
    return web, replace(published.find(V1), url=url), content


class TestFetch:
    def test_it_comes_from_the_mirror_to_where_torch_looks(self, served, hub):
        server, weights, content = served
        heard = []
        assert published.fetch(weights, lambda *told: heard.append(told)) == weights.file
        assert weights.file.parent == hub
        assert weights.file.read_bytes() == content
        assert heard[-1] == (200_000, 200_000)
        published.fetch(weights)
        assert len(server.log) == 1  # it is there, and right

    def test_what_was_cut_off_is_resumed(self, served):
        server, weights, content = served
        server.break_after = [10_000, 20_000, 30_000]  # three in a row are given up
        with pytest.raises(DataError, match="try again to go on where it stopped"):
            published.fetch(weights)
        assert not weights.on_disk
        published.fetch(weights)
        assert [entry[1] for entry in server.log] == [None, "bytes=10000-", "bytes=30000-", "bytes=60000-"]
        assert weights.file.read_bytes() == content

    def test_a_file_with_another_checksum_is_refused(self, served, hub):
        server, weights, content = served
        server.files = dict.fromkeys(server.files, content[:-1] + b"!")
        with pytest.raises(DataError, match=r"its SHA256 begins with \w{8}, not \w{8}\);") as caught:
            published.fetch(weights)
        for part in (f"{server.address}/mirror/models/", str(weights.file), "random weights", "mend CVCORE_MIRROR"):
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not any(path.suffix in (".pth", ".part") for path in hub.iterdir())

    def test_a_damaged_file_that_is_there_is_replaced(self, served):
        _, weights, content = served
        put_there(weights, content[:70_000])
        published.fetch(weights)
        assert weights.file.read_bytes() == content

    def test_every_url_has_a_checksum(self):
        assert all(published._CHECKSUM.search(each.url) for each in published.everything())


class TestLoad:
    @pytest.mark.parametrize("name", ["mobilenet_v2", "torchvision:mobilenet_v2"])
    @pytest.mark.parametrize("old", [False, True])
    def test_the_outputs_are_torchvisions(self, name, old):
        torch.manual_seed(0)
        theirs = varied(torchvision.models.mobilenet_v2())
        put_there(published.find(V1), saved(theirs, old))
        model = zoo.build(name, (3, 224, 224), 1000).eval()
        published.fill(model, published.find(V1))
        images = torch.rand(2, 3, 96, 96)
        with torch.inference_mode():
            torch.testing.assert_close(model(images), theirs(images), rtol=0, atol=1e-5)

    def test_names_of_old_files(self):
        """Files of DenseNet have norm.1 where the network has norm1, and no counters of batches."""
        theirs = varied(torchvision.models.densenet121())
        old = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])\.")
        state = {old.sub(r"\1.\2.", name): value for name, value in theirs.state_dict().items() if "num_b" not in name}
        assert "features.denseblock1.denselayer1.norm.1.weight" in state
        weights = published.find("torchvision:DenseNet121_Weights.IMAGENET1K_V1")
        buffer = io.BytesIO()
        torch.save(state, buffer)
        put_there(weights, buffer.getvalue())
        for name in ("densenet121", "torchvision:densenet121"):
            model = zoo.build(name, (3, 224, 224), 1000).eval()
            published.fill(model, weights)
            images = torch.rand(1, 3, 64, 64)
            with torch.inference_mode():
                torch.testing.assert_close(model(images), theirs(images), rtol=0, atol=1e-5)

    def test_names_of_old_vision_transformers(self):
        theirs = torchvision.models.VisionTransformer(
            32, 16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16
        ).state_dict()
        state = {
            name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): theirs[name] for name in theirs
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        weights = published.find("torchvision:ViT_B_16_Weights.IMAGENET1K_V1")
        put_there(weights, buffer.getvalue())
        assert published.load(weights).keys() == theirs.keys()

    @pytest.mark.parametrize("network", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.sweep)])
    def test_heads_that_only_torchvision_trains_with(self, network):
        """GoogLeNet's go, as in the zoo's network; Inception's stays, idle; both prepare images in their own way."""
        theirs = varied(torchvision.models.get_model(network, transform_input=True, init_weights=False))
        weights = published.published(network)[0]
        put_there(weights, saved(theirs))
        model = zoo.build(network, (3, 299, 299), 1000).eval()
        state = published.load(weights)
        assert state.keys() == model.state_dict().keys()
        assert any("aux" in name.lower() for name in state) == (network == "inception_v3")
        published.fill(model, weights)
        images = torch.rand(1, 3, 96, 96)
        with torch.inference_mode():
            torch.testing.assert_close(model(images), theirs(images), rtol=0, atol=1e-4)

    @pytest.mark.parametrize("network", ["mnasnet0_5", "swin_t", "shufflenet_v2_x0_5", "squeezenet1_1"])
    def test_networks_with_habits_of_their_own(self, network):
        """MNASNet asks for a version, Swin has tables of positions, SqueezeNet ends in a convolution."""
        theirs = torchvision.models.get_model(network)
        weights = published.published(network)[-1]
        put_there(weights, saved(theirs))
        model = zoo.build(network, (3, 224, 224), 1000)
        published.fill(model, weights)
        for name, value in theirs.state_dict().items():
            assert torch.equal(model.state_dict()[name], value), name

    def test_values_that_were_never_published(self):
        """VGG_16 has features of SSD whose classifier is NaN: what is there can be reused."""
        weights = published.find("torchvision:VGG16_Weights.IMAGENET1K_FEATURES")
        buffer = io.BytesIO()
        torch.save({"classifier.0.weight": torch.full((2, 2), torch.nan)}, buffer)
        put_there(weights, buffer.getvalue())
        assert published.load(weights)["classifier.0.weight"].isnan().all()

    def test_what_is_not_on_disk_is_one_line_that_helps(self, hub):
        with pytest.raises(ModelError) as caught:
            published.load(published.find(V1))
        for part in ("https://download.pytorch.org/models/mobilenet_v2-b0353104.pth", str(hub), V1, "14 MB"):
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"not a file of torch", b"PK\x03\x04" + bytes(60)])
    def test_a_damaged_file_is_one_line(self, content):
        put_there(published.find(V1), content)
        with pytest.raises(ModelError, match="does not hold the weights of mobilenet_v2: delete it") as caught:
            published.load(published.find(V1))
        assert "\n" not in str(caught.value)

    def test_weights_of_another_network_change_nothing(self):
        put_there(published.find(V1), saved(torchvision.models.squeezenet1_1()))
        model = zoo.build("mobilenet_v2", (3, 224, 224), 1000)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(CvcoreError, match="does not fit the network"):
            published.fill(model, published.find(V1))
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class TestCommand:
    def test_the_list_is_the_contract(self, capsys, hub):
        put_there(published.find(V1), b"")
        (new, old) = run_json(capsys, "weights", "mobilenet_v2")["weights"]
        assert list(old) == ["name", "network", "url", "size_mb", "top1", "state", "file"]
        assert (old["name"], old["state"], old["top1"]) == (V1, "on disk", 0.71878)
        assert (new["state"], new["file"]) == ("needs a download of 14 MB", str(hub / "mobilenet_v2-7ebf99e0.pth"))

    def test_without_a_network_it_lists_all(self, capsys):
        assert len(run_json(capsys, "weights")["weights"]) == 115
        assert main(["weights", "vgg16"]) == 0
        assert "torchvision:VGG16_Weights.IMAGENET1K_V1" in capsys.readouterr().out

    def test_a_network_without_any(self, capsys):
        assert run_json(capsys, "weights", "lenet5") == {"weights": []}
        assert main(["weights", "lenet5"]) == 0
        assert "publishes no weights for lenet5" in capsys.readouterr().out

    def test_download(self, capsys, served, monkeypatch):
        _, weights, content = served
        monkeypatch.setattr(published, "find", lambda key: weights)
        (row,) = run_json(capsys, "weights", "--download", V1)["weights"]
        assert row["state"] == "on disk"
        assert weights.file.read_bytes() == content

    def test_bad_input_is_one_line(self, capsys, web, monkeypatch):
        assert "unknown model" in refused(capsys, "weights", "lenet6")
        assert "unknown weights" in refused(capsys, "weights", "--download", "mobilenet_v2")
        monkeypatch.setenv("CVCORE_MIRROR", web.address)
        told = refused(capsys, "weights", "--download", V1)
        assert "404 Not Found" in told and "mobilenet_v2-b0353104.pth" in told


@pytest.mark.sweep
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_takes_a_file_that_torchvision_wrote(network):
    """Names, shapes and versions of all 80; the largest are compared without values."""
    from cvcore.transfer.weight_fit import compare

    with torch.device("meta"):
        model = zoo.build(network, zoo.find(network).input, 1000)
        options = {"init_weights": False} if network in ("googlenet", "inception_v3") else {}
    if sum(value.numel() for value in model.parameters()) > 30e6:
        with torch.device("meta"):
            theirs = zoo.build(f"torchvision:{network}", zoo.find(network).input, 1000)
        assert compare(theirs.state_dict(), model).fits
        return
    theirs = torchvision.models.get_model(network, **options)
    weights = published.published(network)[0]
    put_there(weights, saved(theirs, old=len(network) % 2 == 0))
    model = zoo.build(network, zoo.find(network).input, 1000)
    published.fill(model, weights)
    found, expected = model.state_dict(), theirs.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in found)
