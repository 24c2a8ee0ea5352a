"""A linear head as convolutions: equal at the size it was built for, and a sliding window on larger images."""

import gc
import weakref

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from cvcore.analysis.inside.fully_convolutional import as_convolution, class_maps, fully_convolutional
from cvcore.errors import ModelError


def slim_vgg(classes: int = 7) -> nn.Module:
    """torchvision's VGG-11 with a sixteenth of the channels and a narrow head."""
    torch.manual_seed(0)
    with torch.device("meta"):  # its own head would take 400 MB
        model = torchvision.models.VGG(nn.Identity())
    model.features = torchvision.models.vgg.make_layers([4, "M", 8, "M", 16, 16, "M", 32, 32, "M", 32, 32, "M"])
    widths = ((32 * 7 * 7, 48), (48, 48), (48, classes))
    linear = [nn.Linear(*width) for width in widths]
    model.classifier = nn.Sequential(linear[0], nn.ReLU(True), nn.Dropout(), linear[1], nn.ReLU(True), nn.Dropout())
    model.classifier.append(linear[2])
    return model.eval()


def image(side: int, channels: int = 3, dtype=torch.float32) -> torch.Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(
        dtype
    )


def relative_difference(model: nn.Module, shape: tuple[int, int, int]) -> float:
    dtype = next(model.parameters()).dtype
    inputs = image(shape[1], shape[0], dtype)
    with torch.no_grad():
        direct, scores = model(inputs), fully_convolutional(model, shape).eval()(inputs)
    assert scores.shape == (*direct.shape, 1, 1)
    return ((scores[..., 0, 0] - direct).abs().max() / direct.abs().max()).item()


class TestEquality:
    def test_vgg_at_224(self):
        assert relative_difference(slim_vgg(), (3, 224, 224)) < 1e-4
        assert relative_difference(slim_vgg().double(), (3, 224, 224)) < 1e-9

    @pytest.mark.parametrize("side", [224, 448])
    def test_with_pooling_that_is_not_the_identity(self, side):
        # at 448 the adaptive pooling averages 2×2 values; so does the pooling with a fixed window
        assert relative_difference(slim_vgg().double(), (3, side, side)) < 1e-9

    def test_alexnet(self):
        torch.manual_seed(0)
        assert relative_difference(torchvision.models.alexnet(num_classes=5).eval(), (3, 224, 224)) < 1e-4

    @pytest.mark.sweep
    def test_vgg11_in_full(self):
        torch.manual_seed(0)
        assert relative_difference(torchvision.models.vgg11().eval(), (3, 224, 224)) < 1e-4

    def test_a_chain_of_ones_own(self):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2)), nn.Flatten(), nn.Linear(4 * 5 * 5, 9)
        )
        model = nn.Sequential(model, nn.Sigmoid(), nn.Linear(9, 3)).double().eval()
        assert relative_difference(model, (1, 12, 12)) < 1e-9

    def test_a_global_average_before_the_head(self):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
        assert relative_difference(model.double().eval(), (3, 16, 16)) < 1e-9


class TestMaps:
    @pytest.mark.parametrize(("side", "places"), [(224, 1), (256, 2), (448, 8)])
    def test_sizes_of_the_class_map(self, side, places):
        # the five poolings leave side/32 rows: 7, 8, 14; a 7×7 window has side/32 − 6 places
        found = class_maps(slim_vgg(), (3, 224, 224), [image(side)])[0]
        assert found.scores.shape == (7, places, places)
        assert found.entering == (32, side // 32, side // 32) and found.expected == (32, 7, 7)
        assert found.average == pytest.approx(found.scores.reshape(7, -1).mean(1))

    def test_each_place_is_the_network_on_its_window(self):
        # one unpadded layer, window 4, head 3×3: the place (r, c) sees the pixels r..r+5, c..c+5
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(27, 2)).double().eval()
        large = image(9, 1, torch.float64)
        scores = class_maps(model, (1, 6, 6), [large])[0].scores
        assert scores.shape == (2, 4, 4)
        for row in range(4):
            for column in range(4):
                window = large[..., row : row + 6, column : column + 6]
                assert model(window)[0].tolist() == pytest.approx(scores[:, row, column].tolist(), abs=1e-12)

    def test_without_adaptive_pooling_a_larger_image_breaks_the_linear_layer(self):
        model = slim_vgg()
        with_pool = class_maps(model, (3, 224, 224), [image(448)])[0]
        assert with_pool.direct is not None
        with torch.no_grad():  # it averages 14×14 features to 7×7 first
            pooled = F.avg_pool2d(model.features(image(448)), 2)
            assert with_pool.direct == pytest.approx(model.classifier(pooled.flatten(1))[0].numpy(), abs=1e-5)
        model.avgpool = nn.Identity()
        without = class_maps(model, (3, 224, 224), [image(224), image(448)])
        assert without[0].direct is not None and without[1].direct is None
        assert "mat1 and mat2 shapes cannot be multiplied" in without[1].reason
        assert without[1].scores.shape == (7, 8, 8)

    def test_too_small_an_image(self):
        with pytest.raises(ModelError, match="3×64×64 images are too small"):
            class_maps(slim_vgg(), (3, 224, 224), [image(64)])


