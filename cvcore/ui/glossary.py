"""The terms of this app in one plain sentence each, for tooltips and for the list in the explanations."""

import tomllib
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("glossary.toml")


@cache
def terms() -> dict[str, str]:
    """All terms with their definitions, in alphabetical order."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def tip(term: str) -> str:
    """The definition of a term, for `help=`; "" where there is none, so that a tooltip is missing and not the page.

    >>> tip("epoch")
    'One pass through all images of the training set.'
    >>> tip("Epochs"), tip("warp drive")
    ('One pass through all images of the training set.', '')
    """
    wanted = term.strip().lower()
    by_name = {name.lower(): text for name, text in terms().items()}
    return by_name.get(wanted) or by_name.get(wanted.removesuffix("s")) or by_name.get(f"{wanted}s") or ""


def search(text: str) -> dict[str, str]:
    """Terms whose name or definition has all the words of `text`, those with it in their name first."""
    words = text.lower().split()
    found = {
        name: definition
        for name, definition in terms().items()
        if all(word in f"{name} {definition}".lower() for word in words)
    }
    return dict(sorted(found.items(), key=lambda item: not all(word in item[0].lower() for word in words)))
