"""What the cookies of a visitor allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.portal.visitor import (
    CONSENT_COOKIE,
    ELDER_COOKIE,
    ID_COOKIE,
    MODE_COOKIE,
    Visitor,
    new_anonymous_id,
    visitor_of,
)

AID = "A1b2C3d4E5f6G7h8I9j0"


def test_a_stranger_is_general_unknown_and_untracked() -> None:
    assert visitor_of({}) == Visitor()
    assert (Visitor().mode, Visitor().tracked_as) == ("general", "none")


@pytest.mark.parametrize(
    ("choice", "mode_cookie", "mode", "tracked_as"),
    [
        ("personalise", "", "personalised", "personalise"),
        ("personalise", "general", "general", "measure"),
        ("personalise", "personalised", "personalised", "personalise"),
        ("measure", "", "general", "measure"),
        ("measure", "personalised", "general", "measure"),
        ("none", "personalised", "general", "none"),
        ("everything", "", "general", "none"),
    ],
)
def test_lists_are_personal_only_with_consent_and_the_switch_on(
    choice: str, mode_cookie: str, mode: str, tracked_as: str
) -> None:
    visitor = visitor_of({CONSENT_COOKIE: choice, ID_COOKIE: AID, MODE_COOKIE: mode_cookie})
    assert (visitor.mode, visitor.tracked_as) == (mode, tracked_as)


def test_refusing_makes_a_left_over_id_unused() -> None:
    assert visitor_of({CONSENT_COOKIE: "none", ID_COOKIE: AID}).anonymous_id == ""


@given(st.dictionaries(st.sampled_from([CONSENT_COOKIE, ID_COOKIE, MODE_COOKIE, ELDER_COOKIE]), st.text()))
def test_no_cookie_text_is_ever_personal_without_a_sound_id(cookies: dict[str, str]) -> None:
    visitor = visitor_of(cookies)
    if visitor.mode == "personalised":
        assert cookies[CONSENT_COOKIE] == "personalise"
    assert set(visitor.anonymous_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def test_ids_are_random_and_accepted_back() -> None:
    ids = {new_anonymous_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(visitor_of({CONSENT_COOKIE: "measure", ID_COOKIE: one}).anonymous_id == one for one in ids)
