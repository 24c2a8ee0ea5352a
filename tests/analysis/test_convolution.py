import random

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from cvcore.analysis import convolution as conv
from cvcore.analysis.arithmetic import number_text
from cvcore.analysis.kernels import KERNELS, WORKED_IMAGE
from cvcore.errors import ConfigError

TORCH_PADDING = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate"}
WORKED_KERNEL = KERNELS["worked-example"].array


def torch_convolve(image, kernel, padding, mode, stride, bias) -> np.ndarray:
    """conv2d's answer for one filter, [H', W']."""
    padded = functional.pad(torch.from_numpy(image)[None], (padding,) * 4, mode=TORCH_PADDING[mode])
    weights = np.broadcast_to(kernel, (len(image), *kernel.shape[-2:])).copy()
    biases = torch.tensor([bias], dtype=torch.float64)
    return functional.conv2d(padded, torch.from_numpy(weights)[None], biases, stride=stride)[0, 0].numpy()


def random_case(seed: int):
    """(random generator, image [C, H, W]): 1 to 4 channels, 5 to 20 pixels a side."""
    choose = random.Random(seed)
    shape = (choose.randint(1, 4), choose.randint(5, 20), choose.randint(5, 20))
    return choose, np.random.default_rng(seed).normal(size=shape)


class TestConvolve:
    @pytest.mark.parametrize("seed", range(60))
    def test_equals_conv2d(self, seed):
        choose, image = random_case(seed)
        mode = choose.choice(list(conv.PADDING_MODES))
        padding, stride, bias = choose.randint(0, 4), choose.randint(1, 4), choose.uniform(-2, 2)
        size = (choose.randint(1, 5), choose.randint(1, 5))  # even ones and oblong ones too
        shape = size if choose.random() < 0.3 else (len(image), *size)
        kernel = np.random.default_rng(seed).normal(size=shape)
        given = {"padding": padding, "mode": mode, "stride": stride}
        expected = torch_convolve(image, kernel, padding, mode, stride, bias)
        found = conv.convolve(image, kernel, **given, bias=bias)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose(conv.channel_sums(image, kernel, **given).sum(axis=0) + bias, expected, atol=1e-5)
        row, column = choose.randrange(found.shape[0]), choose.randrange(found.shape[1])
        one = conv.arithmetic(image, kernel, row, column, **given, bias=bias)
        assert one.total == pytest.approx(expected[row, column], abs=1e-5)
        assert (one.top, one.left) == (row * stride - padding, column * stride - padding)

    def test_bytes_do_not_overflow(self):
        image = np.full((3, 3, 3), 255, np.uint8)
        assert conv.convolve(image, np.ones((3, 3), np.uint8)).tolist() == [[3 * 9 * 255]]

    def test_the_image_is_left_as_it_was(self):
        image = np.ones((1, 4, 4))
        one = conv.arithmetic(image, np.ones((2, 2)), 0, 0)
        one.window[:] = 7
        assert image.min() == image.max() == 1


class TestWorkedExample:
    def test_by_hand(self):
        # 1·2 + 2·0 + 3·1  +  0·0 + 1·1 + 2·2  +  3·1 + 0·0 + 1·2  =  5 + 5 + 5  =  15
        assert WORKED_IMAGE[0, :3, :3].tolist() == [[1, 2, 3], [0, 1, 2], [3, 0, 1]]
        one = conv.arithmetic(WORKED_IMAGE, WORKED_KERNEL, 0, 0)
        assert one.products[0].tolist() == [[2, 0, 3], [0, 1, 4], [3, 0, 2]]
        assert one.total == 15
        assert one.text() == "1·2 + 2·0 + 3·1 + 0·0 + 1·1 + 2·2 + 3·1 + 0·0 + 1·2 = 15"

    def test_the_next_windows_by_hand(self):
        # one to the right: 2·2 + 3·0 + 0·1 + 1·0 + 2·1 + 3·2 + 0·1 + 1·0 + 2·2 = 4 + 8 + 4 = 16
        # one down:         0·2 + 1·0 + 2·1 + 3·0 + 0·1 + 1·2 + 2·1 + 3·0 + 0·2 = 2 + 2 + 2 = 6
        found = conv.convolve(WORKED_IMAGE, WORKED_KERNEL)
        assert found.shape == (3, 3)
        assert (found[0, 0], found[0, 1], found[1, 0]) == (15, 16, 6)

    def test_channels_are_summed_and_the_bias_comes_once(self):
        # the same window in two channels, 15 each, the second kernel turned negative and halved: 15 − 7.5 + 2 = 9.5
        image = np.concatenate([WORKED_IMAGE, WORKED_IMAGE])
        one = conv.arithmetic(image, np.stack([WORKED_KERNEL, -WORKED_KERNEL / 2]), 0, 0, bias=2)
        assert one.sums.tolist() == [15, -7.5]
        assert one.total_text(["a", "b"]) == "a 15 + b (−7.5) + bias 2 = 9.5"


