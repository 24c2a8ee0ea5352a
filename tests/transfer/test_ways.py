"""Strategies side by side, and how far each moved what it reused."""

import pytest
import torch

from cvcore.errors import ConfigError, CvcoreError
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.transfer import ways
from cvcore.transfer.cache import difference
from cvcore.transfer.drift import drift, largest
from cvcore.transfer.heads import with_head
from cvcore.transfer.strategies import by_block
from tests.cli import refused, run_json
from tests.transfer.backbone_runs import GLYPHS, trained


@pytest.fixture
def comparison(runs):
    source = ways.resolved("glyphs", "bn-cnn", runs)
    data = ways.usual_data("digits", 3, 1, source, "bn-cnn")
    return ways.Comparison(data, "bn-cnn", source, {**ways.usual_training(data, 1), "epochs": 3})


def test_all_share_images_seed_and_evaluation(comparison):
    configs = [comparison.config(each.key) for each in ways.WAYS]
    assert len({config.run_id() for config in configs}) == len(ways.WAYS)
    assert len({config.data.model_dump_json() for config in configs}) == 1
    assert len({config.train.model_dump_json() for config in configs}) == 1
    assert configs[0].train.batch_size == 20  # 3 images of each of ten classes are 30


def test_a_setting_goes_to_those_that_have_use_for_it(runs):
    asked = ways.Comparison({"name": "digits"}, "bn-cnn", GLYPHS, {}, {"factor": 0.5, "unfreeze": 3, "head": "mlp"})
    told = {each.key: asked.config(each.key).transfer for each in ways.WAYS if each.key != "scratch"}
    assert told.pop("deepen").head == "replace"  # it has its own head
    assert {key: (each.factor, each.unfreeze) for key, each in told.items()} == {
        "features": (0.1, 1),
        "frozen": (0.1, 1),
        "frozen-moving": (0.1, 1),
        "finetune": (0.1, 1),
        "discriminative": (0.5, 1),
        "warmup-finetune": (0.5, 3),
        "gradual": (0.5, 3),
    }
    assert {each.head for each in told.values()} == {"mlp"}


@pytest.mark.parametrize(
    ("weights", "size", "fit"),
    [
        ("MobileNet_V2_Weights.IMAGENET1K_V1", 224, "crop-256"),  # as torchvision's transforms() of each say
        ("MobileNet_V2_Weights.IMAGENET1K_V2", 224, "crop-232"),
        ("EfficientNet_B1_Weights.IMAGENET1K_V1", 240, "crop-256"),
        ("ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1", 384, "crop"),
    ],
)
def test_images_are_prepared_as_the_weights_were_tested(weights, size, fit):
    data = ways.usual_data("digits", 0, 0, f"torchvision:{weights}", "")
    assert (data["size"], data["fit"], data["normalize"]) == (size, fit, "imagenet")


