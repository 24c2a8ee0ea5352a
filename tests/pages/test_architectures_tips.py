"""Every control, number and column of the Architectures page says what it means; terms as the glossary defines them."""

import json
import re
from collections.abc import Iterator

import pytest

from cvcore.ui import glossary

# what a visitor can see of the page: the eight sections with their views, and the states that show further controls
LOOKS = [
    {"section": "Layers"},
    {"section": "Layers", "model": "resnet18", "layers-frozen": "true"},
    {"section": "Receptive field"},
    {"section": "Receptive field", "model": "resnet18"},
    {"section": "Compare", "with": ["mlp", "two-conv"], "measured": "true"},
    {"section": "Graph", "model": "resnet18"},
    {"section": "Inside"},
    {"section": "Inside", "inside": "Filters"},
    {"section": "Inside", "inside": "One step"},
    {"section": "Inside", "inside": "One step", "model": "bn-cnn", "layer": "stage1.bn"},
    {"section": "Inside", "inside": "One step", "model": "alexnet", "layer": "dropout1"},
    {"section": "Inside", "inside": "Fully convolutional", "model": "two-conv"},
    {"section": "Inside", "inside": "Groups", "model": "mobilenet_v2"},
    {"section": "Inside", "model": "vgg16", "build": "false"},
    {"section": "Inside", "sample": "upload"},
    {"section": "Remarks"},
    {"section": "Calculator"},
    {"section": "Calculator", "chain": "conv 5x3 p2; maxpool 2; convt 2; adaptive 4"},
    {"section": "Calculator", "side": "224x200", "chain": "conv 7 s2 p3"},
    {"section": "Calculator", "question": "What takes me there", "from": "224", "to": "7", "any-kernel": "0"},
    {"section": "Calculator", "question": "What takes me there", "solve": "convt", "to": "56", "dilated": "true"},
    {"section": "Explain"},
    *({"section": "Explain", "card": card} for card in (
        "Convolution", "Pooling", "Why non-linearities", "3×3 against 7×7", "1×1 convolution",
        "BatchNorm and Dropout", "Blocks", "The pyramid", "Memory of VGG", "Glossary",
    )),
    {"section": "Explain", "card": "BatchNorm and Dropout", "explain-which": "Dropout"},
    {"model": "your own"},
]  # fmt: skip
# what needs no definition, and why
SILENT = {"Train it": "a link of every page's, named after what it does"}
NAMES = {"AlexNet features", "VGG-16 features", "VGG-16, first stage"}  # of chains that are offered: no terms


def elements(node) -> Iterator:
    """All that is on the page, blocks before what is in them."""
    for child in node.children.values():
        yield child
        if hasattr(child, "children"):
            yield from elements(child)


def labelled(app) -> Iterator[tuple[str, str, str]]:
    """(kind, label, tooltip) of all controls, numbers and columns."""
    for each in elements(app.main):
        proto = getattr(each, "proto", None)
        if each.type == "arrow_data_frame":
            configured = json.loads(proto.columns or "{}")
            for name in each.value.columns:
                column = configured.get(name, {})
                yield "column", column.get("label") or name, column.get("help") or ""
        elif proto is not None and hasattr(proto, "help") and hasattr(proto, "label"):
            yield each.type, proto.label, proto.help


def terms_in(label: str) -> list[str]:
    """The terms of the glossary that a label has, without those that are part of a longer one."""
    found = [term for term in glossary.terms() if re.search(rf"(?<!\w){re.escape(term)}(s|es)?(?!\w)", label, re.I)]
    return [term for term in found if not any(term != other and term in other for other in found)]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(map(str, look.values())))
def test_everything_says_what_it_means(page, look):
    app = page("architectures", **look)
    assert not app.error
    found = [(kind, label, tip) for kind, label, tip in labelled(app) if label]
    assert len(found) > 5  # the page's own controls at least
    silent = [(kind, label) for kind, label, tip in found if not tip and label not in SILENT]
    assert not silent
    unexplained = [
        (kind, label, term)
        for kind, label, tip in found
        for term in terms_in(label)
        if label not in NAMES and glossary.tip(term) not in tip
    ]
    assert not unexplained
