"""What a ranker learns from: clicks, each with the candidates it was chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Example:
    """One click, and what it was chosen from.

    Attributes
    ----------
    at_ms
        When, epoch ms.
    values
        (n, features) of the candidates, float32.
    clicked
        Which of them was clicked.
    declared
        Its 0-based place in the order that the scene's declared weights make.
    visitor
        Who clicked.
    reader
        What trees know of who clicked (`features.reader_of`).
    """

    at_ms: int
    values: NDArray[np.float32]
    clicked: int
    declared: int
    visitor: str = ""
    reader: tuple[float, float] = (0.0, 0.0)