class TestPool:
    @pytest.mark.parametrize("seed", range(60))
    def test_equals_torch(self, seed):
        choose, image = random_case(seed)
        size = choose.randint(1, 5)
        padding, counted = choose.randint(0, size // 2), choose.random() < 0.5
        stride = choose.choice([None, 1, 2, 3])
        tensor = torch.from_numpy(image)[None]
        expected = {
            "max": functional.max_pool2d(tensor, size, stride, padding),
            "average": functional.avg_pool2d(tensor, size, stride, padding, count_include_pad=counted),
        }
        for kind, answer in expected.items():
            given = {"stride": stride, "padding": padding, "kind": kind, "count_include_pad": counted}
            found = conv.pool(image, size, **given)
            np.testing.assert_allclose(found, answer[0].numpy(), atol=1e-5)
            row, column = choose.randrange(found.shape[1]), choose.randrange(found.shape[2])
            one = conv.pool_arithmetic(image, size, row, column, **given)
            np.testing.assert_allclose(one.values, answer[0, :, row, column].numpy(), atol=1e-5)

    def test_written_out(self):
        # the worked image begins 1 2 / 0 1: the largest is 2, the mean (1 + 2 + 0 + 1) / 4 = 1
        assert conv.pool_arithmetic(WORKED_IMAGE, 2, 0, 0).text() == "max(1, 2, 0, 1) = 2"
        assert conv.pool_arithmetic(WORKED_IMAGE, 2, 0, 0, kind="average").text() == "(1 + 2 + 0 + 1) / 4 = 1"

    def test_padding_never_wins_a_maximum(self):
        negative = np.full((1, 4, 4), -3.0)
        assert conv.pool(negative, 2, padding=1).max() == -3
        assert conv.pool_arithmetic(negative, 2, 0, 0, padding=1).text() == "max(−∞, −∞, −∞, −3) = −3"


class TestText:
    def test_negative_factors_stand_in_brackets(self):
        one = conv.arithmetic([[1, 200]], [[-1, 1]], 0, 0)
        assert one.text() == "1·(−1) + 200·1 = 199"

    def test_rounding_is_admitted(self):
        eleventh = conv.arithmetic([[1, 1]], [[1 / 11, 2 / 11]], 0, 0)
        assert eleventh.text() == "1·0.0909 + 1·0.182 ≈ 0.273"

    def test_blurs_are_written_in_whole_numbers(self):
        # one row of the 3×3 box: (1 + 2 + 3) / 9 = 0.666…
        third = conv.arithmetic([[1, 2, 3]], [[1 / 9, 1 / 9, 1 / 9]], 0, 0)
        assert third.text() == "(1·1 + 2·1 + 3·1) / 9 ≈ 0.667"

    @pytest.mark.parametrize(("value", "text"), [(1e-12, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (1234.567, "1234.57")])
    def test_numbers(self, value, text):
        assert number_text(value) == text


class TestPresets:
    def test_sizes_and_one_line_each(self):
        for kernel in KERNELS.values():
            assert kernel.array.shape in [(3, 3), (5, 5), (7, 7)]
            assert kernel.about and "\n" not in kernel.about

    def test_blurs_keep_the_brightness_and_edges_ignore_it(self):
        flat = np.full((1, 9, 9), 7)
        for name, kernel in KERNELS.items():
            found = conv.convolve(flat, kernel.array)
            if name.startswith(("box", "gaussian")) or name in ("identity", "sharpen", "emboss"):
                np.testing.assert_allclose(found, 7)
            elif name != "worked-example":
                np.testing.assert_allclose(found, 0, atol=1e-12)

    def test_gaussians_are_those_of_the_textbook(self):
        expected = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
        np.testing.assert_allclose(KERNELS["gaussian-5"].array, expected)
        assert KERNELS["gaussian-7"].array[3].tolist() == [20 * n / 4096 for n in (1, 6, 15, 20, 15, 6, 1)]

    def test_sobel_is_the_slope_of_a_ramp(self):
        # brightness rises by 3 a pixel to the right: 2 pixels apart in rows that count 1, 2, 1: 3·2·4 = 24
        ramp = np.tile(3 * np.arange(6), (5, 1))
        assert set(conv.convolve(ramp, KERNELS["sobel-x"].array).flat) == {24}
        assert set(conv.convolve(ramp.T, KERNELS["sobel-y"].array).flat) == {24}


IMAGE = np.zeros((2, 4, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conv.convolve(IMAGE, np.ones((5, 5))), "5×5 window is larger than the padded image, 4×4"),
        (lambda: conv.convolve(IMAGE, np.ones((3, 3)), stride=0), "stride must be a whole number, 1 or more, got 0"),
        (
            lambda: conv.convolve(IMAGE, np.ones((3, 3)), padding=-1),
            "padding must be a whole number, 0 or more",
        ),
        (lambda: conv.convolve(IMAGE, np.ones((3, 3)), padding=1.5), "padding must be a whole number"),
        (lambda: conv.convolve(IMAGE, np.ones((3, 3)), padding=True), "padding must be a whole number"),
        (
            lambda: conv.convolve(IMAGE, np.ones((3, 3)), mode="mirror"),
            "zeros, reflect, replicate, got 'mirror'",
        ),
        (lambda: conv.convolve(IMAGE, np.ones((3, 3)), padding=4, mode="reflect"), "at most 3"),
        (lambda: conv.convolve(IMAGE, np.ones((3, 3, 3))), "kernel has 3 channels and the image 2"),
        (lambda: conv.convolve(IMAGE, [[1, 2], [3]]), "kernel: all rows must have the same number"),
        (lambda: conv.convolve(IMAGE, [[1, None], [3, 4]]), "kernel: every cell must hold a finite number, but row 0"),
        (lambda: conv.convolve(IMAGE, [[1, "2"], [3, 4]]), "kernel: every cell must hold a finite number"),
        (lambda: conv.convolve(IMAGE, [[1, {}], [3, 4]]), "kernel: every cell must hold a number"),
        (lambda: conv.convolve(IMAGE, [[1, np.inf], [3, 4]]), "row 0, column 1 does not"),
        (lambda: conv.convolve(IMAGE, [1, 2]), "kernel must be rows and columns"),
        (lambda: conv.convolve(IMAGE, []), "kernel must be rows and columns"),
        (lambda: conv.convolve(np.zeros((0, 4, 4)), [[1]]), "image must be rows and columns"),
        (lambda: conv.convolve(IMAGE, [[1]], bias=float("nan")), "bias must be a finite number"),
        (lambda: conv.arithmetic(IMAGE, [[1]], 4, 0), "outside the output, 4×4"),
        (lambda: conv.arithmetic(IMAGE, [[1]], 0, -1), "column must be a whole number, 0 or more"),
        (lambda: conv.pool(IMAGE, 5), "window is larger"),
        (lambda: conv.pool(IMAGE, 0), "pooling size must be a whole number, 1 or more"),
        (lambda: conv.pool(IMAGE, 2, padding=2), "padding 2 is more than half the 2×2 window: at most 1"),
        (lambda: conv.pool(IMAGE, 2, stride=0), "stride must be"),
        (lambda: conv.pool(IMAGE, 2, kind="median"), "pooling must be max or average, got 'median'"),
        (lambda: conv.pool_arithmetic(IMAGE, 2, 2, 0), "rows are 0 to 1"),
    ],
)
def test_bad_input_is_one_line(call, words):
    with pytest.raises(ConfigError) as failure:
        call()
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)
