"""What `civicrec doctor --security` tells: what is open, how bad that is, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Opening:
    """One thing that is open.

    Attributes
    ----------
    check
        Which look found it.
    grade
        `hole`: somebody can get in or read what they must not; `advice`: better otherwise; `unknown`: it could not be
        looked at.
    found
        What is open. Never a secret.
    remedy
        What to do.
    """

    check: str
    grade: Literal["hole", "advice", "unknown"]
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SecurityReport:
    """What all looks came to; `closed` names those that found nothing."""

    openings: tuple[Opening, ...]
    closed: tuple[str, ...]

    @property
    def has_hole(self) -> bool:
        """Whether something must be done now."""
        return any(one.grade == "hole" for one in self.openings)

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {"ok": not self.has_hole, "open": [asdict(one) for one in self.openings], "closed": list(self.closed)}


def report_of(found: Sequence[tuple[str, Sequence[Opening]]]) -> SecurityReport:
    """Put what each look found together, the worst first.

    Examples
    --------
    >>> advice, hole = Opening("a", "advice", "x", "y"), Opening("b", "hole", "x", "y")
    >>> report = report_of([("a", [advice]), ("b", [hole]), ("c", [])])
    >>> [one.check for one in report.openings], report.closed, report.has_hole
    (['b', 'a'], ('c',), True)
    """
    grades = ("hole", "unknown", "advice")
    openings = sorted((one for _, some in found for one in some), key=lambda one: grades.index(one.grade))
    return SecurityReport(tuple(openings), tuple(name for name, some in found if not some))
