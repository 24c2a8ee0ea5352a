"""Another host in place of those that data sets come from: one setting, for where they are slow or blocked."""

import os
from urllib.parse import SplitResult, urlsplit

from cvcore.errors import ConfigError


def mirrored(url: str) -> str:
    """`url` with its scheme and host replaced by those of the environment variable CVCORE_MIRROR, if that is set.

    A path in CVCORE_MIRROR goes before the path of `url`: with http://127.0.0.1:9/m, https://a.b/c/d.gz becomes
    http://127.0.0.1:9/m/c/d.gz. Raises ConfigError if it is not an http or https address.
    """
    setting = os.environ.get("CVCORE_MIRROR", "").strip()
    if not setting:
        return url
    mirror = _server(setting)
    if mirror is None:
        shown = setting.rpartition("@")[2]  # what stands before an @ may be a password
        raise ConfigError(
            f"CVCORE_MIRROR is {shown!r}: give the http or https address of a mirror, without a user name or a query, "
            "such as https://mirror.example/data, or unset it"
        )
    asked = urlsplit(url)
    path = mirror.path.rstrip("/") + asked.path
    return asked._replace(scheme=mirror.scheme, netloc=mirror.netloc, path=path).geturl()


def _server(text: str) -> SplitResult | None:
    """`text` as the address of a server, or None if it is not one."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return None
    odd = "@" in parts.netloc or parts.query or parts.fragment or " " in text or not text.isprintable()
    return parts if usable and not odd else None
