"""Ratios with their numerator, denominator and interval, because a rate without its base misleads."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""


def wilson(numerator: int, denominator: int, z: float = Z_95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share, ``None`` without a base (Wilson 1927).

    Unlike p ± z·s it stays inside 0..1 and is right for the few dozen impressions of a new item.

    Examples
    --------
    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if denominator == 0:
        return None
    p, n = numerator / denominator, denominator
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)
    # Rounding must not put the bounds past the share itself, which lies between them (at 0 and 1 on them).
    return max(0.0, min(low, p)), min(1.0, max(high, p))


def share(numerator: int, denominator: int) -> float | None:
    """Return numerator ÷ denominator, ``None`` without a base."""
    return numerator / denominator if denominator else None
