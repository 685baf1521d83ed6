"""The states of a campaign: every way to `sending` passes two people."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import Conflict, Forbidden
from recommender.push.states import PROPOSER, STEPS, Action, State, check_approver, next_state

FINAL: tuple[State, ...] = ("stopped", "done")


@given(st.lists(st.sampled_from(get_args(Action)), max_size=40))
def test_nothing_is_sent_that_was_not_approved_as_it_stands(actions: list[Action]) -> None:
    state: State = "draft"
    is_approved = False
    for action in actions:
        try:
            state = next_state(state, action)
        except Conflict:
            continue
        is_approved = action == "approve" or (is_approved and action != "put")
        assert is_approved or state not in ("approved", "scheduled", "sending", "paused", "done")


def test_every_state_can_be_reached_and_the_last_ones_are_never_left() -> None:
    reached: set[State] = {"draft"}
    for _ in get_args(State):
        reached |= {after for steps in STEPS.values() for before, after in steps.items() if before in reached}
    assert reached == set(get_args(State))
    for action in get_args(Action):
        for state in FINAL:
            with pytest.raises(Conflict):
                next_state(state, action)


@pytest.mark.parametrize("state", ["sending", "paused"])
def test_a_plan_that_is_being_sent_stays_as_it_was_approved(state: State) -> None:
    with pytest.raises(Conflict, match="stay as they were approved; stop it and put a new one"):
        next_state(state, "put")


def test_what_cannot_be_done_names_what_can() -> None:
    with pytest.raises(Conflict, match="that is draft cannot approve; it can put, propose, stop"):
        next_state("draft", "approve")


@pytest.mark.parametrize("who", ["li", " LI ", "ｌｉ", "wang", "", "  ", PROPOSER])
def test_who_wrote_or_proposed_it_does_not_approve_it_however_they_spell_their_name(who: str) -> None:
    with pytest.raises(Forbidden):
        check_approver(who, ["li", "wang"])


def test_a_second_person_approves() -> None:
    check_approver("zhao", ["li", "wang"])
    check_approver("li", [PROPOSER])
