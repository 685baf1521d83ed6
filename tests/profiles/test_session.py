"""What was done before signing in counts for who signed in, and never for anybody else."""

from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from civicrec.items import hash_of
from profiles.online.ports import (
    MAX_RECENT,
    MAX_SEEN,
    MAX_SHOWINGS,
    MAX_SHOWN,
    ActorState,
    RecentItem,
    Visit,
)
from profiles.online.pseudonyms import digest_of
from profiles.session import joined

MINUTE = 60_000
NOW = 1_769_846_400_000
ME, OTHER = "0" * 32, "1" * 32
NAMES = [f"i{n}" for n in range(9)]
#: Around the half hour after which a session ends, and the day it lasts at most; some a little ahead of the clock.
_ago = st.sampled_from([-2, 0, 1, 5, 29, 30, 31, 45, 59, 60, 61, 90, 24 * 60 - 1, 24 * 60, 24 * 60 + 1])
_at_ms = st.builds(lambda minutes, off: NOW - minutes * MINUTE + off, _ago, st.integers(-1, 1))
_times = st.dictionaries(st.sampled_from(NAMES), _at_ms, max_size=5)


@st.composite
def states(draw: st.DrawFn) -> ActorState:
    recent = draw(_times)
    old = draw(st.lists(st.integers(0, 5), unique=True, max_size=3))
    order = sorted(recent, key=lambda name: (recent[name], name))
    return ActorState(
        tuple(RecentItem(name, recent[name]) for name in reversed(order)), draw(st.dictionaries(_tag, st.just(0.5))),
        draw(_times), (*old, *map(hash_of, order)), draw(_times),
        {hash_of(name): tuple(sorted(times, reverse=True)) for name, times in draw(_shown).items()},
        draw(st.dictionaries(st.sampled_from([digest_of(ME), digest_of(OTHER), ""]), _at_ms)),
        draw(st.sampled_from([False, False, False, True])), draw(st.frozensets(_tag)),
    )  # fmt: skip


