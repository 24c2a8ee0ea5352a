"""What the charts of costs show: shares of the whole, and a tree whose parts add up."""

import pytest

from cvcore.plots import costs

NAMES = ["stem.conv", "body.0.conv", "body.0.norm", "body.1.conv", "", "head"]
PARAMS = [10, 20, 5, 40, 5, 20]


def test_shares_are_of_the_whole_and_hover_has_exact_counts():
    figure = costs.shares(["a", "b"], {"parameters": [30, 10], "mult-adds": [0, 5], "memory": [4, 4]}, ["one", "two"])
    params, mult_adds, memory = figure.data
    assert list(params.x) == pytest.approx([75, 25])
    assert list(mult_adds.x) == pytest.approx([0, 100])
    assert list(memory.x) == pytest.approx([50, 50])
    assert [tuple(each) for each in params.customdata] == [("one", 30), ("two", 10)]
    assert "%{customdata[1]:,} parameters" in params.hovertemplate
    assert list(figure.layout.yaxis.ticktext) == ["a", "b"]


def test_rows_of_one_name_stay_apart():
    (params,) = costs.shares(["8×8", "4×4", "8×8"], {"parameters": [1, 2, 1]}).data
    assert len(set(params.y)) == 3


def test_a_network_without_parameters_has_no_shares():
    (params,) = costs.shares(["flatten"], {"parameters": [0]}).data
    assert list(params.x) == [0]


def test_the_trees_parts_add_up():
    (tree,) = costs.tree(NAMES, PARAMS, measure="parameters", title="mine").data
    values = dict(zip(tree.ids, tree.values, strict=True))
    assert values["*"] == sum(PARAMS)
    assert values["body"] == 20 + 5 + 40
    assert values["body.0"] == 20 + 5
    assert values["*"] == values["stem"] + values["body"] + values["head"] + 5  # 5 are the network's own
    assert dict(zip(tree.ids, tree.parents, strict=True)) == {
        "*": "",
        "stem": "*",
        "stem.conv": "stem",
        "body": "*",
        "body.0": "body",
        "body.0.conv": "body.0",
        "body.0.norm": "body.0",
        "body.1": "body",
        "body.1.conv": "body.1",
        "head": "*",
    }
    assert tree.labels[0] == "mine"


def test_the_tree_leaves_out_what_is_nothing_and_stops_at_a_depth():
    deep = ".".join("abcdefgh")  # eight levels
    names, values = [f"{deep}.one", f"{deep}.two", "z"], [1, 2, 0]
    (tree,) = costs.tree(names, values, measure="mult-adds", title="mine").data
    assert list(tree.ids) == ["*", *(deep[: 2 * level + 1] for level in range(8))]
    assert list(tree.values) == [3] * 9
