"""What a subject did before signing in, in this very session, put to what is known of the subject. Pure.

In: a `Visit` and the time. Out: one `ActorState`, from which lists are made as from any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from civicrec.items import hash_of
from profiles.online.ports import MAX_RECENT, MAX_SEEN, MAX_SHOWINGS, MAX_SHOWN, ActorState, RecentItem, Visit
from profiles.online.pseudonyms import digest_of

#: A session ends after so long without anything, as the tracker's does (docs/contracts.md, `session_id`).
IDLE_MS = 30 * 60_000
#: As long as a session lasts at most.
SESSION_MS = 24 * 3_600_000


def joined(subject_id: str, visit: Visit, now_ms: int) -> ActorState:
    """Return what lists for a subject may be made from: what is known of it, and its browser's current session.

    Tags, deleted tags and the switch are the subject's alone. Who switched personalisation off, as subject or on the
    browser, is joined with nothing.
    """
    subject, browser, withdrawn_ms = visit
    if subject.is_off or browser.is_off:
        return subject
    mine = digest_of(subject_id)
    others = (at_ms for name, at_ms in browser.signed_in.items() if name != mine)
    began = session_start(browser, now_ms, max((withdrawn_ms, *others)))
    return _with_session(subject, since(browser, began)) if began is not None else subject


def session_start(browser: ActorState, now_ms: int, until_ms: int) -> int | None:
    """Return when the session that goes on now began (epoch ms), ``None`` if there is none.

    Going back from now, each thing done is at most `IDLE_MS` before the next. Nothing until `until_ms`, or longer ago
    than `SESSION_MS`, belongs to it.
    """
    until_ms = max(until_ms, now_ms - SESSION_MS - 1)
    times = chain(
        (item.at_ms for item in browser.recent),
        browser.disliked.values(),
        browser.done.values(),
        (at_s * 1000 for times in browser.shown.values() for at_s in times),
    )
    began, last = None, now_ms
    for at_ms in sorted((at for at in times if at > until_ms), reverse=True):
        if last - at_ms > IDLE_MS:
            break
        began, last = at_ms, min(at_ms, last)  # a clock may be ahead
    return began


def since(state: ActorState, began_ms: int) -> ActorState:
    """Return what was done from a time on, without tags and who was signed in."""
    recent = tuple(item for item in state.recent if item.at_ms >= began_ms)
    shown = {
        hashed: kept
        for hashed, times in state.shown.items()
        if (kept := tuple(at_s for at_s in times if at_s * 1000 >= began_ms))
    }
    return ActorState(recent, {}, _from(state.disliked, began_ms), (), _from(state.done, began_ms), shown)


def _from(times: Mapping[str, int], began_ms: int) -> dict[str, int]:
    return {name: at_ms for name, at_ms in times.items() if at_ms >= began_ms}


def _with_session(subject: ActorState, session: ActorState) -> ActorState:
    at = _newest({one.item_id: one.at_ms for one in subject.recent}, {one.item_id: one.at_ms for one in session.recent})
    hashed = dict.fromkeys(map(hash_of, at))
    seen = (*(one for one in subject.seen if one not in hashed), *reversed(hashed))
    shown = {
        one: tuple(sorted({*subject.shown.get(one, ()), *session.shown.get(one, ())}, reverse=True)[:MAX_SHOWINGS])
        for one in (*subject.shown, *session.shown)
    }
    if len(shown) > MAX_SHOWN:
        shown = {one: shown[one] for one in sorted(shown, key=lambda one: (shown[one][0], one))[-MAX_SHOWN:]}
    return replace(
        subject,
        recent=tuple(RecentItem(*pair) for pair in at.items())[:MAX_RECENT],
        disliked=_newest(subject.disliked, session.disliked),
        seen=seen[-MAX_SEEN:],
        done=_newest(subject.done, session.done),
        shown=shown,
    )


def _newest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return name → the later of its times, the latest first; of one time the later name, as the online store does."""
    at = dict(one)
    for name, at_ms in other.items():
        at[name] = max(at_ms, at.get(name, at_ms))
    return dict(sorted(at.items(), key=lambda pair: (pair[1], pair[0]), reverse=True))
