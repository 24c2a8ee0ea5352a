"""The ten digits as a hand draws them: lists of points, 0..1 from the upper left corner."""

from math import cos, radians, sin


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 20) -> list[tuple]:
    """Points of an arc around (x, y), in degrees from the right, clockwise."""
    angles = [radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(round(x + rx * cos(angle), 3), round(y + ry * sin(angle), 3)) for angle in angles]


DIGITS = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    1: [[(0.5, 0.2), (0.5, 0.8)]],
    2: [[*arc(0.5, 0.36, 0.18, 0.16, -170, 20), (0.32, 0.8), (0.7, 0.8)]],
    3: [arc(0.47, 0.35, 0.18, 0.15, -150, 90) + arc(0.47, 0.65, 0.2, 0.16, -90, 150)],
    4: [[(0.55, 0.2), (0.3, 0.58), (0.72, 0.58)], [(0.6, 0.35), (0.6, 0.82)]],
    5: [[(0.68, 0.22), (0.38, 0.22), (0.36, 0.46), *arc(0.48, 0.62, 0.19, 0.18, -120, 150)]],
    6: [[(0.6, 0.2), (0.45, 0.35), (0.36, 0.55), *arc(0.5, 0.65, 0.15, 0.15, -180, 180)]],
    7: [[(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]],
    8: [arc(0.5, 0.35, 0.14, 0.14, 90, 450) + arc(0.5, 0.65, 0.17, 0.16, -90, 270)],
    9: [[*arc(0.5, 0.36, 0.16, 0.15, 0, 360), (0.66, 0.36), (0.62, 0.6), (0.55, 0.82)]],
}
