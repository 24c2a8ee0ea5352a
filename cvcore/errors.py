"""What can go wrong, as one small tree.

CvcoreError            anything a user can cause or mend
├── ConfigError        a value of a run's config is out of range, or two do not fit together
├── DataError          a data set is unknown, absent, or unreadable
├── ModelError         a network is unknown, or does not fit the image
└── RunError           a run is unknown, or its folder cannot be used

Every message is one line: what was given, what is allowed, what to do. Pages and the command line print it as it is.
"""

import difflib
from collections.abc import Iterable


class CvcoreError(Exception):
    """Base of every error that a page or the command line shows as one line."""


class ConfigError(CvcoreError):
    """A value of a run's config is out of range, or two values do not fit together."""


class DataError(CvcoreError):
    """A data set is unknown, absent, or unreadable."""


class ModelError(CvcoreError):
    """A network is unknown, or does not fit the image."""


class RunError(CvcoreError):
    """A run is unknown, or its folder cannot be used."""


def unknown_name(kind: str, given: str, allowed: Iterable[str], hint: str = "") -> str:
    """One line for a name that is not there: the name, the nearest ones, then all (at most 12) that are.

    >>> unknown_name("model", "lenet", ["lenet5", "mlp"])
    "unknown model 'lenet' (did you mean lenet5?): choose from lenet5, mlp"
    """
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=2)
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    shown = ", ".join(names[:12]) + (f", … ({len(names) - 12} more)" if len(names) > 12 else "")
    return f"unknown {kind} {given!r}{meant}: choose from {shown}{hint}"