_tag = st.sampled_from(["theme:住房", "theme:教育"])
_shown = st.dictionaries(
    st.sampled_from(NAMES), st.sets(_at_ms.map(lambda at: at // 1000), min_size=1, max_size=MAX_SHOWINGS), max_size=4
)
_visits = st.builds(Visit, states(), states(), st.just(0) | _at_ms)


def session_of(visit: Visit) -> set[tuple[str, Any, int]]:
    """What is of the session, (kind, what, when), found the plain way: what is reached from now by short steps."""
    done = {("recent", one.item_id, one.at_ms) for one in visit.browser.recent}
    done |= {("disliked", *one) for one in visit.browser.disliked.items()}
    done |= {("done", *one) for one in visit.browser.done.items()}
    done |= {("shown", one, at_s * 1000) for one, times in visit.browser.shown.items() for at_s in times}
    limits = [at for name, at in visit.browser.signed_in.items() if name != digest_of(ME)]
    done = {one for one in done if one[2] >= NOW - 24 * 60 * MINUTE and one[2] > visit.withdrawn_ms}
    done = {one for one in done if all(one[2] > limit for limit in limits)}
    reached: set[tuple[str, Any, int]] = set()
    while more := {
        one for one in done - reached if any(at - one[2] <= 30 * MINUTE for at in (NOW, *(two[2] for two in reached)))
    }:
        reached |= more
    return reached


@given(visit=_visits)
def test_it_is_the_subject_and_the_session_and_nothing_else(visit: Visit) -> None:
    made, subject = joined(ME, visit, NOW), visit.subject
    if visit.subject.is_off or visit.browser.is_off:
        assert made == subject
        return
    session = session_of(visit)
    for kind, before in (
        ("recent", dict(subject.recent)), ("disliked", subject.disliked), ("done", subject.done),
    ):  # fmt: skip
        expected = dict(before)
        for _, name, at in (one for one in session if one[0] == kind):
            expected[name] = max(at, expected.get(name, 0))
        assert dict(getattr(made, kind)) == expected
    assert list(made.recent) == sorted(made.recent, key=lambda one: (one.at_ms, one.item_id), reverse=True)
    assert list(made.done.values()) == sorted(made.done.values(), reverse=True) or made.done == subject.done
    for one in {*made.shown, *subject.shown, *visit.browser.shown}:
        times = {
            *subject.shown.get(one, ()),
            *(at // 1000 for kind, what, at in session if (kind, what) == ("shown", one)),
        }
        assert list(made.shown.get(one, ())) == sorted(times, reverse=True)[:MAX_SHOWINGS]
    assert sorted(made.seen) == sorted({*subject.seen, *(hash_of(one.item_id) for one in made.recent)})
    assert (made.tags, made.deleted_tags, made.is_off) == (subject.tags, subject.deleted_tags, False)


@given(visit=_visits, later=_at_ms)
def test_what_was_done_before_another_was_signed_in_is_as_if_it_had_never_been(visit: Visit, later: int) -> None:
    signed_in = {**visit.browser.signed_in, digest_of(OTHER): later}
    shared = visit._replace(browser=replace(visit.browser, signed_in=signed_in))
    browser = visit.browser
    emptied = replace(
        browser,
        recent=tuple(one for one in browser.recent if one.at_ms > later),
        disliked={name: at for name, at in browser.disliked.items() if at > later},
        done={name: at for name, at in browser.done.items() if at > later},
        shown={one: tuple(at for at in times if at * 1000 > later) for one, times in browser.shown.items()},
        signed_in={name: at for name, at in signed_in.items() if name != digest_of(OTHER)},
    )  # fmt: skip
    assert joined(ME, shared, NOW) == joined(ME, visit._replace(browser=emptied), NOW)


@given(visit=_visits, is_off=st.tuples(st.booleans(), st.booleans()))
def test_a_switch_that_is_off_is_joined_with_nothing(visit: Visit, is_off: tuple[bool, bool]) -> None:
    subject, browser = replace(visit.subject, is_off=is_off[0]), replace(visit.browser, is_off=is_off[1])
    if any(is_off):
        assert joined(ME, Visit(subject, browser, 0), NOW) == subject
    assert joined(ME, Visit(subject, browser, 0), NOW).is_off == is_off[0]


def test_a_stranger_who_signs_in_is_known_by_the_last_half_hour() -> None:
    recent = tuple(RecentItem(f"i{n}", NOW - n * 25 * MINUTE) for n in (1, 2, 4))
    browser = ActorState(recent, {"theme:住房": 1.0}, {"bad": NOW - 55 * MINUTE}, (), {"permit": NOW - 80 * MINUTE})
    made = joined(ME, Visit(ActorState(), browser, 0), NOW)
    assert made == ActorState(
        (*recent[:2], recent[2]), {}, {"bad": NOW - 55 * MINUTE}, tuple(hash_of(f"i{n}") for n in (4, 2, 1)),
        {"permit": NOW - 80 * MINUTE},
    )  # fmt: skip
    other_since = replace(browser, signed_in={digest_of(OTHER): NOW - 50 * MINUTE})
    assert [one.item_id for one in joined(ME, Visit(ActorState(), other_since, 0), NOW).recent] == ["i1"]
    mine = replace(browser, signed_in={digest_of(ME): NOW - 50 * MINUTE})
    assert joined(ME, Visit(ActorState(), mine, 0), NOW) == made
    unnamed = replace(browser, signed_in={"": NOW})
    assert joined(ME, Visit(ActorState(), unnamed, 0), NOW) == ActorState()
    assert joined(ME, Visit(ActorState(), browser, NOW - 50 * MINUTE), NOW).recent == recent[:1]


def test_what_is_joined_stays_within_the_bounds() -> None:
    def full(prefix: str, at_ms: int) -> ActorState:
        recent = tuple(RecentItem(f"{prefix}{n}", at_ms - n) for n in range(MAX_RECENT))
        shown = {hash_of(f"{prefix}{n}"): (at_ms // 1000,) for n in range(MAX_SHOWN)}
        seen = (*range(MAX_SEEN - MAX_RECENT), *(hash_of(one.item_id) for one in reversed(recent)))
        return ActorState(recent, seen=seen, shown=shown)

    subject, browser = full("s", NOW - 9 * MINUTE), full("b", NOW - MINUTE)
    made = joined(ME, Visit(subject, browser, 0), NOW)
    assert (made.recent, len(made.seen), made.shown) == (browser.recent, MAX_SEEN, browser.shown)
    assert made.seen[-2 * MAX_RECENT :] == (*subject.seen[-MAX_RECENT:], *browser.seen[-MAX_RECENT:])
    assert {one.name for one in fields(ActorState)} == {
        "recent", "tags", "disliked", "seen", "done", "shown", "signed_in", "is_off", "deleted_tags",
    }, "say in profiles/session.py what becomes of the new field"  # fmt: skip
