"""What the lint's tests share: picking findings."""

from cvcore.analysis.lint import Finding

DIGITS = (1, 28, 28)


def found(findings, level=None) -> list[str]:
    """The rules that found something, of one level or all."""
    return [finding.rule for finding in findings if level in (None, finding.level)]


def only(findings, rule) -> Finding:
    """The one finding of a rule."""
    (finding,) = [finding for finding in findings if finding.rule == rule]
    return finding


def serious(findings) -> list[Finding]:
    """Mistakes and cautions."""
    return [finding for finding in findings if finding.level != "note"]