class TestDrift:
    def test_only_the_head_of_a_frozen_network_moves(self, runs, comparison):
        for key in ("features", "frozen"):
            run = trained(runs, comparison.config(key))
            moved = drift(run, runs)
            assert [each.block for each in moved] == ["stage1", "stage2", "stage3", "head"]
            assert largest(moved) == 0.0
            assert moved[-1].largest > 0
        moved = drift(trained(runs, comparison.config("frozen-moving")), runs)
        assert max(each.largest for each in moved[:-1]) == 0.0 < min(each.statistics for each in moved[:-1])
        before = load_weights(runs.find(GLYPHS).path / "best.pt")
        after = load_weights(trained(runs, comparison.config("frozen-moving")).path / "best.pt")
        names = [f"stage1.bn.{name}" for name in ("running_mean", "running_var")]  # by hand: |Δ| / |before|
        change = torch.cat([(after[name] - before[name]).double() for name in names]).norm()
        share = change / torch.cat([before[name].double() for name in names]).norm()
        assert moved[0].relative_statistics == pytest.approx(share.item())
        assert difference(trained(runs, comparison.config("features")), runs) == (256, pytest.approx(0, abs=1e-5))

    def test_it_is_the_largest_change_by_hand(self, runs, comparison):
        run = trained(runs, comparison.config("finetune"))
        before = load_weights(runs.find(GLYPHS).path / "best.pt")
        after = load_weights(run.path / "best.pt")
        (first, *_) = drift(run, runs)
        names = [name for name in after if name.startswith("stage1.") and "num_batches" not in name]
        weights = [name for name in names if "running" not in name]
        by_hand = max((after[name] - before[name]).abs().max().item() for name in weights)
        assert first.largest == pytest.approx(by_hand)
        statistics = [(after[name] - before[name]).abs().max().item() for name in names if "running" in name]
        assert first.statistics == pytest.approx(max(statistics))
        length = torch.cat([before[name].flatten() for name in weights]).norm().item()
        change = torch.cat([(after[name] - before[name]).flatten() for name in weights]).norm().item()
        assert first.relative == pytest.approx(change / length, rel=1e-4)

    def test_statistics_move_where_they_are_let(self, runs, comparison):
        config = comparison.config("frozen")
        moving = config.model_copy(
            update={"transfer": config.transfer.model_copy(update={"statistics": "moving"})}
        )  # fmt: skip
        moved = drift(trained(runs, moving), runs)
        assert all(each.largest == 0 and each.statistics > 0 for each in moved[:-1])

    def test_from_scratch_it_is_told_from_the_same_random_start(self, runs, comparison):
        run = trained(runs, comparison.config("scratch"))
        first = load_weights(run.path / "epochs" / "0000.pt") if (run.path / "epochs" / "0000.pt").exists() else None
        moved = drift(run, runs)
        assert all(0 < each.relative < 10 for each in moved)
        if first is not None:
            after = load_weights(run.path / "best.pt")
            by_hand = (after["stage1.conv.weight"] - first["stage1.conv.weight"]).abs().max().item()
            assert moved[0].largest >= by_hand - 1e-7

    def test_what_a_network_owns_itself_counts_and_nothing_counts_twice(self):
        """A vision transformer's class token is no layer's, and its position embedding lies around its layers."""
        with torch.device("meta"):
            network = with_head("torchvision:vit_b_32", (3, 224, 224), 2, "replace")
            found = by_block(network, network.model.state_dict())
        assert found["own"] == ["class_token"]
        assert found["encoder"] == ["encoder.pos_embedding"]
        everything = [name for names in found.values() for name in names]
        assert (
            len(everything) == len(set(everything)) == len(network.model.state_dict()) - 2
        )  # weight and bias of the head


class TestWeights:
    @pytest.mark.parametrize("word", ["glyphs", GLYPHS])
    def test_bundled_backbones_by_name(self, runs, word):
        assert ways.resolved(word, "bn-cnn", runs) == GLYPHS

    def test_of_imagenet_they_are_torchvisions_default(self, runs):
        assert ways.resolved("imagenet", "mobilenet_v2", runs) == "torchvision:MobileNet_V2_Weights.IMAGENET1K_V2"
        with pytest.raises(ConfigError, match="torchvision has none for bn-cnn"):
            ways.resolved("imagenet", "bn-cnn", runs)

    def test_a_file_is_checked_and_kept(self, runs, tmp_path):
        from cvcore.models import zoo

        torch.manual_seed(0)
        model = zoo.build("bn-cnn", (1, 28, 28), 36)
        torch.save(model.state_dict(), tmp_path / "mine.pth")
        source = ways.resolved(str(tmp_path / "mine.pth"), "bn-cnn", runs)
        assert source.startswith("file:")
        data = ways.usual_data("digits", 3, 0, source, "bn-cnn")
        asked = ways.Comparison(data, "bn-cnn", source, {**ways.usual_training(data, 0), "epochs": 1})
        run = trained(runs, asked.config("features"))
        after = load_weights(run.path / "best.pt")
        assert torch.equal(after["stage1.conv.weight"], model.state_dict()["stage1.conv.weight"])

    @pytest.mark.parametrize("word", ["nothing", "nowhere.pth", "torchvision:Nothing.V1", "file:000000000000"])
    def test_what_is_not_there_is_one_line(self, runs, word):
        with pytest.raises(CvcoreError) as told:
            source = ways.resolved(word, "bn-cnn", runs)
            checked(ways.Comparison({"name": "digits"}, "bn-cnn", source).config("finetune"), runs)
        assert "\n" not in str(told.value)


