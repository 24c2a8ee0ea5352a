"""Numbers and times as a reader wants them."""


def short(count: float) -> str:
    """Three significant digits with k, M or G: 61706 → "61.7 k".

    >>> short(61706), short(138357544), short(7), short(15_484_000_000)
    ('61.7 k', '138 M', '7', '15.5 G')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            return f"{_three(count / size)} {unit}"
    return f"{count:.0f}"


def _three(value: float) -> str:
    """`value` with three significant digits, never in powers of ten."""
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def duration(seconds: float) -> str:
    """Seconds as "0.4 s", "42 s", "1 min 20 s" or "2 h 5 min".

    >>> duration(0.42), duration(42.4), duration(80), duration(7500)
    ('0.4 s', '42 s', '1 min 20 s', '2 h 5 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def shape(values) -> str:
    """Sizes as "1×28×28".

    >>> shape((1, 28, 28))
    '1×28×28'
    """
    return "×".join(map(str, values))
