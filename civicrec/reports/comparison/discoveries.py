"""Several questions asked of the same people: of twenty, one is answered yes by chance."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import false_discovery_control


def discoveries(p_values: Sequence[float], share: float = 0.05) -> list[bool]:
    """Say which are found if at most this share of what is found may be chance.

    Benjamini & Hochberg (1995), *Controlling the false discovery rate*, Journal of the Royal Statistical Society B
    57:289–300.

    Examples
    --------
    >>> discoveries([0.001, 0.04, 0.9])
    [True, False, False]
    """
    return [bool(adjusted <= share) for adjusted in false_discovery_control(p_values)] if p_values else []
