"""What a notice asks for, and where a person stands with it: what holds, and when they may be asked.

In: the notice in force and a person's entries of the ledger. Out: a `Standing` for each purpose. Nothing here reads a
clock or a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from civicrec.errors import InvalidInput
from civicrec.events import Channel
from civicrec.settings import Settings

#: `outdated`: given, to a notice that told less than the one in force.
State = Literal["none", "given", "outdated", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice in force.

    Attributes
    ----------
    version
        Empty while there is none: nobody can agree to it then.
    purposes
        What may be agreed to or refused, each alone.
    covers
        All that it tells, purposes included. Consent holds while the notice tells nothing that its own did not.
    ask_again
        How long nobody is asked who refused or withdrew.
    """

    version: str
    purposes: tuple[str, ...]
    covers: frozenset[str]
    ask_again: timedelta


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer of one person for one purpose; `covers` is what the notice told them."""

    actor: str
    site: str
    purpose: str
    is_given: bool
    notice_version: str
    covers: frozenset[str]
    channel: Channel
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands with a purpose.

    Attributes
    ----------
    history
        Their answers, the first at the head.
    ask_again_at
        When they may be asked, if that is later than now.
    """

    purpose: str
    state: State
    history: tuple[Entry, ...]
    ask_now: bool
    ask_again_at: datetime | None = None


def notice_of(settings: Settings) -> Notice:
    """Return the notice that the settings tell of."""
    asked = settings.consent
    covers = frozenset(asked.purposes) | {f"detail:{one}" for one in asked.details}
    return Notice(asked.notice_version, asked.purposes, covers, timedelta(days=asked.ask_again_days))


def holds(entry: Entry, notice: Notice) -> bool:
    """Say whether an answer is consent to what the notice tells now."""
    return entry.is_given and notice.covers <= entry.covers


def standing(purpose: str, history: Sequence[Entry], notice: Notice, now: datetime) -> Standing:
    """Return where a person stands.

    Parameters
    ----------
    history
        Their answers for this purpose, the first at the head.
    """
    is_asked = bool(notice.version) and purpose in notice.purposes
    if not history:
        return Standing(purpose, "none", (), is_asked)
    last = history[-1]
    if last.is_given:
        is_held = holds(last, notice)
        return Standing(purpose, "given" if is_held else "outdated", tuple(history), is_asked and not is_held)
    state: State = "withdrawn" if any(entry.is_given for entry in history) else "refused"
    again_at = last.at + notice.ask_again
    may_ask = now >= again_at
    return Standing(
        purpose, state, tuple(history), is_asked and may_ask, again_at if is_asked and not may_ask else None
    )


def standings(history: Sequence[Entry], notice: Notice, now: datetime) -> list[Standing]:
    """Return where a person stands with each purpose of the notice, then with those of earlier notices."""
    purposes = dict.fromkeys([*notice.purposes, *sorted({entry.purpose for entry in history})])
    return [standing(name, [entry for entry in history if entry.purpose == name], notice, now) for name in purposes]


def is_repeated(answer: Entry, last: Entry | None, notice: Notice) -> bool:
    """Say whether an answer says what the one before said, as a retry does.

    A refusal said again once people may be asked again is a new one: the time until the next question begins anew.
    """
    if last is None or (answer.is_given, answer.notice_version) != (last.is_given, last.notice_version):
        return False
    return answer.covers == last.covers and (answer.is_given or answer.at < last.at + notice.ask_again)


def checked_version(purpose: str, version: str, *, is_given: bool, history: Sequence[Entry], notice: Notice) -> str:
    """Return the version of the notice that an answer is about.

    Parameters
    ----------
    version
        As the portal names it. Consent is given to the notice in force; who takes it back need name none.

    Raises
    ------
    InvalidInput
        If purpose or version is not known; the message says what is.
    """
    answered = [entry for entry in history if entry.purpose == purpose]
    if purpose not in notice.purposes and (is_given or not answered):
        raise InvalidInput(
            f"got purpose {purpose[:64]!r}; expected {_named(notice.purposes)}: name one of these, or add it to "
            "CIVICREC_CONSENT__PURPOSES with a new notice"
        )
    if is_given and not notice.version:
        raise InvalidInput("there is no notice to agree to; name its version in CIVICREC_CONSENT__NOTICE_VERSION")
    if not is_given and not version:
        return answered[-1].notice_version if answered else notice.version
    known = {notice.version} if is_given else {notice.version, *(entry.notice_version for entry in answered)} - {""}
    if version not in known:
        what = "show that notice and ask again" if is_given else "or leave notice_version out to refuse or withdraw"
        raise InvalidInput(f"got notice_version {version[:64]!r}; expected {_named(sorted(known))}: {what}")
    return version


def _named(words: Sequence[str]) -> str:
    return " or ".join(map(repr, words)) or "none, as no notice is named"
