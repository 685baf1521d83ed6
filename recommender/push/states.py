"""The states of a campaign, and what leads from one to the next. Pure.

Two people agree on whatever is sent: who wrote or proposed it never approves it, and a change asks for approval anew.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from typing import Literal

from civicrec.errors import Conflict, Forbidden

State = Literal["draft", "proposed", "approved", "scheduled", "sending", "paused", "stopped", "done"]
Action = Literal["put", "propose", "return", "approve", "start", "begin", "pause", "stop", "finish"]
#: Action → the states it may be done in, each with the state it leads to.
STEPS: Mapping[Action, Mapping[State, State]] = {
    "put": {"draft": "draft", "proposed": "draft", "approved": "draft", "scheduled": "draft"},
    "propose": {"draft": "proposed"},
    "return": {"proposed": "draft"},
    "approve": {"proposed": "approved"},
    "start": {"approved": "scheduled", "paused": "sending"},
    "begin": {"scheduled": "sending"},
    "pause": {"scheduled": "approved", "sending": "paused"},
    "stop": dict.fromkeys(("draft", "proposed", "approved", "scheduled", "sending", "paused"), "stopped"),
    "finish": {"sending": "done"},
}  # fmt: skip
#: Who writes campaigns that nobody asked for.
PROPOSER = "civicrec"


def next_state(state: State, action: Action) -> State:
    """Return the state an action leads to.

    Raises
    ------
    Conflict
        If it cannot be done now; the message says what can.
    """
    after = STEPS[action].get(state)
    if after is None and action == "put":
        raise Conflict(
            f"the campaign is {state}: its items, audience and hold-out stay as they were approved; stop it and put a "
            "new one under another id"
        )
    if after is None:
        possible = [name for name, steps in STEPS.items() if state in steps and name not in ("begin", "finish")]
        raise Conflict(f"a campaign that is {state} cannot {action}; it can {', '.join(possible) or 'nothing more'}")
    return after


def check_approver(who: str, authors: Collection[str]) -> None:
    """Refuse an approval by somebody who wrote or proposed it.

    Raises
    ------
    Forbidden
        If it is one of them, or nobody.
    """
    name = _folded(who)
    if not name or name == PROPOSER:
        raise Forbidden(f"got {who!r} as who approves; expected the name of a person")
    if name in map(_folded, authors):
        raise Forbidden(f"{who} wrote or proposed this campaign; expected the approval of a second person")


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
