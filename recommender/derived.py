"""What is worked out from a frozen value at need, and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Derives:
    """A frozen value that keeps what functions say of it: under the function, so a name cannot be taken twice.

    What is kept is no part of the value: it is not compared, and a changed copy begins without it.
    """

    _derived: dict[Callable[[Any], object], object] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )  # fmt: skip

    def once(self, work_out: Callable[[Self], T]) -> T:
        """Return what a function says of this value, worked out at its first call."""
        try:
            kept: T = self._derived[work_out]  # type: ignore[assignment]  # `cast` costs as much as the look
            return kept
        except KeyError:
            result = self._derived[work_out] = work_out(self)
            return result
