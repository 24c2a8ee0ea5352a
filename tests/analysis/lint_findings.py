"""What the lint's tests share: picking findings, and a head for a network of convolutions."""

from torch import nn

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


def image_head(*layers, channels=32):
    """A classifier of ten classes on layers that end with a map."""
    return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
