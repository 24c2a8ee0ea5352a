"""A few images before and after damage, as one picture: above as they are, below as the damaged copy has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cvcore.data.damage.plan import Plan
from cvcore.plots.sheet import CAPTION, contact_sheet
from cvcore.plots.style import CATEGORIES

TILE, GAP = 70, 8  # pixels; five of them are as wide as a phone
MARK = CATEGORIES[3]
EXTRAS = 2  # how many of the images that were left out, put in twice or leaked are shown, of each


@dataclass(frozen=True)
class Example:
    """An image uint8 [C, H, W] before and after, None where it is not there, with captions; `mark` frames it below."""

    before: np.ndarray | None
    after: np.ndarray | None
    was: str
    now: str
    mark: bool = False


def examples(plan: Plan, split: str, count: int) -> list[Example]:
    """`count` images of a split, or all if there are fewer, drawn by the damage's seed.

    Wrong labels and truncated images are there in their true shares. In the training split the last examples are images
    that were left out, that are there twice, and that come from the test split, as far as there are such.
    """
    rng = np.random.default_rng(plan.seed)
    if split != "train":
        return _of_other_split(plan, split, count, rng)
    left_out = np.setdiff1d(np.arange(len(plan.base.train)), plan.kept)
    extra = [rng.permutation(some)[:EXTRAS] for some in (left_out, plan.twice, plan.leaked)]
    return [
        *_kept(plan, count - sum(map(len, extra)), rng),
        *_left_out(plan, extra[0]),
        *_twice(plan, extra[1]),
        *_leaked(plan, extra[2]),
    ]


def _kept(plan: Plan, count: int, rng: np.random.Generator) -> list[Example]:
    chosen = _in_true_shares(rng.permutation(len(plan.kept)), (plan.wrong, plan.cut), count)
    after = plan.train_images(chosen)
    found = []
    for position, image in zip(chosen, after, strict=True):
        index, label = plan.kept[position], plan.labels[position]
        was, now = _name(plan, "train", index), plan.base.classes[label]
        wrong = bool(plan.wrong[position])
        found.append(Example(plan.base.train.images[index], image, was, f"{now} (was {was})" if wrong else now, wrong))
    return found


def _left_out(plan: Plan, indices: np.ndarray) -> list[Example]:
    return [Example(plan.base.train.images[at], None, _name(plan, "train", at), "left out") for at in indices]


def _twice(plan: Plan, positions: np.ndarray) -> list[Example]:
    images = zip(positions, plan.train_images(positions), strict=True)
    return [Example(None, image, "", f"{plan.base.classes[plan.labels[at]]} (copy)", True) for at, image in images]


def _leaked(plan: Plan, indices: np.ndarray) -> list[Example]:
    images = zip(indices, plan.images("test", indices), strict=True)
    return [Example(None, image, "", f"{_name(plan, 'test', at)} (test)", True) for at, image in images]


def _of_other_split(plan: Plan, split: str, count: int, rng: np.random.Generator) -> list[Example]:
    part = plan.base.split(split)
    is_leaked = np.zeros(len(part), dtype=bool)
    if split == "test":
        is_leaked[plan.leaked] = True
    chosen = _in_true_shares(rng.permutation(len(part)), (is_leaked,), count)
    found = []
    for index, image in zip(chosen, plan.images(split, chosen), strict=True):
        name, leaked = _name(plan, split, index), bool(is_leaked[index])
        found.append(Example(part.images[index], image, name, f"{name} (leaked)" if leaked else name, leaked))
    return found


def _in_true_shares(order: np.ndarray, masks: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Ascending: `count` of the positions `order`, of each mask its share rounded up, then others if there are any."""
    picked = order[:0]
    for mask in masks:
        missing = int(np.ceil(count * mask.mean())) - int(mask[picked].sum()) if len(mask) else 0
        more = order[mask[order] & ~np.isin(order, picked)]
        picked = np.concatenate([picked, more[: max(0, missing)]])[:count]
    untouched = order[~np.any([mask[order] for mask in masks], axis=0)]
    rest = np.concatenate([untouched, order[~np.isin(order, untouched)]])
    rest = rest[~np.isin(rest, picked)]
    return np.sort(np.concatenate([picked, rest])[:count])


def _name(plan: Plan, split: str, index: int) -> str:
    """Class of one of the base's images."""
    return plan.base.classes[plan.base.split(split).labels[index]]


def before_after(shown: Sequence[Example], *, dark: bool = False) -> Image.Image:
    """RGBA picture of the examples in two rows; an image that is not there is an empty tile."""
    some = next(image for each in shown for image in (each.before, each.after) if image is not None)
    empty = np.full_like(some, 38 if dark else 238)
    images = [each.before for each in shown] + [each.after for each in shown]
    captions = [_fitting(text) for text in [each.was for each in shown] + [each.now for each in shown]]
    stack = np.stack([empty if image is None else image for image in images])
    sheet = contact_sheet(stack, captions, columns=len(shown), tile=TILE, gap=GAP, dark=dark)
    pen = ImageDraw.Draw(sheet)
    top = TILE + CAPTION + GAP
    for column, each in enumerate(shown):
        if each.mark:
            left = column * (TILE + GAP)
            for inset, width, colour in ((0, 3, MARK), (3, 1, "white")):  # white inside: seen on orange images too
                corners = (left + inset, top + inset, left + TILE - 1 - inset, top + TILE - 1 - inset)
                pen.rectangle(corners, outline=colour, width=width)
    return sheet


def _fitting(caption: str) -> str:
    """`caption` without what stands in brackets where it would be wider than a tile."""
    is_too_wide = ImageFont.load_default(CAPTION * 2 / 3).getlength(caption) > TILE + GAP - 2
    return caption.partition(" (")[0] if is_too_wide else caption