class TestMemory:
    def test_weights_are_shared_and_the_model_is_as_before(self):
        model = slim_vgg().train()
        model.classifier[2].eval()
        before = {name: (value.data_ptr(), value.clone()) for name, value in model.state_dict().items()}
        converted = fully_convolutional(model, (3, 224, 224))
        own = {tensor.data_ptr() for tensor in model.parameters()}
        assert {tensor.data_ptr() for tensor in converted.parameters()} == own
        class_maps(model, (3, 224, 224), [image(224)])
        after = model.state_dict()
        assert all(after[name].data_ptr() == at and torch.equal(after[name], was) for name, (at, was) in before.items())
        assert model.training and model.classifier[5].training and not model.classifier[2].training
        assert all(parameter.requires_grad for parameter in model.parameters())

    def test_the_weights_are_freed_at_once(self):
        model = slim_vgg()
        weights = weakref.ref(model.classifier[0].weight)
        gc.disable()  # so that only what nobody refers to goes, without a search for circles
        try:
            class_maps(model, (3, 224, 224), [image(224)])
            del model
            assert weights() is None
        finally:
            gc.enable()

    def test_vgg16_on_the_meta_device(self):
        with torch.device("meta"):
            converted = fully_convolutional(torchvision.models.vgg16(), (3, 224, 224))
        heads = [tuple(layer.weight.shape) for layer in converted.head if isinstance(layer, nn.Conv2d)]
        assert heads == [(4096, 512, 7, 7), (4096, 4096, 1, 1), (1000, 4096, 1, 1)]
        assert sum(parameter.numel() for parameter in converted.parameters()) == 138_357_544

    def test_the_window_of_a_linear_layer(self):
        # two channels of 1×2: weight [out, channel, row, column] in the order in which Flatten lays them out
        linear = nn.Linear(4, 1, bias=False)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[1.0, 2, 3, 4]]))
        conv = as_convolution(linear, (2, 1, 2))
        assert conv.weight.tolist() == [[[[1, 2]], [[3, 4]]]]
        assert conv(torch.tensor([[[[1.0, 10]], [[100, 1000]]]])).item() == 1 + 20 + 300 + 4000


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "said"),
        [("resnet18", "branches"), ("mobilenet_v2", "branches"), ("googlenet", "branches")],
    )
    def test_networks_that_are_no_chain(self, name, said):
        options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
        with torch.device("meta"), pytest.raises(ModelError, match=said):
            fully_convolutional(torchvision.models.get_model(name, **options), (3, 224, 224))

    def test_no_head(self):
        with pytest.raises(ModelError, match="nothing to convert"):
            fully_convolutional(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), (3, 8, 8))

    def test_what_has_no_counterpart_on_maps(self):
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.LayerNorm(4), nn.Linear(4, 2))
        with pytest.raises(ModelError, match="a LayerNorm after Flatten"):
            fully_convolutional(model, (3, 2, 2))

    def test_uneven_pooling(self):
        with torch.device("meta"), pytest.raises(ModelError, match="brings 8×8 to 7×7 with windows of several sizes"):
            fully_convolutional(torchvision.models.vgg11(), (3, 256, 256))