class TestCommand:
    def test_strategies_side_by_side(self, capsys):
        told = run_json(
            capsys, "transfer", "--data", "digits", "--per-class", "2", "--epochs", "2",
            "--strategies", "scratch,features,finetune",
        )  # fmt: skip
        assert set(told) == {"data", "backbone", "weights", "results"}
        assert (told["data"], told["backbone"], told["weights"]) == ("digits", "bn-cnn", GLYPHS)
        scratch, features, finetune = told["results"]
        assert [each["strategy"] for each in told["results"]] == ["scratch", "features", "finetune"]
        # 64·10 weights and 10 biases of the head; 70,330 by the sum over all layers
        assert [each["trainable_params"] for each in told["results"]] == [70_330, 650, 70_330]
        assert features["backbone_drift"] == 0 < finetune["backbone_drift"]
        assert features["seconds"]["features"] > 0 == scratch["seconds"]["features"]
        assert len({each["latency_ms"] for each in told["results"]}) == 1  # one network, measured once
        assert 0 < scratch["latency_ms"] < 1000
        again = run_json(
            capsys, "transfer", "--data", "digits", "--per-class", "2", "--epochs", "2", "--strategies", "features"
        )
        assert again["results"][0]["cached"]
        assert again["results"][0]["run_id"] == features["run_id"]

    def test_images_of_another_size_and_what_is_trained_takes_no_time(self, capsys):
        asked = ["--data", "digits", "--per-class", "2", "--epochs", "1", "--strategies", "scratch", "--size", "20"]
        told = run_json(capsys, "transfer", *asked)["results"][0]
        assert told["status"] == "done"
        again = run_json(capsys, "transfer", *asked, "--within", "0.000001")["results"][0]
        assert again["cached"] and again["run_id"] == told["run_id"]

    def test_what_each_would_take_is_told_before(self, capsys, runs):
        asked = ["--data", "digits", "--per-class", "2", "--seed", "7", "--epochs", "4"]
        asked += ["--strategies", "features,warmup-finetune"]
        told = run_json(capsys, "transfer", *asked, "--preflight")["strategies"]
        assert [each["strategy"] for each in told] == ["features", "warmup-finetune"]
        assert [each["trainable_params"] for each in told] == [650, 70_330]
        assert told[0]["seconds_before"] > 0 == told[1]["seconds_before"]  # the features
        for each in told:
            once = each["seconds_before"] + each["seconds_after"]
            assert each["seconds_in_all"] == pytest.approx(4 * each["seconds_per_epoch"] + once)
        refusal = refused(capsys, "transfer", *asked, "--within", "0.001")
        assert "features is predicted to take" in refusal and "leave it out" in refusal
        for given in ("nan", "-1", "inf"):
            assert "within: given" in refused(capsys, "transfer", *asked, "--within", given)
        assert not [run for run in runs.list() if not run.shipped]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--strategies", "frozn"], "unknown strategy 'frozn' (did you mean frozen"),
            (["--weights", "none", "--strategies", "features"], "which needs weights"),
            (["--weights", "nothing"], "unknown run 'nothing'"),
            (["--per-class", "many"], "per-class"),
            (["--size", "20", "--fit", "crop-8"], "fit: given crop-8 with the size 20"),
            (["--weights", "nothing", "--strategies", "bogus"], "unknown strategy 'bogus'"),
            (["--seed", "-1"], "split_seed: given -1"),
            (["--backbone", "resnet19"], "unknown model 'resnet19'"),
            (["--head", "longer"], "head: given 'longer'"),
            (["--backbone", "lenet5"], "but glyphs-bn-cnn"),
        ],
    )
    def test_bad_input_is_one_line(self, capsys, arguments, told):
        assert told in refused(capsys, "transfer", "--data", "digits", *arguments)
