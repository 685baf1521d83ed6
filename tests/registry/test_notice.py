"""What a notice asks of whom and when, in every order of answers, notices and days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import ConfigError, InvalidInput
from civicrec.registry.notice import Entry, Notice, checked_version, notice_of, standing, standings
from civicrec.settings import ConsentSettings, Settings, load_settings

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
DAYS = 180


def notice(version: str = "2", *covers: str) -> Notice:
    purposes = tuple(one for one in covers or ("personalise",) if not one.startswith("detail:"))
    return Notice(version, purposes, frozenset(covers or ("personalise",)), timedelta(days=DAYS))


def entry(is_given: bool, day: float = 0, version: str = "1", *covers: str, purpose: str = "personalise") -> Entry:
    told = frozenset(covers or ("personalise",))
    return Entry("a" * 32, "gz", purpose, is_given, version, told, "web", NOW + timedelta(days=day))


def test_what_the_settings_say_is_the_notice() -> None:
    asked = ConsentSettings(notice_version="2026-1", purposes=("personalise", "push"), details=("region",))
    made = notice_of(Settings(consent=asked))
    assert (made.version, made.purposes, made.ask_again) == ("2026-1", ("personalise", "push"), timedelta(days=180))
    assert made.covers == {"personalise", "push", "detail:region"}


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("NOTICE_VERSION", "第一版", "CIVICREC_CONSENT__NOTICE_VERSION: String should match"),
        ("PURPOSES", "Personal Lists", "CIVICREC_CONSENT__PURPOSES__0: String should match"),
        ("PURPOSES", "[]", "at least 1 item"),
        ("ASK_AGAIN_DAYS", "0", "greater than or equal to 1 (got '0')"),
        ("ASK_AGAIN_DAYS", "3651", "less than or equal to 3650 (got '3651')"),
    ],
)
def test_a_notice_that_cannot_be_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"CIVICREC_CONSENT__{variable}", value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert says in str(refused.value)


def test_the_longest_and_the_shortest_rest_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for days in ("1", "3650"):
        monkeypatch.setenv("CIVICREC_CONSENT__ASK_AGAIN_DAYS", days)
        assert load_settings().consent.ask_again_days == int(days)


def test_a_new_purpose_and_a_new_detail_need_consent_anew_and_a_new_spelling_does_not() -> None:
    agreed = [entry(True)]
    for in_force, state in (
        (notice("2"), "given"),
        (notice("2", "personalise", "push"), "outdated"),
        (notice("2", "personalise", "detail:region"), "outdated"),
        (notice("1", "personalise", "detail:region"), "outdated"),  # the operator forgot the new version
    ):
        one = standing("personalise", agreed, in_force, NOW)
        assert (one.state, one.ask_now) == (state, state == "outdated")


@pytest.mark.parametrize(("days", "may_ask"), [(0, False), (DAYS - 0.001, False), (DAYS, True), (DAYS + 400, True)])
@pytest.mark.parametrize("version", ["1", "2"])
def test_after_a_no_nobody_is_asked_until_the_rest_is_over(days: float, may_ask: bool, version: str) -> None:
    more = notice(version, "personalise", "push")
    one = standing("personalise", [entry(False)], more, NOW + timedelta(days=days))
    assert (one.state, one.ask_now) == ("refused", may_ask)
    assert one.ask_again_at == (None if may_ask else NOW + timedelta(days=DAYS))


def test_what_is_no_longer_asked_for_is_told_and_not_asked() -> None:
    told = standings([entry(True, purpose="push"), entry(False, purpose="old")], notice("2"), NOW)
    assert [(one.purpose, one.state, one.ask_now, one.ask_again_at) for one in told] == [
        ("personalise", "none", True, None), ("old", "refused", False, None), ("push", "given", False, None)
    ]  # fmt: skip


def test_without_a_notice_nobody_is_asked() -> None:
    for history in ([], [entry(True, 0, "1", "old")], [entry(False, -900)]):
        assert not standing("personalise", history, notice(""), NOW).ask_now


_words = st.frozensets(st.sampled_from(["push", "detail:region", "detail:device"]))


@given(answers=st.lists(st.tuples(st.booleans(), st.integers(0, 400), _words), max_size=8), told=_words)
def test_in_every_order_only_the_last_word_counts(
    answers: list[tuple[bool, int, frozenset[str]]], told: frozenset[str]
) -> None:
    history, day = [], 0
    for is_given, days, words in answers:
        day += days
        history.append(entry(is_given, day, "1", "personalise", *sorted(words)))
    now = NOW + timedelta(days=day + 10)
    one = standing("personalise", history, notice("9", "personalise", *sorted(told)), now)
    may_be_used = bool(answers) and answers[-1][0] and told <= answers[-1][2]
    assert (one.state == "given") == may_be_used
    # Asked is who never answered, or whose consent is to less; who said no ten days ago is not.
    assert one.ask_now == (not answers or (answers[-1][0] and not may_be_used))


def test_an_unknown_purpose_or_version_is_told_with_what_is_known() -> None:
    def refusal(purpose: str, version: str, *history: Entry, is_given: bool = True, of: Notice = notice("2")) -> str:
        with pytest.raises(InvalidInput) as refused:
            checked_version(purpose, version, is_given=is_given, history=history, notice=of)
        return str(refused.value)

    assert "got purpose 'x'; expected 'personalise'" in refusal("x", "2")
    assert "got notice_version '1'; expected '2'" in refusal("personalise", "1", entry(True))
    assert "expected '1' or '2': or leave notice_version out" in refusal(
        "personalise", "0", entry(True), is_given=False
    )
    assert "CIVICREC_CONSENT__NOTICE_VERSION" in refusal("personalise", "", of=notice(""))
    assert "got notice_version 'x'" in refusal("personalise", "x", is_given=False, of=notice(""))


@pytest.mark.parametrize("version", ["", "1", "2"])
def test_who_takes_consent_back_need_not_know_of_the_notice_of_today(version: str) -> None:
    for purpose in ("personalise", "gone"):
        history = [entry(True, purpose=purpose)]
        found = checked_version(purpose, version, is_given=False, history=history, notice=notice("2"))
        assert found == (version or "1")
    assert checked_version("personalise", "", is_given=False, history=[], notice=notice("2")) == "2"
