"""Random changes of images: each against what it must be by hand, and each image its own."""

import math

import pytest
import torch

from cvcore.training.augmentation import ERASE, ROTATE, affine_maps, augmented


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, size: int = 8) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=generator(7)) * 255


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(augmented(pictures(), (), generator()), pictures())


def test_a_flip_is_exact_and_hits_about_half():
    before = pictures(200)
    after = augmented(before, ("flip",), generator())
    mirrored = (after == before.flip(3)).flatten(1).all(1)
    kept = (after == before).flatten(1).all(1)
    assert (mirrored | kept).all()
    assert 70 < mirrored.sum() < 130  # of 200: four standard deviations around 100 are 28


def test_a_shift_moves_whole_pixels_and_repeats_the_border():
    ramp = torch.arange(16.0).repeat(16, 1).view(1, 1, 16, 16)  # every column has its own value
    after = augmented(ramp.repeat(50, 1, 1, 1), ("shift",), generator())
    moves = set()
    for image in after[:, 0]:
        shift = round((image[0, 8] - 8).item())
        expected = (torch.arange(16) + shift).clamp(0, 15).float()
        assert torch.allclose(image, expected.repeat(16, 1), atol=1e-3)
        moves.add(shift)
    assert moves == {-2, -1, 0, 1, 2}  # an eighth of 16 pixels


def test_a_turn_in_pixels_is_a_turn_whatever_the_shape_of_the_image():
    for height, width in ((10, 10), (10, 30)):
        (found,) = affine_maps(1, (height, width), ("rotate",), generator(3))
        # from coordinates -1..1 to pixels and back: the matrix of a rotation, by hand
        scale = torch.diag(torch.tensor([width / 2, height / 2]))
        turn = scale @ found[:, :2] @ torch.linalg.inv(scale)
        angle = math.atan2(turn[1, 0], turn[0, 0])
        by_hand = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        assert torch.allclose(turn, by_hand, atol=1e-5)
        assert 0 < abs(math.degrees(angle)) <= ROTATE


def test_zoom_keeps_the_middle_and_changes_the_size():
    found = affine_maps(100, (8, 8), ("zoom",), generator())
    sizes = found[:, 0, 0]
    assert torch.equal(found[:, 0, 0], found[:, 1, 1])
    assert (found[:, :, 2] == 0).all()
    assert 1 / 1.2 - 1e-6 <= sizes.min() < 0.9 and 1.1 < sizes.max() <= 1.2 + 1e-6


def test_jitter_stays_in_range_and_differs_from_image_to_image():
    after = augmented(pictures(), ("jitter",), generator())
    assert after.min() >= 0 and after.max() <= 255
    ratio = after.mean((1, 2, 3)) / pictures().mean((1, 2, 3))
    assert ratio.std() > 0.05
    assert ratio.min() > 0.75 and ratio.max() < 1.25


def test_erasing_covers_one_square_of_half_of_the_images():
    before = pictures(200, 10)
    after = augmented(before, ("erase",), generator())
    changed = (after != before).flatten(1).sum(1)
    side = round(10 * ERASE)
    assert set(changed.tolist()) <= {0, side * side, side * side - 1}  # a pixel may have the mean already
    assert 70 < (changed > 0).sum() < 130


@pytest.mark.parametrize("names", [("flip",), ("shift", "rotate", "zoom"), ("jitter",), ("erase",)])
def test_the_generator_decides(names):
    first, second, other = (augmented(pictures(), names, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
