"""Signing in on both databases: what is refused, what is held back, and whom strangers cannot keep out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from civicrec.errors import InvalidInput, Unauthorized
from civicrec.registry import failed_sign_ins
from civicrec.registry.accounts import account_named, add_account, disable
from civicrec.registry.audit import audit_rows, verify
from civicrec.registry.sign_in import MAX_KNOWN, Attempt, HeldBack, forgive, know_browser, sign_in
from civicrec.security import account_passwords
from civicrec.security.account_passwords import (
    checked_password,
    hash_of,
    is_outworn,
    is_password_of,
    made_password,
)
from civicrec.security.holding_back import ACCOUNT, ADDRESS, FORGOTTEN, Patience
from tests.account_builders import PASSWORD, an_account, kept_hash

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _accounts(registry: Engine) -> None:
    for name in ("li", "wang"):
        add_account(registry, an_account(name, now=NOW), who="root")


def tried(registry: Engine, name: str = "li", password: str = "wrong", at: datetime = NOW, **more: str) -> str:
    try:
        return sign_in(registry, Attempt(name, password, more.get("address", "a"), more.get("browser", "")), at).name
    except HeldBack:
        return "held back"
    except Unauthorized:
        return "refused"


def test_the_right_password_signs_in_and_is_written_down(registry: Engine) -> None:
    assert tried(registry, " LI ", PASSWORD) == "li"
    assert account_named(registry, "li").signed_in_at == NOW
    assert [(row.who, row.object_id) for row in audit_rows(registry, action="signed_in")] == [("li", "li")]


@pytest.mark.parametrize("name", ["nobody", "", "李", "li;--", "x" * 200])
def test_a_name_that_is_nobody_s_is_refused_in_the_same_words(registry: Engine, name: str) -> None:
    said = []
    for one in (name, "li"):
        with pytest.raises(Unauthorized) as error:
            sign_in(registry, Attempt(one, PASSWORD + "x", "a"), NOW)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_name_that_is_nobody_s_costs_the_same_work(monkeypatch: pytest.MonkeyPatch, registry: Engine) -> None:
    hashed: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, kept: str, password: str) -> bool:
        hashed.append(kept.rsplit("$", 2)[0])
        return real(self, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for name in ("li", "nobody", ""):
        tried(registry, name)
    assert len(hashed) == 3
    assert len(set(hashed)) == 1, "the same parameters"
    assert [row.object_id for row in audit_rows(registry, action="sign_in_failed")] == ["unknown", "unknown", "li"]


def test_a_disabled_account_is_refused_as_a_wrong_password_is(registry: Engine) -> None:
    disable(registry, "li", who="root", why="left", now=NOW)
    assert tried(registry, "li", PASSWORD) == "refused"
    assert [row.facts for row in audit_rows(registry, action="sign_in_failed")] == [{"why": "disabled"}]


def test_what_was_typed_is_never_written_down(registry: Engine) -> None:
    tried(registry, "my-secret-in-the-wrong-field", "another-secret")
    tried(registry, "li", "another-secret")
    kept = str(audit_rows(registry))
    with registry.connect() as connection:
        kept += str(connection.execute(text("SELECT * FROM failed_sign_ins")).all())
    assert "secret" not in kept


@pytest.mark.parametrize("name", ["li", "nobody"])
def test_guesses_at_an_account_are_held_back_ever_longer_and_never_for_good(registry: Engine, name: str) -> None:
    at, looked_at = NOW, 0
    day = NOW + timedelta(days=1)
    n = 0
    while at < day:  # a guess every five minutes, each from another address
        looked_at += tried(registry, name, at=at, address=f"{n}") == "refused"
        at, n = at + timedelta(minutes=5), n + 1
    longest = ACCOUNT.longest_wait
    assert n / 4 < looked_at < 20 + timedelta(days=1) / longest
    assert tried(registry, name, PASSWORD, at=at + longest, address="own") == ("li" if name == "li" else "refused")


def test_many_guesses_at_once_are_not_looked_at_for_the_price_of_one(registry: Engine) -> None:
    with ThreadPoolExecutor(8) as many:
        said = list(many.map(lambda n: tried(registry, address=f"{n}"), range(24)))
    assert said.count("refused") == ACCOUNT.slips
    assert said.count("held back") == 24 - ACCOUNT.slips


def test_what_is_held_back_is_not_looked_at_even_if_it_is_right_and_costs_nothing(registry: Engine) -> None:
    for _ in range(ACCOUNT.slips):
        tried(registry)
    assert tried(registry, "li", PASSWORD) == "held back"
    assert tried(registry, "li", PASSWORD, at=NOW + ACCOUNT.first_wait) == "li"
    assert tried(registry, "wang", PASSWORD) == "wang"


def test_a_stranger_does_not_keep_out_who_signed_in_before(registry: Engine) -> None:
    browser = know_browser(registry, "li", NOW)
    for n in range(40):
        tried(registry, "li", at=NOW + n * timedelta(minutes=16), address="stranger")
    at = NOW + 39 * timedelta(minutes=16) + timedelta(seconds=1)
    assert tried(registry, "li", PASSWORD, at=at, address="stranger") == "held back"
    assert tried(registry, "li", PASSWORD, at=at, address="stranger", browser=browser) == "li"
    assert tried(registry, "wang", PASSWORD, at=at, address="w", browser=browser) == "wang"


def test_a_known_browser_is_no_way_around_for_guesses(registry: Engine) -> None:
    browser = know_browser(registry, "li", NOW)
    said = [tried(registry, "li", at=NOW, address=f"{n}", browser=browser) for n in range(30)]
    assert said.count("refused") < 15
    assert [tried(registry, "wang", at=NOW, address=f"{n}", browser=browser) for n in range(9)].count("refused") == 5
    assert [tried(registry, "wang", at=NOW, address=f"{n}", browser="made-up") for n in range(9)].count("refused") == 0


def test_an_address_that_tries_many_names_is_held_back(registry: Engine) -> None:
    said = [tried(registry, f"name{n}") for n in range(ADDRESS.slips + 5)]
    assert said.count("refused") == ADDRESS.slips
    assert tried(registry, "li", PASSWORD) == "held back"
    assert tried(registry, "li", PASSWORD, address="another") == "li"


def test_an_own_account_does_not_clear_the_guesses_of_its_address(registry: Engine) -> None:
    said = []
    for n in range(56):
        said.append(tried(registry, f"name{n}"))
        tried(registry, "wang", PASSWORD)
    assert said.count("refused") <= ADDRESS.slips + 1


def test_failures_are_forgotten_after_a_day_or_by_hand(registry: Engine) -> None:
    for _ in range(30):
        tried(registry, at=NOW)
    assert tried(registry) == "held back"
    forgive(registry, "li")
    assert tried(registry, "li", PASSWORD) == "li"
    tried(registry, "wang", at=NOW + FORGOTTEN + timedelta(hours=1), address="b")
    with registry.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM failed_sign_ins")).scalar_one() == 2


def test_a_flood_of_names_does_not_fill_the_disk(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_sign_ins, "MAX_KEPT", 20)
    for n in range(40):
        failed_sign_ins.count_attempt(registry, {f"{n}": ACCOUNT}, NOW + timedelta(seconds=n))
    with registry.connect() as connection:
        kept = set(connection.execute(text("SELECT counted_against FROM failed_sign_ins")).scalars())
    assert len(kept) <= 20
    assert "39" in kept


def test_known_browsers_have_an_end(registry: Engine) -> None:
    first = know_browser(registry, "li", NOW)
    again = know_browser(registry, "li", NOW + timedelta(seconds=1), first)
    for n in range(MAX_KNOWN):
        last = know_browser(registry, "li", NOW + timedelta(seconds=2 + n))
    for _ in range(ACCOUNT.slips):
        tried(registry, "li")
    assert [tried(registry, "li", browser=one) for one in (first, again, last)] == ["held back", "held back", "refused"]


def test_a_script_is_written_down_once_an_hour(registry: Engine) -> None:
    for minutes in range(0, 130, 10):
        sign_in(registry, Attempt("li", PASSWORD, "a", is_script=True), NOW + timedelta(minutes=minutes))
    assert len(audit_rows(registry, action="signed_in")) == 3
    assert verify(registry).broken is None


def test_a_hash_of_other_parameters_is_made_anew_at_the_next_sign_in(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
    monkeypatch.setattr(account_passwords, "_HASHER", stronger)
    assert is_outworn(account_named(registry, "li").password_hash)
    assert tried(registry, "li", PASSWORD) == "li"
    assert not is_outworn(account_named(registry, "li").password_hash)
    assert tried(registry, "li", PASSWORD) == "li"


def test_hashes_are_argon2id_salted_and_of_this_password_alone() -> None:
    one, two = hash_of(PASSWORD), hash_of(PASSWORD)
    assert one != two
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password_of(PASSWORD, one)
    for wrong in (PASSWORD.lower(), PASSWORD + " ", ""):
        assert not is_password_of(wrong, one)
    for kept in ("", "plain", "$argon2id$v=19$m=1"):
        assert not is_password_of(PASSWORD, kept)


def test_a_character_is_the_same_however_a_keyboard_writes_it() -> None:
    assert is_password_of("ＣＡＦÉ-cafe-kiosk", hash_of("CAFE\u0301-cafe-kiosk"))
    assert is_password_of("x\ud800" * 9, hash_of("x\ud800" * 9))


@pytest.mark.parametrize("bad", ["", "short", "a" * 40, "password1234", "Li-Ming-2026!", "x" * 1_025, "admin123456789"])
def test_passwords_that_are_tried_first_are_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="got a password"):
        checked_password(bad, "li-ming")


@given(st.text(min_size=12, max_size=40))
def test_made_passwords_and_random_ones_are_taken(text: str) -> None:
    made = made_password()
    assert checked_password(made, "li") == made
    assert len(made) == 19
    with suppress(InvalidInput):
        assert checked_password(text, "li") == text


@given(st.integers(0, 60), st.integers(0, 200))
def test_a_wait_never_shrinks_and_has_an_end(slips: int, n: int) -> None:
    patience = Patience(slips)
    assert patience.wait(n) <= patience.wait(n + 1) <= patience.longest_wait
    assert (patience.wait(n) == timedelta()) == (n < slips)


def test_the_cached_hash_of_the_tests_is_what_is_kept() -> None:
    assert is_password_of(PASSWORD, kept_hash())
