"""Editorial rules: what people decide about lists, as values. Models never overrule them, nor they what may be shown.

In: what an editor says. Out: a checked `Rule`, and whether it acts at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from civicrec.errors import InvalidInput
from civicrec.text import is_blank

RuleKind = Literal["pin", "boost", "block"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
RuleState = Literal["waiting", "acting", "expired"]

#: Last place a pin may have: of the longest list one request may ask for.
LAST_POSITION = 99
#: A factor beyond these is a pin or a block by another name.
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
MAX_TEXT = 40


@dataclass(frozen=True, slots=True)
class Rule:
    """What an editor decided about one item.

    Attributes
    ----------
    number
        Its name for people; a later rule has a higher one. 0 until it is kept.
    scene
        Where it acts; everywhere when empty.
    position
        0-based place of a pin, counted on across pages as in the answer.
    factor
        What a boost multiplies the score by.
    begins, ends
        When it acts: from the first, until just before the second; ``None`` means no limit.
    text
        Words of a pin's reason for the visitor; the rest stays inside.
    """

    kind: RuleKind
    item_id: str
    scene: str = ""
    position: int = 0
    factor: float = 1.0
    begins: datetime | None = None
    ends: datetime | None = None
    text: str = ""
    who: str = ""
    why: str = ""
    number: int = 0
    made_at: datetime | None = None

    def state(self, now: datetime) -> RuleState:
        """Say whether it acts."""
        if self.ends is not None and now >= self.ends:
            return "expired"
        return "waiting" if self.begins is not None and now < self.begins else "acting"


def checked(rule: Rule, now: datetime) -> Rule:
    """Return the rule.

    Raises
    ------
    InvalidInput
        If it could not act, or says nothing of why.
    """
    if rule.kind not in RULE_KINDS:
        raise InvalidInput(f"got kind {rule.kind!r}; expected {', '.join(RULE_KINDS)}")
    if is_blank(rule.why):
        raise InvalidInput("why is blank; expected the reason, which the audit log keeps")
    if not 0 <= rule.position <= LAST_POSITION:
        raise InvalidInput(f"got position {rule.position}; expected 0, the first place, to {LAST_POSITION}")
    if rule.kind == "boost" and not (LEAST_FACTOR <= rule.factor <= MOST_FACTOR and rule.factor != 1.0):
        raise InvalidInput(f"got factor {rule.factor}; expected {LEAST_FACTOR} to {MOST_FACTOR}, and not 1")
    if len(rule.text) > MAX_TEXT or not rule.text.isprintable():
        raise InvalidInput(f"got text {rule.text[:50]!r}; expected at most {MAX_TEXT} characters on one line")
    if rule.begins is not None and rule.ends is not None and rule.begins >= rule.ends:
        raise InvalidInput(f"got from {rule.begins} until {rule.ends}; expected the earlier time first")
    if rule.state(now) == "expired":
        raise InvalidInput(f"got until {rule.ends}, which is over; expected a time to come")
    return rule
